"""A WaveNet in PyTorch, as they are usually written: dilated convolutions without padding.

Imported by the functions of `autoregressive` alone, for it needs PyTorch.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Shapes: B batch, T samples, K levels, w filter width, R residual channels, D dilation channels,
# S skip channels.


class WaveNet(nn.Module):
    """Dilated convolutions of one-hot codes, gated, and the sum of what all layers give.

    Args:
        config: The configuration of the zoo's model.
    """

    def __init__(self, config: Mapping[str, Any]):
        super().__init__()
        self.levels, self.width = config["levels"], config["filter_width"]
        self.dilations = [2**n for n in range(config["dilations"])] * config["stacks"]
        # The sample itself, and those before it that bear on it.
        self.receptive_field = 1 + (self.width - 1) * (1 + sum(self.dilations))
        residual, gated = config["residual_channels"], config["dilation_channels"]
        skip, units = config["skip_channels"], config["head_channels"]
        self.first = nn.Conv1d(self.levels, residual, self.width)
        self.convs = nn.ModuleList(
            nn.Conv1d(residual, 2 * gated, self.width, dilation=d) for d in self.dilations
        )
        # Nothing follows the last layer.
        self.residuals = nn.ModuleList(nn.Conv1d(gated, residual, 1) for _ in self.dilations[1:])
        self.skips = nn.ModuleList(nn.Conv1d(gated, skip, 1) for _ in self.dilations)
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv1d(skip, units, 1), nn.ReLU(), nn.Conv1d(units, self.levels, 1)
        )

    def forward(self, codes: Tensor, whole: bool = False) -> Tensor:
        """Return logits (B, K, ...) of the code after each of codes (B, T).

        Args:
            codes: Codes (B, T).
            whole: Whether nothing stands before the first code: features are 0 there, and its own
                logits come first, T + 1 in all. Otherwise only those places have logits whose
                receptive field lies inside, T + 1 less the receptive field.
        """
        x = functional.one_hot(codes, self.levels).transpose(1, 2).float()  # (B, K, T)
        x = self.first(functional.pad(x, (self.width, 0)) if whole else x)
        total: Any = 0
        for number, conv in enumerate(self.convs):
            reach = (self.width - 1) * self.dilations[number]
            gated = gate(conv(functional.pad(x, (reach, 0)) if whole else x))
            skip = self.skips[number](gated)
            total = skip + (total[..., -skip.shape[2] :] if number else 0)
            if number < len(self.residuals):
                x = x[..., -gated.shape[2] :] + self.residuals[number](gated)
        return self.head(total)


class Queues:
    """The network code by code, with a queue of features for each layer.

    Args:
        network: The network whose weights to use, as they are now.
        count: Sounds, B.
    """

    def __init__(self, network: WaveNet, count: int):
        self.network = network
        # A kernel (G, F, w) as one product with the taps, the oldest first.
        flat = [conv.weight.transpose(1, 2).flatten(1) for conv in [network.first, *network.convs]]
        self.first_kernel, *self.kernels = flat
        nothing = [torch.zeros(count, conv.in_channels) for conv in [network.first, *network.convs]]
        self.inputs = deque([nothing[0]] * network.width, network.width)
        self.queues = [
            deque([zeros] * length, length)
            for zeros, dilation in zip(nothing[1:], network.dilations, strict=True)
            for length in [(network.width - 1) * dilation + 1]
        ]

    def step(self, codes: Tensor | None) -> Tensor:
        """Return the logits (B, K) after the newest codes (B,), or before there are any."""
        network = self.network
        if codes is not None:
            self.inputs.append(functional.one_hot(codes, network.levels).float())
        x = functional.linear(
            torch.cat(tuple(self.inputs), 1), self.first_kernel, network.first.bias
        )
        total: Any = 0
        for number, (queue, kernel) in enumerate(zip(self.queues, self.kernels, strict=True)):
            queue.append(x)
            taps = [queue[tap * network.dilations[number]] for tap in range(network.width)]
            hidden = functional.linear(torch.cat(taps, 1), kernel, network.convs[number].bias)
            gated = gate(hidden)
            total = total + pointwise(network.skips[number], gated)
            if number < len(network.residuals):
                x = x + pointwise(network.residuals[number], gated)
        hidden = torch.relu(pointwise(network.head[1], torch.relu(total)))
        return pointwise(network.head[3], hidden)


def gate(x: Tensor) -> Tensor:
    """Return tanh(a) * sigmoid(b) of features [a, b]."""
    a, b = x.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)


def pointwise(conv: nn.Module, x: Tensor) -> Tensor:
    """Return what a 1x1 convolution makes of features (B, F) at one place."""
    return functional.linear(x, conv.weight[..., 0], conv.bias)
