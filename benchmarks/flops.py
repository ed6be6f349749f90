"""Floating-point operations per example, counted from the layers.

A multiply-add is two operations. Counted are matrix products and convolutions; biases,
activations, losses and the optimizer are left out, and the zeros that "same" padding adds count
as data. Training costs three times the forward pass (the backward pass has one product for the
gradient of the weights and one for that of the input), less the gradient of the input where the
input is data.
"""

import math
from collections.abc import Sequence
from typing import Any

from keras import layers

from benchmarks.rows import Pass


def forward_flops(layer: Any) -> int:
    """Return the operations of one application of a layer to one example."""
    if isinstance(layer, layers.Dense):
        positions = math.prod(layer.output.shape[1:-1])
        return 2 * positions * math.prod(layer.kernel.shape)
    if isinstance(layer, layers.Conv1D | layers.Conv2D):
        # Each output position sees the whole kernel: (h, w, in / groups, out).
        return 2 * math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose):
        # Each input position is spread over the whole kernel: (h, w, out, in).
        return 2 * math.prod(layer.input.shape[1:-1]) * math.prod(layer.kernel.shape)
    if any(len(weight.shape) > 1 for weight in layer.trainable_weights):
        raise NotImplementedError(
            f"forward_flops cannot count a {type(layer).__name__} yet. Add its formula."
        )
    return 0


def flops_per_example(model: Any, passes: Sequence[Pass], *, training: bool) -> int:
    """Return the operations of one training step, or of sampling, divided by the batch size."""
    total = 0
    for use in passes:
        counts = [forward_flops(layer) for layer in getattr(model, use.network).layers]
        forward = sum(counts)
        if not training:
            total += use.count * forward
            continue
        first = next(count for count in counts if count)
        total += use.count * (3 * forward - (first if use.from_data else 0))
    return total
