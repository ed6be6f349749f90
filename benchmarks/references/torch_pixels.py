"""PyTorch networks of black-and-white pixels, as they are usually written.

Kernels are stored whole and multiplied by their mask; an LSTM is a Python loop over rows, or over
the columns of a skewed image. Each predicts all pixels of an image (B, 1, H, W) in {-1, 1} as
logits of the same shape. Imported by the functions of `autoregressive` alone, for it needs PyTorch.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Shapes: B batch, F features, H height, W width, h filters.


def pixel_network(config: Mapping[str, Any]) -> nn.Module:
    """Return the network of a PixelCNN or PixelRNN of the zoo with such a configuration."""
    networks = {"plain": PixelCNN, "gated": GatedPixelCNN, "row": PixelRNN, "diagonal": PixelRNN}
    return networks[config["architecture"]](config)


class MaskedConv2d(nn.Conv2d):
    """Convolution that sees the rows above a pixel, and of its own row so many taps from the left.

    Args:
        inputs: Features in.
        outputs: Features out.
        size: Height and width of the kernel, odd.
        own: Taps of the pixel's own row that it may see.
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], own: int):
        height, width = size
        super().__init__(inputs, outputs, size, padding=(height // 2, width // 2))
        mask = torch.ones(size)
        mask[height // 2, own:] = 0
        mask[height // 2 + 1 :] = 0
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, G, H, W) of features (B, F, H, W)."""
        return functional.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


def head(features: int, config: Mapping[str, Any]) -> nn.Sequential:
    """Return the two 1x1 layers from features to the logit."""
    units = config["head_filters"]
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(features, units, 1), nn.ReLU(), nn.Conv2d(units, 1, 1)
    )


class PixelCNN(nn.Module):
    """Residual blocks of masked convolutions."""

    def __init__(self, config: Mapping[str, Any]):
        super().__init__()
        filters, reach = config["filters"], config["first_kernel_size"] // 2
        size = config["kernel_size"]
        self.first = MaskedConv2d(1, 2 * filters, (2 * reach + 1, 2 * reach + 1), own=reach)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                nn.Conv2d(2 * filters, filters, 1),
                nn.ReLU(),
                MaskedConv2d(filters, filters, (size, size), own=size // 2 + 1),
                nn.ReLU(),
                nn.Conv2d(filters, 2 * filters, 1),
            )
            for _ in range(config["blocks"])
        )
        self.head = head(2 * filters, config)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, 1, H, W) of images (B, 1, H, W)."""
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class GatedBlock(nn.Module):
    """A layer of the vertical and of the horizontal stack; the first sees the image itself."""

    def __init__(self, inputs: int, filters: int, size: int, is_first: bool):
        super().__init__()
        self.is_first = is_first
        self.vertical = MaskedConv2d(inputs, 2 * filters, (size, size), own=0 if is_first else size)
        self.across = nn.Conv2d(2 * filters, 2 * filters, 1)
        self.horizontal = MaskedConv2d(
            inputs, 2 * filters, (1, size), own=size // 2 if is_first else size // 2 + 1
        )
        self.out = nn.Conv2d(filters, filters, 1)

    def forward(self, above: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        """Return both stacks (B, h, H, W) of both stacks (B, F, H, W)."""
        seen = self.vertical(above)
        outputs = self.out(gate(self.horizontal(row) + self.across(seen)))
        return gate(seen), outputs if self.is_first else row + outputs


class GatedPixelCNN(nn.Module):
    """Gated layers of a vertical and a horizontal stack."""

    def __init__(self, config: Mapping[str, Any]):
        super().__init__()
        filters, size = config["filters"], config["kernel_size"]
        self.blocks = nn.ModuleList([GatedBlock(1, filters, config["first_kernel_size"], True)])
        for _ in range(config["blocks"]):
            self.blocks.append(GatedBlock(filters, filters, size, False))
        self.head = head(filters, config)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, 1, H, W) of images (B, 1, H, W)."""
        above = row = x
        for block in self.blocks:
            above, row = block(above, row)
        return self.head(row)


def gate(x: Tensor) -> Tensor:
    """Return tanh(a) * sigmoid(b) of features [a, b]."""
    a, b = x.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)


def lstm_cell(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Return hidden state and cell (B, h, ...) of gates (B, 4h, ...) and the cell before."""
    write, keep, show, content = gates.chunk(4, dim=1)
    cell = torch.sigmoid(keep) * cell + torch.sigmoid(write) * torch.tanh(content)
    return torch.sigmoid(show) * torch.tanh(cell), cell


class RowLSTM(nn.Module):
    """A Row LSTM layer: a loop over rows."""

    def __init__(self, filters: int):
        super().__init__()
        self.filters = filters
        self.input_to_state = MaskedConv2d(2 * filters, 4 * filters, (1, 3), own=2)
        self.state_to_state = nn.Conv1d(filters, 4 * filters, 3, padding=1, bias=False)
        self.out = nn.Conv2d(filters, 2 * filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, 2h, H, W) of features (B, 2h, H, W)."""
        inputs = self.input_to_state(x)  # (B, 4h, H, W)
        hidden = cell = x.new_zeros(len(x), self.filters, x.shape[3])  # (B, h, W)
        rows = []
        for row in range(x.shape[2]):
            gates = inputs[:, :, row] + self.state_to_state(hidden)
            hidden, cell = lstm_cell(gates, cell)
            rows.append(hidden)
        return x + self.out(torch.stack(rows, dim=2))


class DiagonalLSTM(nn.Module):
    """An LSTM along the diagonals from the upper left: a loop over a skewed image's columns."""

    def __init__(self, filters: int):
        super().__init__()
        self.filters = filters
        self.input_to_state = nn.Conv2d(2 * filters, 4 * filters, 1)
        self.state_to_state = nn.Conv1d(filters, 4 * filters, 2, bias=False)
        self.initial = nn.Parameter(torch.zeros(2, filters))

    def forward(self, x: Tensor) -> Tensor:
        """Return hidden states (B, h, H, W) of features (B, 2h, H, W)."""
        inputs = skew(self.input_to_state(x))  # (B, 4h, H, W + H - 1)
        start = self.initial[:, None, :, None].expand(2, len(x), self.filters, x.shape[2])
        hidden, cell = start[0], start[1]  # (B, h, H) each
        columns = []
        for column in range(inputs.shape[3]):
            from_above = functional.pad(hidden, (1, 0))  # row i and the one above it
            gates = inputs[..., column] + self.state_to_state(from_above)
            hidden, cell = lstm_cell(gates, cell)
            columns.append(hidden)
        return unskew(torch.stack(columns, dim=3), x.shape[3])


class DiagonalBiLSTM(nn.Module):
    """A Diagonal BiLSTM layer."""

    def __init__(self, filters: int):
        super().__init__()
        self.from_left, self.from_right = DiagonalLSTM(filters), DiagonalLSTM(filters)
        self.out = nn.Conv2d(filters, 2 * filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, 2h, H, W) of features (B, 2h, H, W)."""
        right = self.from_right(x.flip(3)).flip(3)
        right = functional.pad(right, (0, 0, 1, 0))[:, :, :-1]  # moved down one row
        return x + self.out(self.from_left(x) + right)


def skew(x: Tensor) -> Tensor:
    """Return rows (B, F, H, W) each moved one further to the right, (B, F, H, W + H - 1)."""
    batch, features, height, width = x.shape
    flat = functional.pad(x, (0, height)).flatten(2)[..., :-height]
    return flat.reshape(batch, features, height, width + height - 1)


def unskew(x: Tensor, width: int) -> Tensor:
    """Return the rows (B, F, H, W) of a skewed image (B, F, H, W + H - 1)."""
    batch, features, height, _ = x.shape
    flat = functional.pad(x.flatten(2), (0, height))
    return flat.reshape(batch, features, height, width + height)[..., :width]


class PixelRNN(nn.Module):
    """A masked convolution, and layers of LSTMs."""

    def __init__(self, config: Mapping[str, Any]):
        super().__init__()
        filters, reach = config["filters"], config["first_kernel_size"] // 2
        layer = RowLSTM if config["architecture"] == "row" else DiagonalBiLSTM
        self.network = nn.Sequential(
            MaskedConv2d(1, 2 * filters, (2 * reach + 1, 2 * reach + 1), own=reach),
            *(layer(filters) for _ in range(config["layers"])),
            head(2 * filters, config),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, 1, H, W) of images (B, 1, H, W)."""
        return self.network(x)
