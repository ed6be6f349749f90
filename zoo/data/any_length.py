"""Batches that differ in length, in the form that Keras's `fit` takes them."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


def of_any_length(stream: Iterator[tuple[np.ndarray, ...]]) -> Any:
    """Return a stream of batches whose first examples (B, T, ...) have another T in each batch.

    On TensorFlow, `fit` looks at two batches of a generator, and takes every axis that has
    the same size in both for one that never changes. It is given a pipeline that knows better.
    """
    if keras.backend.backend() != "tensorflow":
        return stream
    import tensorflow as tf

    first = next(stream)
    x, *others = first
    signature = (
        tf.TensorSpec((None, None, *x.shape[2:]), x.dtype),
        *(tf.TensorSpec((None, *other.shape[1:]), other.dtype) for other in others),
    )

    def batches() -> Iterator[tuple[np.ndarray, ...]]:
        yield first
        yield from stream

    return tf.data.Dataset.from_generator(batches, output_signature=signature)
