"""PyTorch modules of the models that translate between domains, as their papers describe them.

Imported where PyTorch is the backend alone.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Shapes: B batch, C channels, H height, W width, F filters. Channels first.


class CycleGANGenerator(nn.Sequential):
    """Images in [-1, 1] to images of the other domain.

    Args:
        channels: Of an image.
        filters: Of the first layer.
        blocks: Residual blocks.
    """

    def __init__(self, channels: int, filters: int, blocks: int):
        layers: list[nn.Module] = [nn.ReflectionPad2d(3)]
        layers += normalised(nn.Conv2d(channels, filters, 7))
        for factor in (1, 2):
            inputs = factor * filters
            layers += normalised(nn.Conv2d(inputs, 2 * inputs, 3, stride=2, padding=1))
        layers += [Residual(4 * filters) for _ in range(blocks)]
        for factor in (4, 2):
            inputs = factor * filters
            layers += normalised(
                nn.ConvTranspose2d(inputs, inputs // 2, 3, stride=2, padding=1, output_padding=1)
            )
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(filters, channels, 7), nn.Tanh()]
        super().__init__(*layers)


class Residual(nn.Module):
    """Two convolutions whose result is added to what came in.

    Args:
        filters: Channels.
    """

    def __init__(self, filters: int):
        super().__init__()
        self.branch = nn.Sequential(
            nn.ReflectionPad2d(1),
            *normalised(nn.Conv2d(filters, filters, 3)),
            nn.ReflectionPad2d(1),
            nn.Conv2d(filters, filters, 3),
            nn.InstanceNorm2d(filters),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, F, H, W) of the same."""
        return x + self.branch(x)


def normalised(convolution: Any) -> tuple[nn.Module, ...]:
    """Return a convolution with instance normalisation and ReLU after it."""
    return (convolution, nn.InstanceNorm2d(convolution.out_channels), nn.ReLU(inplace=True))


class CycleGANDiscriminator(nn.Sequential):
    """Images in [-1, 1] to scores of patches of 70x70 pixels.

    Args:
        channels: Of an image.
        filters: Of the first layer.
    """

    def __init__(self, channels: int, filters: int):
        layers: list[nn.Module] = [
            nn.Conv2d(channels, filters, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for factor, stride in ((1, 2), (2, 2), (4, 1)):
            inputs = factor * filters
            layers += [
                nn.Conv2d(inputs, 2 * inputs, 4, stride=stride, padding=1),
                nn.InstanceNorm2d(2 * inputs),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        super().__init__(*layers, nn.Conv2d(8 * filters, 1, 4, padding=1))


class ImagePool:
    """The last fakes, half of the time given out in place of a new one.

    Args:
        size: How many.
    """

    def __init__(self, size: int):
        self.size = size
        self.images: list[Tensor] = []

    def exchange(self, fakes: Tensor) -> Tensor:
        """Return as many fakes (B, C, H, W), some of them older."""
        given = []
        for fake in fakes.detach():
            if len(self.images) < self.size:
                self.images.append(fake)
                given.append(fake)
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(self.size, ()))
                given.append(self.images[place])
                self.images[place] = fake
            else:
                given.append(fake)
        return torch.stack(given)


class DiscoGANGenerator(nn.Sequential):
    """Images in [0, 1] of 16 times a power of two pixels a side to images of the other domain.

    Args:
        channels: Of an image.
        filters: Of the first layer.
        halvings: Layers of stride 2 on each side.
    """

    def __init__(self, channels: int, filters: int, halvings: int):
        modules = [module for layer in _halved(channels, filters, halvings) for module in layer]
        for number in reversed(range(halvings)):
            outputs = filters * 2 ** (number - 1) if number else channels
            modules.append(nn.ConvTranspose2d(filters * 2**number, outputs, 4, 2, 1, bias=False))
            if number:
                modules += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        super().__init__(*modules, nn.Sigmoid())


class DiscoGANDiscriminator(nn.Module):
    """Images in [0, 1] to the probability of "real", and the features of its last three layers.

    Args:
        channels: Of an image.
        filters: Of the first layer.
        halvings: Layers of stride 2, which leave 4x4 pixels.
    """

    def __init__(self, channels: int, filters: int, halvings: int):
        super().__init__()
        self.hidden = nn.ModuleList(
            nn.Sequential(*layer) for layer in _halved(channels, filters, halvings)
        )
        self.last = nn.Conv2d(filters * 2 ** (halvings - 1), 1, 4, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return probabilities (B, 1, 1, 1), and features (B, F, h, w) of each layer."""
        features = []
        for layer in self.hidden:
            x = layer(x)
            features.append(x)
        return torch.sigmoid(self.last(x)), features[-3:]


def _halved(channels: int, filters: int, halvings: int) -> Iterator[list[nn.Module]]:
    """Yield the modules of each layer of stride 2, normalised but for the first."""
    inputs = channels
    for number in range(halvings):
        outputs = filters * 2**number
        layer: list[nn.Module] = [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)]
        if number:
            layer.append(nn.BatchNorm2d(outputs))
        # Not in place: what it changes would be needed again for the features' gradient.
        yield [*layer, nn.LeakyReLU(0.2)]
        inputs = outputs


def features_l2(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Return the squared difference of batch means, averaged, summed over layers."""
    pairs = zip(real, fake, strict=True)
    return torch.stack([((r.mean(0) - f.mean(0)) ** 2).mean() for r, f in pairs]).sum()


def judged(probabilities: Tensor, real: bool) -> Tensor:
    """Return the cross-entropy of probabilities with one answer for all."""
    return functional.binary_cross_entropy(
        probabilities, torch.full_like(probabilities, float(real))
    )
