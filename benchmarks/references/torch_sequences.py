"""Sketch-RNN and the sentence VAE in PyTorch, as they are usually written: on `nn.LSTM`, `nn.GRU`.

Imported by the functions of `sequences` alone, for it needs PyTorch.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Shapes: B batch, T rows of a sketch or words of a sentence, Z latent size, M components, V words,
# E embedding size, H units, D layers and directions.

START = (0.0, 0.0, 1.0, 0.0, 0.0)  # the row before the first
BOUNDARY, UNKNOWN = 0, 1  # the end of a sentence, also before its first word; the unknown word


class SketchRNN(nn.Module):
    """An LSTM in both directions reads a sketch, another draws it from a latent vector.

    Args:
        config: The configuration of the zoo's model.
    """

    def __init__(self, config: Mapping[str, Any]):
        super().__init__()
        reads, draws = config["encoder_units"], config["decoder_units"]
        latent = config["latent_size"]
        self.encoder = nn.LSTM(5, reads, batch_first=True, bidirectional=True)
        self.statistics = nn.Linear(2 * reads, 2 * latent)
        self.first_state = nn.Linear(latent, 2 * draws)
        self.decoder = nn.LSTM(5 + latent, draws, batch_first=True)
        self.outputs = nn.Linear(draws, 3 + 6 * config["mixtures"])

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance (B, Z) each of sketches (B, T, 5).

        All have as many points as a sketch may have, so that only the last row is no point.
        """
        _, (last, _) = self.encoder(x[:, :-1])  # (D, B, H)
        mean, log_variance = self.statistics(torch.cat(tuple(last), 1)).chunk(2, 1)
        return mean, log_variance

    def start(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden state and cell (D, B, H) that latent vectors (B, Z) set."""
        hidden, cell = torch.tanh(self.first_state(latents)).chunk(2, 1)
        return hidden[None].contiguous(), cell[None].contiguous()

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        """Return the distributions (B, T, 6M + 3) of the rows of sketches (B, T, 5)."""
        first = torch.tensor(START).expand(len(x), 1, 5)
        before = torch.cat([first, x[:, :-1]], 1)
        joined = torch.cat([before, latents[:, None].expand(-1, x.shape[1], -1)], 2)
        hidden, _ = self.decoder(joined, self.start(latents))
        return self.outputs(hidden)


def offset_nats(outputs: Tensor, offsets: Tensor) -> Tensor:
    """Return -log p(dx, dy) (...) of offsets (..., 2), given distributions (..., 6M + 3)."""
    component, mean_x, mean_y, log_std_x, log_std_y, raw = outputs[..., 3:].chunk(6, -1)
    correlation = torch.tanh(raw)
    x = (offsets[..., :1] - mean_x) / log_std_x.exp()
    y = (offsets[..., 1:] - mean_y) / log_std_y.exp()
    rest = 1 - correlation**2
    distance = (x**2 + y**2 - 2 * correlation * x * y) / rest
    log_volume = log_std_x + log_std_y + 0.5 * rest.log() + math.log(2 * math.pi)
    weights = functional.log_softmax(component, -1)
    return -torch.logsumexp(weights - log_volume - 0.5 * distance, -1)


def draw_row(outputs: Tensor) -> Tensor:
    """Return rows (B, 5) drawn from distributions (B, 6M + 3)."""
    pen = torch.multinomial(torch.softmax(outputs[:, :3], 1), 1)[:, 0]
    numbers = outputs[:, 3:].unflatten(1, (6, -1))  # (B, 6, M)
    component = torch.multinomial(torch.softmax(numbers[:, 0], 1), 1)  # (B, 1)
    chosen = numbers.gather(2, component[:, None].expand(-1, 6, 1))[..., 0]  # (B, 6)
    _, mean_x, mean_y, log_std_x, log_std_y, raw = chosen.unbind(1)
    first, second = torch.randn(2, len(outputs))
    correlation = torch.tanh(raw)
    second = correlation * first + torch.sqrt(1 - correlation**2) * second
    x, y = mean_x + log_std_x.exp() * first, mean_y + log_std_y.exp() * second
    return torch.cat([torch.stack([x, y], 1), functional.one_hot(pen, 3).float()], 1)


class SentenceVAE(nn.Module):
    """A GRU reads a sentence, another writes it from a latent vector, with the same word vectors.

    Args:
        config: The configuration of the zoo's model.
    """

    def __init__(self, config: Mapping[str, Any]):
        super().__init__()
        units, size = config["units"], config["embedding_size"]
        words, latent = len(config["vocabulary"]), config["latent_size"]
        self.embedding = nn.Embedding(words, size)
        self.reader = nn.GRU(size, units, batch_first=True)
        self.statistics = nn.Linear(units, 2 * latent)
        self.first_state = nn.Linear(latent, units)
        self.writer = nn.GRU(size, units, batch_first=True)
        self.outputs = nn.Linear(units, words)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance (B, Z) each of sentences (B, T) of one length."""
        _, last = self.reader(self.embedding(x))  # (D, B, H)
        mean, log_variance = self.statistics(last[0]).chunk(2, 1)
        return mean, log_variance

    def start(self, latents: Tensor) -> Tensor:
        """Return the state (D, B, H) that latent vectors (B, Z) set."""
        return torch.tanh(self.first_state(latents))[None]

    def forward(self, x: Tensor, latents: Tensor, word_dropout: float = 0.0) -> Tensor:
        """Return the logits (B, T, V) of the words of sentences (B, T)."""
        words = x[:, :-1]
        if word_dropout:
            words = words.masked_fill(torch.rand(words.shape) < word_dropout, UNKNOWN)
        before = functional.pad(words, (1, 0), value=BOUNDARY)
        hidden, _ = self.writer(self.embedding(before), self.start(latents))
        return self.outputs(hidden)


def cell_of(layer: nn.LSTM | nn.GRU) -> Any:
    """Return the cell with a layer's weights: at one step it is several times as fast."""
    made = nn.LSTMCell if isinstance(layer, nn.LSTM) else nn.GRUCell
    cell = made(layer.input_size, layer.hidden_size)
    weights = layer.state_dict().items()
    cell.load_state_dict({name.removesuffix("_l0"): weight for name, weight in weights})
    return cell


def reparameterize(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return a draw (B, Z) of each Gaussian."""
    return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)


def kl_nats(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(q(z|x) || N(0, 1)) averaged over the batch."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
