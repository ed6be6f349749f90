"""The mu-law: levels that lie closer together the quieter they are (ITU-T G.711).

    f(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu),  mu = K - 1

maps [-1, 1] to itself; f(x) is rounded to the nearest of K evenly spaced values.
"""

from typing import Any

import numpy as np
from keras import ops

# Shapes: K levels, ... any.


def encode(x: Any, levels: int) -> Any:
    """Return the codes, int32 (...) in 0 to K - 1, of samples (...) in [-1, 1], as tensors."""
    mu = levels - 1
    x = ops.clip(ops.cast(x, "float32"), -1.0, 1.0)
    compressed = ops.sign(x) * ops.log1p(mu * ops.abs(x)) / np.log1p(mu)
    codes = ops.cast(ops.floor((compressed + 1) * (mu / 2) + 0.5), "int32")
    return ops.clip(codes, 0, mu)  # what is no number has a code, too


def decoded_levels(levels: int) -> np.ndarray:
    """Return the sample, float32 (K,), that each code stands for; it encodes to that code."""
    mu = levels - 1
    compressed = 2 * np.arange(levels) / mu - 1
    samples = np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(mu)) / mu
    return samples.astype("float32")
