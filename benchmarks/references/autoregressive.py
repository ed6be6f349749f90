"""References of the autoregressive rows: PyTorch modules in plain loops.

- `torch_pixels`, `torch_wavenet`: training, with the papers' optimizers.
- `torch_pixels_naive`, `torch_wavenet_naive`: sampling by the whole network for every element. An
  element costs the same wherever it stands, so only a few of each example are made.
- `torch_wavenet_queues`: sampling sample by sample, with a queue of features for each layer.
"""

from typing import Any

import numpy as np

from benchmarks.references.contender import Contender, shuffled_batches
from benchmarks.row import Row

# Shapes: B batch, N examples, H height, W width, T samples, K levels.

NAIVE_PIXELS = 2  # of an image
NAIVE_SAMPLES = 4  # of a sound
QUEUE_SAMPLES = 200


def torch_pixels(row: Row, images: np.ndarray) -> Contender:
    """Return the training of a network of black-and-white pixels as a plain PyTorch loop."""
    import torch
    from torch import nn
    from torch.nn import functional

    from benchmarks.references.torch_pixels import pixel_network

    network = pixel_network(row.config)
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-3)
    data = torch.from_numpy(np.moveaxis(np.round(images), 3, 1).copy())  # (N, 1, H, W)

    def run(examples: int) -> None:
        total = 0.0
        for x in shuffled_batches(data, examples, row.batch_size):
            optimizer.zero_grad()
            logits = network(x * 2 - 1)
            loss = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
            loss.backward()
            # What is minimised is the sum over pixels; the paper clips the gradient of their mean.
            nn.utils.clip_grad_value_(network.parameters(), float(x[0].numel()))
            total += loss.item()
            optimizer.step()

    return Contender(run, count_parameters(network))


def torch_pixels_naive(row: Row, images: np.ndarray) -> Contender:
    """Return the sampling of black-and-white pixels by the whole network for every pixel."""
    import torch

    from benchmarks.references.torch_pixels import pixel_network

    network = pixel_network(row.config)
    height, width, _ = row.image_shape

    @torch.no_grad()
    def run(examples: int) -> None:
        for _ in range(examples // row.batch_size):
            x = torch.zeros(row.batch_size, 1, height, width)
            for place in range(NAIVE_PIXELS):
                i, j = divmod(place, width)
                logits = network(x * 2 - 1)[:, 0, i, j]
                x[:, 0, i, j] = torch.bernoulli(torch.sigmoid(logits))

    return Contender(run, count_parameters(network), share=NAIVE_PIXELS / (height * width))


def torch_wavenet(row: Row, sounds: np.ndarray) -> Contender:
    """Return the training of a WaveNet as a plain PyTorch loop."""
    import torch
    from torch.nn import functional

    from benchmarks.references.torch_wavenet import WaveNet

    network = WaveNet(row.config)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    whole = row.config["loss_from"] == "start"
    first = 0 if whole else network.receptive_field
    codes = np.floor(sounds * network.levels).clip(max=network.levels - 1)
    data = torch.from_numpy(codes.astype("int64"))  # (N, T)

    def run(examples: int) -> None:
        total = 0.0
        for x in shuffled_batches(data, examples, row.batch_size):
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(x[:, :-1], whole), x[:, first:])
            loss.backward()
            total += loss.item()
            optimizer.step()

    return Contender(run, count_parameters(network))


def torch_wavenet_naive(row: Row, sounds: np.ndarray) -> Contender:
    """Return the sampling of sounds by all of the receptive field for every sample."""
    import torch

    from benchmarks.references.torch_wavenet import WaveNet

    network = WaveNet(row.config)

    @torch.no_grad()
    def run(examples: int) -> None:
        for _ in range(examples // row.batch_size):
            window = torch.zeros(row.batch_size, network.receptive_field, dtype=torch.int64)
            for _ in range(NAIVE_SAMPLES):
                logits = network(window)[..., 0]  # (B, K)
                window = torch.cat([window[:, 1:], draw(logits)], dim=1)

    return Contender(run, count_parameters(network), share=NAIVE_SAMPLES / row.example_shape[0])


def torch_wavenet_queues(row: Row, sounds: np.ndarray) -> Contender:
    """Return the sampling of sounds with a queue for each layer, as a plain PyTorch loop."""
    import torch

    from benchmarks.references.torch_wavenet import Queues, WaveNet

    network = WaveNet(row.config)
    length = min(QUEUE_SAMPLES, row.example_shape[0])

    @torch.no_grad()
    def run(examples: int) -> None:
        for _ in range(examples // row.batch_size):
            queues = Queues(network, row.batch_size)
            codes = None
            for _ in range(length):
                codes = draw(queues.step(codes))[:, 0]

    return Contender(run, count_parameters(network), share=length / row.example_shape[0])


def draw(logits: Any) -> Any:
    """Return codes (B, 1) drawn from logits (B, K)."""
    import torch

    return torch.multinomial(torch.softmax(logits, dim=1), 1)


def count_parameters(network: Any) -> int:
    """Return the number of trainable parameters of a PyTorch module."""
    return sum(parameter.numel() for parameter in network.parameters())
