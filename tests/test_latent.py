import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoo.errors import ConfigError
from zoo.latent import (
    arithmetic,
    around,
    interpolate,
    lerp,
    manifold,
    reconstruct,
    slerp,
    traverse,
)

COORDINATES = st.floats(-100, 100, allow_subnormal=False)
VECTORS = arrays(np.float64, 5, elements=COORDINATES)
SHARES = st.floats(0, 1, allow_subnormal=False)


class Doubles:
    """Codes are the examples times two; the label, where given, is added to what is decoded."""

    config = None

    def encode(self, x, labels=None):
        return 2 * x

    def decode(self, latents, labels=None):
        return latents / 2 + (0 if labels is None else labels[:, None])


@given(VECTORS, VECTORS)
def test_an_arc_begins_and_ends_at_the_two_vectors(a, b):
    np.testing.assert_allclose(slerp(a, b, 0.0), a, atol=1e-9)
    np.testing.assert_allclose(slerp(a, b, 1.0), b, atol=1e-9)


@given(VECTORS, VECTORS, SHARES)
def test_the_length_on_an_arc_changes_linearly(a, b, t):
    expected = (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
    assert np.linalg.norm(slerp(a, b, t)) == pytest.approx(expected, abs=1e-9)


@given(VECTORS, VECTORS, SHARES)
def test_an_arc_turns_at_a_constant_rate(a, b, t):
    assume(np.linalg.norm(a) > 1e-3 and np.linalg.norm(b) > 1e-3)
    unit_a, unit_b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    angle = np.arccos(np.clip(unit_a @ unit_b, -1, 1))
    point = slerp(unit_a, unit_b, t)
    assert point @ unit_a == pytest.approx(np.cos(t * angle), abs=1e-6)


@given(VECTORS, VECTORS, SHARES)
def test_an_arc_is_the_same_in_both_directions(a, b, t):
    assume(np.linalg.norm(a + b) > 1e-3)  # opposite vectors have more than one arc
    np.testing.assert_allclose(slerp(a, b, t), slerp(b, a, 1 - t), atol=1e-4)


def test_the_arc_of_a_right_angle_is_the_formula_of_shoemake():
    a, b, t = np.array([2.0, 0.0]), np.array([0.0, 2.0]), 0.3
    omega = np.pi / 2
    expected = (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)
    np.testing.assert_allclose(slerp(a, b, t), expected)


def test_the_arc_between_equal_vectors_stays_there():
    a = np.array([0.1, 0.2, 0.3], np.float32)
    np.testing.assert_allclose(slerp(a, a, np.linspace(0, 1, 7)), np.tile(a, (7, 1)), rtol=1e-6)


@pytest.mark.parametrize("a", [[1.0, 0.0], [0.0, 0.0, 3.0], [1.0, -2.0, 2.0, 5.0]])
def test_opposite_vectors_are_joined_without_passing_the_origin(a):
    a = np.array(a)
    path = slerp(a, -a, np.linspace(0, 1, 5))
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), np.linalg.norm(a))
    np.testing.assert_allclose(path[[0, -1]], [a, -a], atol=1e-12)
    assert path[2] @ a == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("a", "b"), [([0.0, 0.0], [3.0, 4.0]), ([2.0], [-2.0]), ([0.0], [0.0])])
def test_where_there_is_no_arc_the_path_is_straight(a, b):
    t = np.linspace(0, 1, 5)
    np.testing.assert_allclose(
        slerp(np.array(a), np.array(b), t), lerp(np.array(a), np.array(b), t)
    )


def test_many_pairs_and_steps_give_what_each_gives_alone():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    t = np.linspace(0, 1, 6)
    together = slerp(a[:, None], b[:, None], t)
    assert together.shape == (3, 6, 4)
    assert together.dtype == np.float32
    for pair in range(3):
        for step in range(6):
            np.testing.assert_allclose(together[pair, step], slerp(a[pair], b[pair], t[step]))


def test_a_line_between_latents_passes_their_middle():
    a, b = np.array([[1.0, 0.0]]), np.array([[3.0, 2.0]])
    [path] = interpolate(Doubles(), 2 * a, 2 * b, 3, "lerp")
    np.testing.assert_allclose(path, [[1, 0], [2, 1], [3, 2]])


