import numpy as np
import pytest

from zoo.metrics import MetricError
from zoo.metrics.nearest import Nearest, kth_distances, squared_distances
from zoo.metrics.precision_recall import shares


def points(count, seed, shift=0.0, size=2):
    return np.random.default_rng(seed).normal(shift, 1, (count, size))


def brute_force(real, fake):
    def distance(a, b):
        return np.sqrt(np.square(a - b).sum())

    def radii(x, k):
        return [
            sorted(distance(a, b) for j, b in enumerate(x) if j != i)[k - 1]
            for i, a in enumerate(x)
        ]

    r3, r5, f3 = radii(real, 3), radii(real, 5), radii(fake, 3)
    n = len(real)
    balls = [sum(distance(f, real[i]) <= r5[i] for i in range(n)) for f in fake]
    return {
        "precision": np.mean([any(distance(f, real[i]) <= r3[i] for i in range(n)) for f in fake]),
        "recall": np.mean(
            [
                any(distance(r, f) <= radius for f, radius in zip(fake, f3, strict=True))
                for r in real
            ]
        ),
        "density": np.mean(balls) / 5,
        "coverage": np.mean([any(distance(f, real[i]) <= r5[i] for f in fake) for i in range(n)]),
    }


def means(real, fake):
    return {name: values.mean() for name, values in shares(real, fake).items()}


@pytest.mark.parametrize("block", [7, 1 << 20])
def test_the_four_shares_are_those_of_brute_force(block, monkeypatch):
    monkeypatch.setattr("zoo.metrics.nearest.BLOCK_VALUES", block * 30)
    real, fake = points(40, 0), points(30, 1, shift=0.7)
    assert means(real, fake) == pytest.approx(brute_force(real, fake))


def test_equal_distributions_score_high_on_all_four():
    found = means(points(600, 0), points(600, 1))
    assert min(found.values()) > 0.85
    assert found["density"] == pytest.approx(1, abs=0.1)


def test_a_lost_mode_lowers_recall_and_coverage_and_not_precision():
    real = np.concatenate([points(200, 0), points(200, 1, shift=20)])
    found = means(real, points(400, 2))
    assert found["precision"] > 0.9
    assert found["density"] > 0.9
    assert found["recall"] < 0.55
    assert found["coverage"] < 0.55


def test_samples_between_the_modes_lower_precision_and_density():
    real = np.concatenate([points(200, 0), points(200, 1, shift=20)])
    fake = np.concatenate([real + 0.01, points(400, 2, shift=10)])
    found = means(real, fake)
    assert found["precision"] == pytest.approx(0.5, abs=0.01)
    assert found["density"] == pytest.approx(0.5, abs=0.1)
    assert found["coverage"] == 1


def test_copies_of_the_real_examples_reach_everything():
    real = points(50, 0)
    found = means(real, real)
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)


def test_too_few_examples_for_their_neighbours_are_an_error():
    with pytest.raises(MetricError, match=r"6 or more held-out.*Received: 5 and 9"):
        shares(points(5, 0), points(9, 1))


def test_distances_far_from_the_origin_keep_their_digits():
    far = (points(20, 0, shift=0) * 1e-3 + 1e3).astype(np.float32)
    exact = np.square(far[:, None].astype(np.float64) - far[None]).sum(-1)
    [(rows, found)] = squared_distances(far, far)
    assert rows == slice(0, 20)
    np.testing.assert_allclose(found, exact, atol=1e-12)


def test_the_kth_neighbour_is_not_the_point_itself():
    assert kth_distances(np.array([[0.0], [1.0], [3.0]]), 1).tolist() == pytest.approx([1, 1, 4])
    assert kth_distances(np.array([[0.0], [0.0], [3.0]]), 1).tolist() == pytest.approx([0, 0, 9])


def test_neighbours_gathered_by_block_are_those_of_a_whole_search():
    queries, candidates = points(6, 0), points(40, 1)
    nearest = Nearest(queries, 3)
    for start in range(0, 40, 9):
        block = candidates[start : start + 9]
        nearest.add(block, np.arange(start, start + len(block)))
    exact = np.square(queries[:, None] - candidates[None]).sum(-1)
    assert nearest.indices.tolist() == exact.argsort(axis=1)[:, :3].tolist()
    np.testing.assert_allclose(nearest.squares, np.sort(exact, axis=1)[:, :3])
