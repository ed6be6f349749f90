"""Floating-point operations per example, counted from the layers.

A multiply-add is two operations. Counted are matrix products and convolutions; biases,
normalisation, activations, losses and the optimizer are left out, and the zeros that "same" padding
adds count as data. In forward passes, a use of a network costs

- 1 where it is only applied,
- 1 more for the gradient of the weights, and 1 more for the gradient of the input; the first
  layer's share of the latter is left out where the input is data or noise,
- 2 where another network learns through it: its own weights need no gradient then,
- 4 for a penalty on the gradient by the input: forward, that gradient, and the gradient of each of
  its products by both factors. Piecewise linear activations send nothing back beyond this.

Where a network brings layers of its own, each of which applies its kernels at all pixels, or at all
elements of a sequence, a kernel costs what it does not mask, times the places at which it is
needed: that of a context, which is the same everywhere, once. An autoregressive model needs each
place once to sample: one forward pass of all places.

Every contender of a row is counted by what the algorithm asks for, whatever it computes: a plain
loop computes the weights' gradients of a discriminator that does not move, too, and one that gives
both players the same fake images saves a pass of the generator.
"""

import math
import operator
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, models

from benchmarks.row import Pass


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
    if len(getattr(getattr(layer, "kernel", None), "shape", ())) == 4:
        # A model's own convolution of images: as it is defined, whatever computes it.
        return 2 * math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
    if any(len(weight.shape) > 1 for weight in layer.trainable_weights):
        raise NotImplementedError(
            f"forward_flops cannot count a {type(layer).__name__} yet. Add its formula."
        )
    return 0


def kernel_flops(network: Any, positions: float) -> list[float]:
    """Return the operations of each kernel that a network applies at so many positions.

    What a mask blots out costs nothing; an initial state is no kernel; a context is the same at all
    positions.

    Args:
        network: A layer, or a list of layers.
        positions: Places of an example at which each kernel is applied.
    """
    parts = network if isinstance(network, list) else [network]
    masks = {
        id(layer.kernel): layer.allowed.sum()
        for part in parts
        for layer in part._flatten_layers()
        if hasattr(layer, "allowed")
    }
    return [
        2
        * (1 if weight.name.startswith("context") else positions)
        * float(masks.get(id(weight), math.prod(weight.shape)))
        for part in parts
        for weight in part.trainable_weights
        if len(weight.shape) > 1 and not weight.name.startswith("initial")
    ]


def flops_per_example(model: Any, passes: Sequence[Pass]) -> int:
    """Return the operations of one training step, or of sampling, divided by the batch size."""
    total = 0.0
    for use in passes:
        network = operator.attrgetter(use.network)(model)
        if use.image_shape is not None:
            network = models.clone_model(network, input_tensors=keras.Input(use.image_shape))
        if use.positions is None:
            counts = [forward_flops(layer) for layer in network.layers]
        else:
            counts = kernel_flops(network, use.positions)
        forward = sum(counts)
        first = next(count for count in counts if count)
        total += (
            use.count
            * {
                "none": forward,
                "weights": 3 * forward - first,
                "input": 2 * forward,
                "both": 3 * forward,
                "penalty": 4 * forward,
            }[use.gradients]
        )
    return round(total)
