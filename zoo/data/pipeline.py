"""Streams of batches in the form that Keras's `fit` takes them."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


def for_fit(stream: Iterator[tuple[Any, ...]], *, any_length: bool = False) -> Any:
    """Return what `fit` is to be given in place of a stream of batches.

    On TensorFlow, Keras would make a pipeline of a generator by itself, with two faults. The
    pipeline tunes itself in a thread that wakes after 10, 20, 40 ... ms, at last once a minute.
    When `fit` ends it often waits for the thread to wake, so that it can take twice its time. And
    an axis that has the same size in two batches is taken for one that never changes. So it is
    given a pipeline that is not tuned, and knows its axes.

    Args:
        stream: Batches of arrays, (x,) or (x, y), all of the first one's shapes.
        any_length: Whether x (B, T, ...) may have another B and T in each batch, and y another B.
    """
    if keras.backend.backend() != "tensorflow":
        return stream
    import tensorflow as tf

    first = next(stream)

    def spec(array: np.ndarray, free_axes: int) -> Any:
        free = free_axes if any_length else 0
        return tf.TensorSpec((*[None] * free, *array.shape[free:]), array.dtype)

    x, *others = first
    signature = (
        keras.tree.map_structure(lambda array: spec(array, 2), x),
        *(keras.tree.map_structure(lambda array: spec(array, 1), other) for other in others),
    )

    def batches() -> Iterator[tuple[Any, ...]]:
        yield first
        yield from stream

    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_generator(batches, output_signature=signature).with_options(options)
