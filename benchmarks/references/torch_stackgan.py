"""PyTorch modules of the StackGAN, as its paper describes them.

Imported where PyTorch is the backend alone.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Shapes: B batch, E numbers in an embedding, K numbers in a condition, Z latent size, C channels,
# H height, W width, F filters. Channels first.


class Conditioning(nn.Module):
    """Embeddings to conditions that are drawn around them.

    Args:
        embedding_size: Numbers in an embedding, E.
        condition_size: Numbers in a condition, K.
    """

    def __init__(self, embedding_size: int, condition_size: int):
        super().__init__()
        self.dense = nn.Linear(embedding_size, 2 * condition_size)

    def forward(self, embeddings: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return conditions, and means and log-variances of them, (B, K) each."""
        both = functional.leaky_relu(self.dense(embeddings), 0.2)
        mean, log_variance = both.chunk(2, dim=1)
        return mean + torch.exp(log_variance / 2) * torch.randn_like(mean), mean, log_variance


class FirstGenerator(nn.Sequential):
    """Conditions and noise, one behind the other, to images in [-1, 1].

    Args:
        inputs: Numbers of both, K + Z.
        channels: Of an image.
        filters: Before the image.
        doublings: From 4x4 pixels on.
    """

    def __init__(self, inputs: int, channels: int, filters: int, doublings: int):
        widest = filters * 2**doublings
        super().__init__(
            nn.Linear(inputs, 16 * widest, bias=False),
            nn.BatchNorm1d(16 * widest),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (widest, 4, 4)),
            *doubled(widest, doublings),
            nn.Conv2d(filters, channels, 3, padding=1, bias=False),
            nn.Tanh(),
        )


class SecondGenerator(nn.Module):
    """Images in [-1, 1] and conditions to larger images.

    Args:
        channels: Of an image.
        filters: Half of the first layer's.
        condition_size: Numbers in a condition, K.
        blocks: Residual blocks.
        doublings: Of the sides, from the image that comes in to the one that comes out.
    """

    def __init__(
        self, channels: int, filters: int, condition_size: int, blocks: int, doublings: int
    ):
        super().__init__()
        widest = 8 * filters
        self.shrink = nn.Sequential(
            nn.Conv2d(channels, 2 * filters, 3, padding=1, bias=False),
            nn.ReLU(inplace=True),
            *normalised(nn.Conv2d(2 * filters, 4 * filters, 4, 2, 1, bias=False)),
            *normalised(nn.Conv2d(4 * filters, widest, 4, 2, 1, bias=False)),
        )
        times = 2 + doublings
        last = widest // 2**times
        self.grow = nn.Sequential(
            *normalised(nn.Conv2d(widest + condition_size, widest, 3, padding=1, bias=False)),
            *(Residual(widest) for _ in range(blocks)),
            *doubled(widest, times),
            nn.Conv2d(last, channels, 3, padding=1, bias=False),
            nn.Tanh(),
        )

    def forward(self, images: Tensor, conditions: Tensor) -> Tensor:
        """Return images (B, C, H, W)."""
        large: Tensor = self.grow(joined(self.shrink(images), conditions))
        return large


class Residual(nn.Module):
    """Two convolutions whose result is added to what came in.

    Args:
        filters: Channels.
    """

    def __init__(self, filters: int):
        super().__init__()
        self.branch = nn.Sequential(
            *normalised(nn.Conv2d(filters, filters, 3, padding=1, bias=False)),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, F, H, W) of the same."""
        return functional.relu(x + self.branch(x))


class Discriminator(nn.Module):
    """Images in [-1, 1] to features, and features to logits.

    Args:
        channels: Of an image.
        filters: Of the first layer.
        halvings: Layers of stride 2, which leave 4x4 pixels.
        embedding_size: Numbers in an embedding, E.
        condition_size: Numbers that a layer makes of it, K.
        is_unconditional: Whether it judges images without their text, too.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        halvings: int,
        embedding_size: int,
        condition_size: int,
        *,
        is_unconditional: bool,
    ):
        super().__init__()
        modules: list[nn.Module] = []
        inputs = channels
        for number in range(halvings):
            outputs = filters * 2**number
            modules.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False))
            if number:
                modules.append(nn.BatchNorm2d(outputs))
            modules.append(nn.LeakyReLU(0.2, inplace=True))
            inputs = outputs
        while inputs > 8 * filters:
            modules += _leaky(nn.Conv2d(inputs, inputs // 2, 3, padding=1, bias=False))
            inputs //= 2
        self.trunk = nn.Sequential(*modules)
        self.compress = nn.Sequential(nn.Linear(embedding_size, condition_size), nn.LeakyReLU(0.2))
        self.head = nn.Sequential(
            *_leaky(nn.Conv2d(inputs + condition_size, inputs, 3, padding=1, bias=False)),
            nn.Conv2d(inputs, 1, 4),
        )
        self.unconditional = nn.Conv2d(inputs, 1, 4) if is_unconditional else None

    def judge(self, features: Tensor, embeddings: Tensor) -> list[Tensor]:
        """Return logits (B,) of features (B, F, 4, 4): told the embeddings; not told, if it can."""
        logits = [self.told(features, embeddings)]
        if self.unconditional is not None:
            logits.append(self.unconditional(features).flatten())
        return logits

    def told(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """Return logits (B,) of features (B, F, 4, 4) with embeddings (B, E)."""
        logits: Tensor = self.head(joined(features, self.compress(embeddings))).flatten()
        return logits


def doubled(filters: int, times: int) -> list[nn.Module]:
    """Return layers that double the sides so many times, with half the channels each."""
    modules: list[nn.Module] = []
    for _ in range(times):
        modules.append(nn.Upsample(scale_factor=2, mode="nearest"))
        modules += normalised(nn.Conv2d(filters, filters // 2, 3, padding=1, bias=False))
        filters //= 2
    return modules


def normalised(convolution: Any) -> tuple[nn.Module, ...]:
    """Return a convolution with batch normalisation and ReLU after it."""
    return (convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True))


def _leaky(convolution: Any) -> tuple[nn.Module, ...]:
    outputs = convolution.out_channels
    return (convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2, inplace=True))


def joined(features: Tensor, conditions: Tensor) -> Tensor:
    """Return features (B, F, H, W) with the conditions (B, K) at every place."""
    planes = conditions[:, :, None, None].expand(-1, -1, *features.shape[2:])
    return torch.cat([features, planes], dim=1)
