import numpy as np
import pytest

from zoo.attributes import Direction, find_direction, slide
from zoo.errors import DataError

SIZE = 20


def draw(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, SIZE)).astype(np.float32)


def planted(seed=5):
    unit = np.random.default_rng(seed).normal(size=SIZE)
    return unit / np.linalg.norm(unit)


class Sums:
    """The example is the sum of the latent vector, and the label times a thousand."""

    def decode(self, latents, labels=None):
        return latents.sum(axis=-1) + (0 if labels is None else 1000 * labels)


def test_a_planted_direction_is_found():
    latents = draw(1000)
    noise = np.random.default_rng(1).normal(scale=0.3, size=1000)
    direction = find_direction(latents, latents @ planted() + noise > 0.5)
    assert direction.unit @ planted() > 0.95
    assert np.linalg.norm(direction.unit) == pytest.approx(1)
    assert direction.spread == pytest.approx(1, abs=0.1)
    assert direction.accuracy > 0.8
    assert not direction.is_chance


def test_the_unit_of_the_latents_changes_nothing_but_the_spread():
    latents = draw(500)
    has_attribute = latents @ planted() > 0
    one, other = (find_direction(scale * latents, has_attribute) for scale in (1, 100))
    np.testing.assert_allclose(other.unit, one.unit, atol=1e-3)
    assert other.spread == pytest.approx(100 * one.spread, rel=1e-3)
    assert other.accuracy == one.accuracy


def test_a_dimension_that_hardly_varies_is_not_followed():
    latents = draw(500)
    has_attribute = latents[:, 0] > 0
    latents[:, 1:] *= 1e-3
    latents[:, 1] += 1e-5 * has_attribute
    assert find_direction(latents, has_attribute).unit[0] > 0.99


def test_a_rare_attribute_that_is_in_no_latent_is_chance():
    has_attribute = np.arange(600) % 10 == 0
    accuracies = []
    for seed in range(20):
        direction = find_direction(draw(600, seed), has_attribute, seed=seed)
        assert direction.is_chance
        accuracies.append(direction.accuracy)
    assert np.mean(accuracies) == pytest.approx(0.5, abs=0.03)


def test_the_error_of_chance_is_that_of_two_coins():
    direction = find_direction(draw(100), np.arange(100) < 20)
    generator = np.random.default_rng(0)
    tosses = (generator.binomial(20, 0.5, 20000) / 20 + generator.binomial(80, 0.5, 20000) / 80) / 2
    assert direction.chance_error == pytest.approx(tosses.std(), rel=0.03)


def test_the_seed_decides_what_is_held_out():
    latents = draw(60)
    has_attribute = latents @ planted() > 0
    accuracies = [find_direction(latents, has_attribute, seed=s).accuracy for s in (0, 0, 1, 2, 3)]
    assert accuracies[0] == accuracies[1]
    assert len(set(accuracies)) > 1


def test_latents_that_are_all_equal_have_no_direction():
    direction = find_direction(np.ones((20, SIZE), np.float32), np.arange(20) < 10)
    assert direction.is_chance
    assert np.isfinite(direction.unit).all()


@pytest.mark.parametrize("members", [0, 4, 96, 100])
def test_too_few_of_either_kind_are_refused(members):
    with pytest.raises(DataError, match=f"Received: {members} with it, {100 - members} without"):
        find_direction(draw(100), np.arange(100) < members)


def test_labels_of_zeros_and_ones_are_as_booleans():
    latents = draw(60)
    has_attribute = latents @ planted() + draw(60, seed=1)[:, 0] > 0
    expected = find_direction(latents, has_attribute)
    for labels in (has_attribute.astype("int64"), has_attribute.tolist()):
        direction = find_direction(latents, labels)
        assert direction.accuracy == expected.accuracy
        np.testing.assert_array_equal(direction.unit, expected.unit)


def test_as_many_labels_as_latents_are_asked_for():
    with pytest.raises(DataError, match=r"labels \(19,\)"):
        find_direction(draw(20), np.arange(19) < 10)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_latents_that_are_not_finite_are_refused(value):
    latents = draw(20)
    latents[[3, 5], 1] = value
    with pytest.raises(DataError, match="Received: 2 of 20 that are not"):
        find_direction(latents, np.arange(20) < 10)


def test_a_slider_goes_in_standard_deviations_and_keeps_each_label():
    direction = Direction(np.array([0, 1], np.float32), spread=5.0, accuracy=1.0, chance_error=0.1)
    latents = np.array([[1, 2], [3, 4]], np.float32)
    rows = slide(Sums(), latents, direction, np.array([-2.0, 0.0, 1.0]), np.array([0, 7]))
    np.testing.assert_allclose(rows, [[3 - 10, 3, 3 + 5], [7000 + 7 - 10, 7007, 7012]])
