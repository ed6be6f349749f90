"""References of the StackGAN's rows: PyTorch modules in a plain loop.

- `torch_stackgan`: images are made once; the discriminator moves on real images with right and with
  wrong captions and on those, then the generator through the discriminator as it then is.
- `torch_stackgan_sampling`: images of embeddings.

In stage II, stage I makes images without learning.
"""

import itertools
import math
from typing import Any

import numpy as np

from benchmarks.captions import make_embeddings
from benchmarks.references.autoregressive import count_parameters
from benchmarks.references.contender import Contender, shuffled_batches
from benchmarks.row import Row

# Shapes: B batch, N examples, E numbers in an embedding, K numbers in a condition, C channels,
# H height, W width.

KL_WEIGHT = 2.0


def torch_stackgan(row: Row, images: np.ndarray) -> Contender:
    """Return the training of a stage as a plain PyTorch loop."""
    import torch
    from torch.nn.functional import softplus

    make, learning, judge = _networks(row)
    generator_parameters = itertools.chain(*(network.parameters() for network in learning))
    generator_adam, discriminator_adam = (
        torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999))
        for parameters in (generator_parameters, judge.parameters())
    )
    data = torch.from_numpy(np.moveaxis(2 * images - 1, 3, 1).copy())  # the range of tanh
    embeddings = torch.from_numpy(make_embeddings(len(images), row.config["embedding_size"]))

    def run(examples: int) -> None:
        totals = [0.0, 0.0]
        for batch in shuffled_batches(torch.arange(len(data)), examples, row.batch_size):
            x = data[batch]
            fakes, mean, log_variance = make(embeddings[batch])
            told = embeddings[batch]
            discriminator_adam.zero_grad()
            features = judge.trunk(x)
            right = judge.judge(features, told)
            wrong = judge.told(features, told.roll(1, 0))
            fake = judge.judge(judge.trunk(fakes.detach()), told)
            positives = [softplus(-logits).mean() for logits in right]
            negatives = [softplus(logits).mean() for logits in (wrong, *fake)]
            loss: Any = sum(positives) / len(positives) + sum(negatives) / len(negatives)
            loss.backward()
            discriminator_adam.step()
            totals[0] += loss.item()

            generator_adam.zero_grad()
            loss = sum(softplus(-logits).mean() for logits in judge.judge(judge.trunk(fakes), told))
            kl = (torch.exp(log_variance) + mean**2 - 1 - log_variance).mean() / 2
            loss = loss + KL_WEIGHT * kl
            loss.backward()
            generator_adam.step()
            totals[1] += loss.item()

    return Contender(run, sum(map(count_parameters, (*learning, judge))))


def torch_stackgan_sampling(row: Row, images: np.ndarray) -> Contender:
    """Return the making of batches of images, of embeddings, by PyTorch."""
    import torch

    make, learning, judge = _networks(row)
    for network in learning:
        network.eval()
    embeddings = torch.from_numpy(make_embeddings(row.batch_size, row.config["embedding_size"]))

    @torch.inference_mode()
    def run(count: int) -> None:
        for _ in range(count // row.batch_size):
            (make(embeddings)[0] / 2 + 0.5).permute(0, 2, 3, 1).contiguous().numpy()

    return Contender(run, sum(map(count_parameters, (*learning, judge))))


def _networks(row: Row) -> tuple[Any, list[Any], Any]:
    """Return what makes images of embeddings, the networks in it that learn, and what judges.

    What makes images returns (B, C, H, W), and means and log-variances of conditions, (B, K) each.
    """
    import torch

    from benchmarks.references import torch_stackgan as modules

    config, (size, _, channels) = row.config, row.image_shape
    condition_size, filters = config["condition_size"], config["generator_filters"]
    is_second = config["stage"] == 2
    small = size // config["refinement"] if is_second else size
    conditioning = modules.Conditioning(config["embedding_size"], condition_size)
    first = modules.FirstGenerator(
        condition_size + config["latent_size"], channels, filters, _doublings(small)
    )
    discriminator = modules.Discriminator(
        channels,
        config["discriminator_filters"],
        _doublings(size),
        config["embedding_size"],
        condition_size,
        is_unconditional=is_second,
    )

    def make_small(embeddings: Any) -> tuple[Any, Any, Any]:
        conditions, mean, log_variance = conditioning(embeddings)
        noise = torch.randn(len(embeddings), config["latent_size"])
        return first(torch.cat([conditions, noise], dim=1)), mean, log_variance

    if not is_second:
        return make_small, [conditioning, first], discriminator
    first.eval()
    own = modules.Conditioning(config["embedding_size"], condition_size)
    second = modules.SecondGenerator(
        channels, filters, condition_size, config["residual_blocks"], _doublings(4 * size // small)
    )

    def make_large(embeddings: Any) -> tuple[Any, Any, Any]:
        with torch.no_grad():
            images, _, _ = make_small(embeddings)
        conditions, mean, log_variance = own(embeddings)
        return second(images, conditions), mean, log_variance

    return make_large, [own, second], discriminator


def _doublings(size: int) -> int:
    """Return how often a side of 4 pixels is doubled to this one."""
    return int(math.log2(size // 4))
