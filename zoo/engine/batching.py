"""Running a compiled function over more examples than fit in memory at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops


def in_batches(function: Callable[..., Any], size: int, *arrays: Any) -> np.ndarray:
    """Return `function(*arrays)` as NumPy, computed over `size` examples at a time.

    The last batch is filled up with copies of its last example, so that the function is compiled
    for one shape only. An array may be None. No examples have no results, but of the same shape.
    """
    count = len(arrays[0])
    if not count:
        one = (
            None if array is None else np.zeros_like(array, shape=(1, *np.shape(array)[1:]))
            for array in arrays
        )
        return in_batches(function, 1, *one)[:0]
    size = min(size, count)
    results = []
    for start in range(0, count, size):
        indices = np.minimum(np.arange(start, start + size), count - 1)
        batch = (None if array is None else np.asarray(array)[indices] for array in arrays)
        results.append(ops.convert_to_numpy(function(*batch)))
    return np.concatenate(results)[:count]
