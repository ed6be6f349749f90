"""Running statistics of batch normalisation, measured anew for weights that were put in place."""

from collections.abc import Iterable
from typing import Any

import keras


def has_statistics(network: keras.Model) -> bool:
    """Return whether a network has batch normalisation."""
    return bool(_normalisations(network))


def measure_statistics(network: keras.Model, batches: Iterable[Any]) -> None:
    """Replace a network's running statistics by plain means over batches ("standing statistics").

    Brock et al. 2019, https://arxiv.org/abs/1809.11096, section 4.1. Deeper layers see what the
    layers before them make of the same batch, as in training.

    Args:
        network: The network.
        batches: Its inputs, as many times as there are batches.
    """
    normalisations = _normalisations(network)
    kept = [layer.momentum for layer in normalisations]
    try:
        for number, inputs in enumerate(batches):
            for layer in normalisations:
                layer.momentum = number / (number + 1)
            network(inputs, training=True)
    finally:
        for layer, momentum in zip(normalisations, kept, strict=True):
            layer.momentum = momentum


def _normalisations(network: keras.Model) -> list[Any]:
    layers = network._flatten_layers()  # those of networks within it, too
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
