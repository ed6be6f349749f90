"""References of the rows of sequences: PyTorch modules in plain loops.

- `torch_sketch_rnn`, `torch_sentence_vae`: training, with the models' losses and optimizers.
- `torch_sketch_steps`, `torch_sentence_steps`: making row by row or word by word, each drawn before
  the next is predicted.
"""

import numpy as np

from benchmarks.references.autoregressive import count_parameters, draw
from benchmarks.references.contender import Contender, shuffled_batches
from benchmarks.row import Row

# Shapes: B batch, N examples, T rows of a sketch or words of a sentence, H units, V words.

FIRST_KL_SHARE, KL_FLOOR, KL_ANNEALING = 0.01, 0.2, 0.99995
RATE_DECAY = 0.9999
ANNEALING_STEPS = 10_000


def torch_sketch_rnn(row: Row, sketches: np.ndarray) -> Contender:
    """Return the training of Sketch-RNN as a plain PyTorch loop."""
    import torch
    from torch import nn
    from torch.nn import functional

    from benchmarks.references import torch_sequences as sequences

    network = sequences.SketchRNN(row.config)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, RATE_DECAY)
    data = torch.from_numpy(sketches)  # (N, T, 5)
    step = 0

    def run(examples: int) -> None:
        nonlocal step
        total = 0.0
        for x in shuffled_batches(data, examples, row.batch_size):
            optimizer.zero_grad()
            mean, log_variance = network.posterior(x)
            outputs = network(x, sequences.reparameterize(mean, log_variance))
            offset = sequences.offset_nats(outputs, x[..., :2]) * (1 - x[..., 4])  # (B, T)
            pen = functional.cross_entropy(outputs[..., :3].flatten(0, 1), x[..., 2:].flatten(0, 1))
            kl = sequences.kl_nats(mean, log_variance) / mean.shape[1]
            weight = 1 - (1 - FIRST_KL_SHARE) * KL_ANNEALING**step
            loss = offset.mean() + pen + weight * kl.clamp(min=KL_FLOOR)
            loss.backward()
            nn.utils.clip_grad_value_(network.parameters(), 1.0)
            total += loss.item()
            optimizer.step()
            schedule.step()
            step += 1

    return Contender(run, count_parameters(network))


def torch_sketch_steps(row: Row, sketches: np.ndarray) -> Contender:
    """Return the drawing of sketches row by row as a plain PyTorch loop."""
    import torch

    from benchmarks.references import torch_sequences as sequences

    network = sequences.SketchRNN(row.config)
    cell = sequences.cell_of(network.decoder)
    length = row.example_shape[0]

    @torch.no_grad()
    def run(examples: int) -> None:
        for _ in range(examples // row.batch_size):
            latents = torch.randn(row.batch_size, row.config["latent_size"])
            hidden, memory = (part[0] for part in network.start(latents))
            x = torch.tensor(sequences.START).expand(row.batch_size, 5)
            drawn = []
            for _ in range(length):
                hidden, memory = cell(torch.cat([x, latents], 1), (hidden, memory))
                x = sequences.draw_row(network.outputs(hidden))
                drawn.append(x)
            torch.stack(drawn, 1)  # (B, T, 5)

    return Contender(run, count_parameters(network))


def torch_sentence_vae(row: Row, sentences: np.ndarray) -> Contender:
    """Return the training of the sentence VAE as a plain PyTorch loop."""
    import torch
    from torch import nn
    from torch.nn import functional

    from benchmarks.references import torch_sequences as sequences

    network = sequences.SentenceVAE(row.config)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    data = torch.from_numpy(sentences.astype("int64"))  # (N, T)
    step = 0

    def run(examples: int) -> None:
        nonlocal step
        total = 0.0
        for x in shuffled_batches(data, examples, row.batch_size):
            optimizer.zero_grad()
            mean, log_variance = network.posterior(x)
            latents = sequences.reparameterize(mean, log_variance)
            logits = network(x, latents, row.config["word_dropout"])
            nll = functional.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="sum")
            weight = min(1.0, step / ANNEALING_STEPS)
            loss = nll / len(x) + weight * sequences.kl_nats(mean, log_variance)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            total += loss.item()
            optimizer.step()
            step += 1

    return Contender(run, count_parameters(network))


def torch_sentence_steps(row: Row, sentences: np.ndarray) -> Contender:
    """Return the writing of sentences word by word as a plain PyTorch loop."""
    import torch

    from benchmarks.references import torch_sequences as sequences

    network = sequences.SentenceVAE(row.config)
    cell = sequences.cell_of(network.writer)
    length = row.example_shape[0]

    @torch.no_grad()
    def run(examples: int) -> None:
        for _ in range(examples // row.batch_size):
            hidden = network.start(torch.randn(row.batch_size, row.config["latent_size"]))[0]
            words = torch.full((row.batch_size, 1), sequences.BOUNDARY)
            written = []
            for _ in range(length):
                hidden = cell(network.embedding(words)[:, 0], hidden)
                words = draw(network.outputs(hidden))  # (B, 1)
                written.append(words)
            torch.cat(written, 1)  # (B, T)

    return Contender(run, count_parameters(network))
