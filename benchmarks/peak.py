"""The float32 matrix-product peak of this machine, to which every row is compared."""

import time
from collections.abc import Callable

import numpy as np

SIZE = 2048
_CHAINED = 3  # products per reading, so that fetching the result costs nothing beside them
_READINGS = 3


def numpy_peak() -> float:
    """Return the best GFLOP/s of NumPy's matrix product."""
    a = _matrix()

    def chain() -> None:
        b = a
        for _ in range(_CHAINED):
            b = a @ b

    return _best(chain)


def backend_peak() -> float:
    """Return the best GFLOP/s of the backend's matrix product."""
    from keras import ops

    a = ops.convert_to_tensor(_matrix())

    def chain() -> None:
        b = a
        for _ in range(_CHAINED):
            b = ops.matmul(a, b)
        ops.convert_to_numpy(b)

    return _best(chain)


def _matrix() -> np.ndarray:
    # This variance keeps the chain of products from growing or fading into denormal numbers.
    matrix = np.random.default_rng(0).standard_normal((SIZE, SIZE)) / np.sqrt(SIZE)
    return matrix.astype("float32")


def _best(chain: Callable[[], None]) -> float:
    times = []
    for _ in range(_READINGS):
        start = time.perf_counter()
        chain()
        times.append(time.perf_counter() - start)
    return _CHAINED * 2 * SIZE**3 / min(times) / 1e9
