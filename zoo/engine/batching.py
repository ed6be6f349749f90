"""Examples in batches: for a compiled function, and what is left for the last one of `fit`."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from zoo.errors import DataError


def next_size(count: int) -> int:
    """Return the next of 1, 2, 3, 4, 6, 8, 12, 16 and so on, from `count` on.

    For each other size a compiled function would be compiled anew.
    """
    power = 1 << (count - 1).bit_length()
    return power if 4 * count > 3 * power else max(1, 3 * power // 4)


def call_size(count: int, most: int) -> int:
    """Return how many examples a call of a compiled function is to have, for `count` in all.

    Args:
        count: Examples, 1 or more.
        most: Examples that a call can have.
    """
    return min(most, next_size(count))


def in_batches(function: Callable[..., Any], size: int, *arrays: Any) -> np.ndarray:
    """Return `function(*arrays)` as NumPy, computed over `size` examples at a time.

    The last batch is filled up with copies of its last example, so that the function is compiled
    for few shapes. An array may be None. No examples have no results, but of the same shape.
    """
    count = len(arrays[0])
    if not count:
        one = (
            None if array is None else np.zeros_like(array, shape=(1, *np.shape(array)[1:]))
            for array in arrays
        )
        return in_batches(function, 1, *one)[:0]
    size = call_size(count, size)
    results = []
    for start in range(0, count, size):
        indices = np.minimum(np.arange(start, start + size), count - 1)
        batch = (None if array is None else np.asarray(array)[indices] for array in arrays)
        results.append(ops.convert_to_numpy(function(*batch)))
    return np.concatenate(results)[:count]


def check_last_batch(count: int, given: Mapping[str, Any], least: int, model: str) -> None:
    """Raise DataError where what is left for the last batch of an epoch is too little.

    On TensorFlow a compiled step does not know how many examples it has, and would go on with the
    mean of none.

    Args:
        count: Number of examples in an array.
        given: The arguments of Keras's `fit`, by name.
        least: Examples that a batch needs.
        model: Name of the model's class.
    """
    if given.get("steps_per_epoch") is not None:
        return
    trained_on = math.floor(count * (1 - given.get("validation_split", 0)))
    size = given.get("batch_size") or 32  # as in Keras
    last = trained_on % size
    if trained_on > size and 0 < last < least:
        raise DataError(
            f"{trained_on} examples in batches of {size} leave {last} for the last, and a batch "
            f"of {model} must hold at least {least}. Take another batch size, or {last} fewer."
        )
