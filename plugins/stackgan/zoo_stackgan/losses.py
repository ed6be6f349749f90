"""Means that the players' losses are made of."""

from collections.abc import Sequence
from typing import Any

from keras import ops

# Shapes: B batch.


def judged_wrong(logits: Any, weights: Any) -> tuple[Any, Any]:
    """Return -log(1 - D), and the share that D decides rightly, where captions are wrong.

    Args:
        logits: Of D, (B,).
        weights: 1 where the caption is wrong, else 0, (B,).
    """
    count = ops.maximum(ops.sum(weights), 1.0)
    is_right = ops.cast(ops.less(logits, 0.0), "float32")
    return ops.sum(weights * ops.softplus(logits)) / count, ops.sum(weights * is_right) / count


def mean_of(values: Sequence[Any]) -> Any:
    """Return the mean of scalars."""
    return sum(values) / len(values)


def share(flags: Any) -> Any:
    """Return the share of flags (B,) that are set."""
    return ops.mean(ops.cast(flags, "float32"))
