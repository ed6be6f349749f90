"""References of the rows of translation: PyTorch modules in plain loops.

- `torch_cyclegan`: a move of both generators with frozen discriminators, then one of both
  discriminators on real images and fakes of the pools.
- `torch_discogan`: all images and judgements in every turn; of three turns the discriminators move
  in one, the generators in two.
- `torch_generator`: images of A to B.
"""

import itertools
import math
from typing import Any

import numpy as np

from benchmarks.references.autoregressive import count_parameters
from benchmarks.references.contender import Contender, shuffled_batches
from benchmarks.row import Row

# Shapes: B batch, N examples, H height, W width, C channels.

CYCLE_WEIGHT, IDENTITY_WEIGHT, POOL_SIZE = 10.0, 5.0, 50
FEATURE_SHARE, STARTING_RATE, RATE, CURRICULUM_STEPS = 0.9, 0.01, 0.5, 10_000
INTERVAL = 3  # turns of which the discriminators move in one


def torch_cyclegan(row: Row, images: np.ndarray) -> Contender:
    """Return the training of the CycleGAN as a plain PyTorch loop."""
    from torch.nn.functional import l1_loss

    from benchmarks.references import torch_translation as modules

    networks = _networks(row)
    to_a, to_b, judge_a, judge_b = networks
    generators_adam, discriminators_adam = _optimizers(networks)
    data = _channels_first(2 * images - 1)  # the range of tanh
    pools = modules.ImagePool(POOL_SIZE), modules.ImagePool(POOL_SIZE)

    def run(examples: int) -> None:
        totals = [0.0, 0.0]
        for pairs in shuffled_batches(data, examples, row.batch_size):
            a, b = pairs[:, 0], pairs[:, 1]  # (B, C, H, W)
            for judge in (judge_a, judge_b):
                judge.requires_grad_(False)
            fake_a, fake_b = to_a(b), to_b(a)
            cycles = l1_loss(to_a(fake_b), a) + l1_loss(to_b(fake_a), b)
            identities = l1_loss(to_a(a), a) + l1_loss(to_b(b), b)
            deceived = ((judge_a(fake_a) - 1) ** 2).mean() + ((judge_b(fake_b) - 1) ** 2).mean()
            loss = deceived + CYCLE_WEIGHT * cycles + IDENTITY_WEIGHT * identities
            generators_adam.zero_grad()
            loss.backward()
            generators_adam.step()
            totals[0] += loss.item()

            for judge in (judge_a, judge_b):
                judge.requires_grad_(True)
            discriminators_adam.zero_grad()
            for judge, real, fake, pool in zip(
                (judge_a, judge_b), (a, b), (fake_a, fake_b), pools, strict=True
            ):
                older = pool.exchange(fake)
                loss = ((judge(real) - 1) ** 2).mean() / 2 + (judge(older) ** 2).mean() / 2
                loss.backward()
                totals[1] += loss.item()
            discriminators_adam.step()

    return Contender(run, sum(map(count_parameters, networks)))


def torch_discogan(row: Row, images: np.ndarray) -> Contender:
    """Return the training of the DiscoGAN as a plain PyTorch loop."""
    from torch.nn.functional import mse_loss

    from benchmarks.references.torch_translation import features_l2, judged

    networks = _networks(row)
    to_a, to_b, judge_a, judge_b = networks
    generators_adam, discriminators_adam = _optimizers(networks, weight_decay=1e-5)
    data = _channels_first(images)
    turn = 0

    def run(examples: int) -> None:
        nonlocal turn
        totals = [0.0, 0.0]
        for pairs in shuffled_batches(data, examples, row.batch_size):
            a, b = pairs[:, 0], pairs[:, 1]  # (B, C, H, W)
            generators_adam.zero_grad()
            discriminators_adam.zero_grad()
            fake_a, fake_b = to_a(b), to_b(a)
            cycles = mse_loss(to_a(fake_b), a) + mse_loss(to_b(fake_a), b)
            judgement: Any = 0.0
            told_apart: Any = 0.0
            for judge, real, fake in ((judge_a, a, fake_a), (judge_b, b, fake_b)):
                (p_real, real_features), (p_fake, fake_features) = judge(real), judge(fake)
                told_apart += (judged(p_real, True) + judged(p_fake, False)) / 2
                judgement += (1 - FEATURE_SHARE) * judged(p_fake, True)
                judgement += FEATURE_SHARE * features_l2(real_features, fake_features)
            if turn % INTERVAL == 0:
                told_apart.backward()
                discriminators_adam.step()
            else:
                rate = STARTING_RATE if turn < CURRICULUM_STEPS else RATE
                ((1 - rate) * judgement + rate * cycles).backward()
                generators_adam.step()
            totals[0] += judgement.item()
            totals[1] += told_apart.item()
            turn += 1

    return Contender(run, sum(map(count_parameters, networks)))


def torch_generator(row: Row, images: np.ndarray) -> Contender:
    """Return the translation of batches from A to B, with either model, by PyTorch."""
    import torch

    networks = _networks(row)
    to_b = networks[1].eval()
    batch = np.ascontiguousarray(images[: row.batch_size, 0])

    @torch.no_grad()
    def run(examples: int) -> None:
        for _ in range(examples // row.batch_size):
            to_b(torch.from_numpy(batch).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()

    return Contender(run, sum(map(count_parameters, networks)))


def _networks(row: Row) -> tuple[Any, Any, Any, Any]:
    """Return the generators to A and to B and the discriminators of A and of B."""
    from benchmarks.references import torch_translation as modules

    config, (size, _, channels) = row.full_config, row.image_shape
    generator_filters = config.get("generator_filters", 64)
    discriminator_filters = config.get("discriminator_filters", 64)
    if row.model == "cyclegan":
        generators: list[Any] = [
            modules.CycleGANGenerator(channels, generator_filters, config["residual_blocks"])
            for _ in "AB"
        ]
        discriminators: list[Any] = [
            modules.CycleGANDiscriminator(channels, discriminator_filters) for _ in "AB"
        ]
    else:
        halvings = int(math.log2(size // 4))  # down to 4x4
        generators = [
            modules.DiscoGANGenerator(channels, generator_filters, halvings) for _ in "AB"
        ]
        discriminators = [
            modules.DiscoGANDiscriminator(channels, discriminator_filters, halvings) for _ in "AB"
        ]
    return (*generators, *discriminators)


def _channels_first(images: np.ndarray) -> Any:
    """Return pairs of images (N, 2, H, W, C) as a tensor (N, 2, C, H, W)."""
    import torch

    return torch.from_numpy(np.moveaxis(images, 4, 2).copy())


def _optimizers(networks: tuple[Any, ...], weight_decay: float = 0.0) -> tuple[Any, Any]:
    """Return Adam of the generators and of the discriminators."""
    import torch

    pairs = (networks[:2], networks[2:])
    parameters = [itertools.chain(*(network.parameters() for network in pair)) for pair in pairs]
    first, second = (
        torch.optim.Adam(part, lr=2e-4, betas=(0.5, 0.999), weight_decay=weight_decay)
        for part in parameters
    )
    return first, second