def test_each_half_of_a_line_is_decoded_with_the_label_of_its_end():
    latents = np.zeros((1, 2))
    labels = {"labels_a": np.array([5]), "labels_b": np.array([7])}
    [path] = interpolate(Doubles(), latents, latents, 4, "lerp", **labels)
    assert path[:, 0].tolist() == [5, 5, 7, 7]


def test_a_line_of_one_step_is_refused():
    with pytest.raises(ConfigError, match=r"steps must be 2 or more\. Received: 1"):
        interpolate(Doubles(), np.zeros((1, 2)), np.zeros((1, 2)), 1)


def test_an_unknown_line_is_refused_with_the_names_of_the_known():
    with pytest.raises(ConfigError, match=r"method must be one of slerp, lerp\. Received: 'slrp'"):
        interpolate(Doubles(), np.zeros((1, 2)), np.zeros((1, 2)), 3, "slrp")


def test_a_traversal_changes_one_dimension_in_each_row():
    rows = traverse(Doubles(), np.array([10.0, 20.0]), np.array([[0.0, 2.0], [4.0, 6.0]]), label=1)
    expected = [[[0, 10], [1, 10]], [[5, 2], [5, 3]]]
    np.testing.assert_allclose(rows, np.array(expected) + 1)


def test_the_manifold_shows_the_quantiles_of_the_prior_upwards_and_to_the_right():
    plane = 2 * manifold(Doubles(), 3)  # (N, N, 2)
    z = 0.9674215661017014  # the 5/6 quantile of the standard normal, from tables
    np.testing.assert_allclose(plane[:, 0], [[-z, z], [-z, 0], [-z, -z]], atol=1e-6)
    np.testing.assert_allclose(plane[0, :], [[-z, z], [0, z], [z, z]], atol=1e-6)


def test_the_manifold_can_lie_elsewhere():
    plane = 2 * manifold(Doubles(), 3, mean=np.array([5.0, 0.0]), standard_deviation=2.0, label=0)
    np.testing.assert_allclose(plane[1, 1], [5, 0], atol=1e-6)
    np.testing.assert_allclose(plane[0, 2], [5 + 2 * 0.96742, 2 * 0.96742], atol=1e-4)


def test_the_manifold_of_a_uniform_prior_is_evenly_spaced():
    plane = 2 * manifold(Doubles(), 4, prior="uniform")
    np.testing.assert_allclose(plane[0, :, 0], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(plane[:, 0, 1], [0.75, 0.25, -0.25, -0.75])


def test_a_manifold_without_pictures_is_refused():
    with pytest.raises(ConfigError, match="size must be 1 or more"):
        manifold(Doubles(), 0)


def test_reconstructing_is_encoding_and_decoding_with_the_same_labels():
    x = np.array([[1.0, 2.0]])
    np.testing.assert_allclose(reconstruct(Doubles(), x, np.array([3])), x + 3)


def test_arithmetic_adds_and_subtracts_the_means_of_exemplars():
    smiling_woman, neutral_woman, neutral_man = (
        np.random.default_rng(seed).normal(size=(count, 4)) for seed, count in enumerate((3, 2, 5))
    )
    expected = [
        sum(smiling_woman[:, i]) / 3 - sum(neutral_woman[:, i]) / 2 + sum(neutral_man[:, i]) / 5
        for i in range(4)
    ]
    result = arithmetic([smiling_woman, neutral_man], [neutral_woman])
    np.testing.assert_allclose(result, expected)


def test_arithmetic_without_anything_to_add_is_refused():
    with pytest.raises(ConfigError, match="a concept to add"):
        arithmetic([], [np.zeros((1, 2))])


def test_neighbours_lie_evenly_within_the_reach():
    latent = np.array([10.0, -10.0, 0.0], np.float32)
    noise = around(latent, 2000, seed=0) - latent
    assert noise.dtype == np.float32
    assert np.abs(noise).max() <= 0.25 + 1e-6
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(noise.std(axis=0), 0.5 / np.sqrt(12), rtol=0.05)
    np.testing.assert_array_equal(around(latent, 5, seed=1), around(latent, 5, seed=1))
