import numpy as np
import pytest

from zoo.data.doodles import load_doodles
from zoo.data.stroke_augmentation import DROPPED, SCALE, STROKE_RECIPES, StrokeAugmentation
from zoo.data.strokes import point_count
from zoo.errors import DataError


@pytest.fixture(scope="module")
def sketches():
    data = load_doodles(split="train")
    return data.read(np.arange(0, 2000, 4))[0]


def positions(sketch):
    return np.cumsum(sketch[: point_count(sketch), :2], axis=0, dtype=np.float64)


def strokes(sketch):
    """Return the positions of each stroke."""
    lifted = np.flatnonzero(sketch[: point_count(sketch), 3])
    return np.split(positions(sketch), lifted[:-1] + 1)


def test_the_same_seed_epoch_and_step_give_the_same_bits(sketches):
    change, again = (StrokeAugmentation("scale,drop-points", seed=3) for _ in range(2))
    before = sketches.copy()
    first = change(sketches, 1, 2)
    np.testing.assert_array_equal(sketches, before)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again(sketches, 1, 2))
    for other in (
        change(sketches, 1, 3),
        change(sketches, 2, 2),
        StrokeAugmentation("scale,drop-points", seed=4)(sketches, 1, 2),
    ):
        assert (first != other).any()


def test_each_axis_of_a_sketch_is_stretched_by_a_factor_of_its_own(sketches):
    changed = StrokeAugmentation("scale", seed=0)(sketches, 0, 0)
    np.testing.assert_array_equal(changed[..., 2:], sketches[..., 2:])
    lengths = [np.abs(batch[..., :2]).sum(axis=1) for batch in (sketches, changed)]
    factors = lengths[1] / lengths[0]  # (B, 2)
    expected = sketches[..., :2] * factors[:, None]
    np.testing.assert_allclose(changed[..., :2], expected, atol=1e-4)
    assert 1 - SCALE - 1e-5 <= factors.min() < 1 - 0.9 * SCALE
    assert 1 + 0.9 * SCALE < factors.max() <= 1 + SCALE + 1e-5
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.2


def test_one_in_ten_inner_points_is_left_out_and_all_others_stay_in_place(sketches):
    changed = StrokeAugmentation("drop-points", seed=0)(sketches, 0, 0)
    inner = left_out = 0
    for before, after in zip(sketches, changed, strict=True):
        for whole, rest in zip(strokes(before), strokes(after), strict=True):
            np.testing.assert_allclose(rest[[0, -1]], whole[[0, -1]], atol=1e-5)
            remaining = iter(whole)  # in the same order, each where it was
            assert all(any(np.allclose(p, q, atol=1e-5) for q in remaining) for p in rest)
            inner += max(0, len(whole) - 2)
            left_out += len(whole) - len(rest)
    assert left_out / inner == pytest.approx(DROPPED, abs=0.015)


def test_rows_stay_stroke_5_and_are_filled_with_end_rows(sketches):
    changed = StrokeAugmentation("drop-points, scale", seed=0)(sketches, 0, 0)
    assert changed.shape == sketches.shape
    np.testing.assert_array_equal(changed[..., 2:].sum(axis=-1), 1)
    for sketch in changed:
        count = point_count(sketch)
        assert sketch[count - 1, 3] == 1
        np.testing.assert_array_equal(sketch[count:], [[0, 0, 0, 0, 1]] * (len(sketch) - count))


def test_strokes_of_two_points_and_empty_sketches_are_left_as_they_are():
    row, end = [1, 2, 1, 0, 0], [0, 0, 0, 0, 1]
    lines = np.array([[row, [3, 4, 0, 1, 0]] * 4 + [end], [end] * 9], np.float32)
    change = StrokeAugmentation("drop-points", seed=0)
    for step in range(50):
        np.testing.assert_allclose(change(lines, 0, step), lines, atol=1e-6)


def test_an_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(
        DataError, match=r"of sketches 'scael'\. Did you mean 'scale'\?.* drop-poin"
    ):
        StrokeAugmentation("scael", seed=0)
    assert set(STROKE_RECIPES) == {"scale", "drop-points"}
