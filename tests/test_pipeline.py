"""Streams of batches as `fit` is given them."""

import keras
import numpy as np
import pytest

from zoo.data.pipeline import for_fit

pytestmark = pytest.mark.backends


def stream(lengths=(3, 5)):
    for length in lengths:
        x = np.arange(2 * length, dtype="float32").reshape(2, length)
        yield x, np.array([0, 1], "int32")


def read(batches):
    return [
        tuple(np.asarray(keras.ops.convert_to_numpy(array)) for array in batch) for batch in batches
    ]


def test_batches_are_handed_on_as_they_are():
    for given, expected in zip(read(for_fit(stream((4, 4)))), stream((4, 4)), strict=True):
        np.testing.assert_array_equal(given[0], expected[0])
        np.testing.assert_array_equal(given[1], expected[1])


def test_batches_of_any_length_are_handed_on():
    given = read(for_fit(stream(), any_length=True))
    assert [x.shape for x, _ in given] == [(2, 3), (2, 5)]


def test_a_mapping_of_inputs_is_handed_on():
    given = list(for_fit(iter([({"A": np.ones((2, 3), "float32")},)] * 2)))
    assert len(given) == 2
    assert set(given[0][0]) == {"A"}
    assert tuple(given[0][0]["A"].shape) == (2, 3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it is TensorFlow's pipeline")
def test_the_pipeline_does_not_tune_itself_and_knows_its_axes():
    fixed, free = for_fit(stream()), for_fit(stream(), any_length=True)
    assert fixed.options().autotune.enabled is False
    assert free.options().autotune.enabled is False
    assert [spec.shape.as_list() for spec in fixed.element_spec] == [[2, 3], [2]]
    assert [spec.shape.as_list() for spec in free.element_spec] == [[None, None], [None]]
