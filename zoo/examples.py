"""Checks of the arrays that users hand to a model: examples in their public form, and latents."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.errors import DataError

# Shapes: B batch, Z latent size, ... one example in its public form.

ROUNDING = 1e-6  # how far beyond its range a value may lie


def check_form(
    x: Any,
    shape: Sequence[int | None],
    value_range: tuple[float, float] = (0.0, 1.0),
    *,
    whole: bool = False,
) -> None:
    """Raise DataError unless examples (B, ...) have a shape and numbers of the right type.

    They may be tensors, which are not waited for: values are not looked at.

    Args:
        x: The examples.
        shape: Of one example, (...); None for an axis of any length.
        value_range: Between which values they are to lie, for the message.
        whole: Whether they are whole numbers, and otherwise floating-point ones.
    """
    given = tuple(x.shape[1:])
    same = (size in (None, other) for size, other in zip(shape, given, strict=False))
    if len(given) != len(shape) or not all(same):
        raise DataError(
            f"Each example must have the shape {_shape_text(shape)}. Received: "
            f"{_shape_text(given)}. Cut or resize them, or build the model for that shape."
        )
    dtype = keras.backend.standardize_dtype(x.dtype)
    if ("int" if whole else "float") not in dtype:
        kind = "whole" if whole else "floating-point"
        between = "" if value_range[1] == np.inf else " between {:g} and {:g}".format(*value_range)
        mend = "Convert them to int32." if whole else "Scale and convert them to float32."
        raise DataError(f"Examples must be {kind} numbers{between}. Received: {dtype}. {mend}")


def checked(
    x: Any,
    shape: Sequence[int | None],
    value_range: tuple[float, float] = (0.0, 1.0),
    *,
    whole: bool = False,
) -> np.ndarray:
    """Return examples (B, ...) as an array of float32, or of int32 if they are whole numbers.

    Raises:
        DataError: If they have another shape or type, or a value out of the range.
    """
    x = np.asarray(ops.convert_to_numpy(x))
    check_form(x, shape, value_range, whole=whole)
    least, most = value_range
    if x.size and not (x.min() >= least - ROUNDING and x.max() <= most + ROUNDING):
        raise DataError(
            f"The values of examples must lie between {least:g} and {most:g}. Received: from "
            f"{x.min():g} to {x.max():g}. Scale them, and leave out what is no number."
        )
    return x.astype("int32" if whole else "float32", copy=False)


def checked_latents(latents: Any, size: int) -> np.ndarray:
    """Return latent vectors (B, Z) as an array.

    Raises:
        DataError: If they are not vectors of `size` numbers, Z.
    """
    latents = np.asarray(ops.convert_to_numpy(latents), "float32")
    if latents.ndim != 2 or latents.shape[1] != size:
        raise DataError(
            f"Latent vectors must have the shape (count, {size}), as the model's `latent_size` "
            f"says. Received: {_shape_text(latents.shape)}."
        )
    return latents


def _shape_text(shape: Sequence[int | None]) -> str:
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
