"""References of the adversarial rows: PyTorch modules in plain loops, as published scripts go.

- `torch_gan`, `torch_dcgan`: a move of the discriminator on real and detached fake images, then
  one of the generator on the same fakes, which saves a pass of the generator.
- `torch_wgan`, `torch_wgan_gp`: a move of the critic on each batch, and after every few of them
  one of the generator on fresh fakes.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.references.contender import Contender, shuffled_batches
from benchmarks.rows import Row

# Shapes: B batch, P pixels, Z latent size, H height, W width, C channels.


def torch_gan(row: Row, images: np.ndarray) -> Contender:
    """Return the dense GAN, non-saturating, as a plain PyTorch loop."""
    from torch import nn

    pixels = images[0].size
    generator = _dense_generator(row, pixels)
    hidden, units = _dense_layers(row.config["discriminator_sizes"], pixels)
    discriminator = nn.Sequential(*hidden, nn.Linear(units, 1), nn.Sigmoid())
    return _gan_loop(row, images.reshape(len(images), -1), generator, discriminator)


def torch_dcgan(row: Row, images: np.ndarray) -> Contender:
    """Return the DCGAN as a plain PyTorch loop."""
    from torch import nn

    size, channels = images.shape[2:]
    generator, discriminator = _convolutional_networks(row, size, channels)
    for network in (generator, discriminator):
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)
    return _gan_loop(row, np.moveaxis(images, 3, 1).copy(), generator, discriminator)


def torch_wgan(row: Row, images: np.ndarray) -> Contender:
    """Return the dense WGAN with clipped weights as a plain PyTorch loop."""
    import torch

    pixels = images[0].size
    generator = _dense_generator(row, pixels)
    critic = _dense_critic(row, pixels)
    rate, limit = row.config["learning_rate"], row.config["clip"]
    optimizers = [torch.optim.RMSprop(n.parameters(), lr=rate) for n in (generator, critic)]

    def move_critic(x: Any, fakes: Any) -> Any:
        loss = critic(fakes).mean() - critic(x).mean()
        loss.backward()
        optimizers[1].step()
        for parameter in critic.parameters():
            parameter.data.clamp_(-limit, limit)
        return loss

    return _wasserstein_loop(row, images, (generator, critic), optimizers, move_critic)


def torch_wgan_gp(row: Row, images: np.ndarray) -> Contender:
    """Return the dense WGAN with gradient penalty as a plain PyTorch loop."""
    import torch

    pixels = images[0].size
    generator = _dense_generator(row, pixels)
    critic = _dense_critic(row, pixels)
    rate, betas = row.config["learning_rate"], (row.config["beta_1"], row.config["beta_2"])
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=rate, betas=betas)
        for network in (generator, critic)
    ]

    def penalty(x: Any, fakes: Any) -> Any:
        alpha = torch.rand(len(x), 1)
        between = (alpha * x + (1 - alpha) * fakes).requires_grad_()  # (B, P)
        scores = critic(between)
        [slopes] = torch.autograd.grad(
            scores, between, grad_outputs=torch.ones_like(scores), create_graph=True
        )
        return ((slopes.norm(2, dim=1) - 1) ** 2).mean()

    def move_critic(x: Any, fakes: Any) -> Any:
        loss = critic(fakes).mean() - critic(x).mean()
        loss = loss + row.config["penalty"] * penalty(x, fakes)
        loss.backward()
        optimizers[1].step()
        return loss

    return _wasserstein_loop(row, images, (generator, critic), optimizers, move_critic)


def _gan_loop(row: Row, images: np.ndarray, generator: Any, discriminator: Any) -> Contender:
    """Return the contender that trains two networks on images, channels first or flat."""
    import torch
    from torch import nn

    rate = row.config["learning_rate"]
    generator_adam, discriminator_adam = (
        torch.optim.Adam(network.parameters(), lr=rate, betas=(0.5, 0.999))
        for network in (generator, discriminator)
    )
    loss_of = nn.BCELoss()
    data = torch.from_numpy(images * 2 - 1)  # the range of tanh
    # A transposed convolution begins at a grid of one pixel.
    noise_shape = (row.config["latent_size"], *(1 for _ in images.shape[2:]))

    def run(examples: int) -> None:
        totals = [0.0, 0.0]
        for x in shuffled_batches(data, examples, row.batch_size):
            fakes = generator(torch.randn(len(x), *noise_shape))
            discriminator_adam.zero_grad()
            real, fake = discriminator(x), discriminator(fakes.detach())  # (B, 1) each
            loss = loss_of(real, torch.ones_like(real)) + loss_of(fake, torch.zeros_like(fake))
            loss.backward()
            discriminator_adam.step()
            totals[0] += loss.item()

            generator_adam.zero_grad()
            fake = discriminator(fakes)
            loss = loss_of(fake, torch.ones_like(fake))
            loss.backward()
            generator_adam.step()
            totals[1] += loss.item()

    return Contender(run, _count(generator, discriminator))


def _wasserstein_loop(
    row: Row,
    images: np.ndarray,
    networks: tuple[Any, Any],
    optimizers: list[Any],
    move_critic: Callable[[Any, Any], Any],
) -> Contender:
    """Return the contender that moves a critic on each batch, its generator after some."""
    import torch

    generator, critic = networks
    data = torch.from_numpy(images.reshape(len(images), -1) * 2 - 1)  # (N, P)
    latents = row.config["latent_size"]

    def run(examples: int) -> None:
        totals = [0.0, 0.0]
        batches = shuffled_batches(data, examples, row.batch_size)
        for number, x in enumerate(batches, start=1):
            fakes = generator(torch.randn(len(x), latents)).detach()  # (B, P)
            optimizers[1].zero_grad()
            totals[1] += move_critic(x, fakes).item()
            if number % row.config["critic_steps"] == 0:
                optimizers[0].zero_grad()
                loss = -critic(generator(torch.randn(len(x), latents))).mean()
                loss.backward()
                optimizers[0].step()
                totals[0] += loss.item()

    return Contender(run, _count(generator, critic))


def _dense_generator(row: Row, pixels: int) -> Any:
    """Return layers from noise (B, Z) to pixels (B, P), normalised but for the first."""
    from torch import nn

    modules: list[Any] = []
    inputs = row.config["latent_size"]
    for number, units in enumerate(row.config["generator_sizes"]):
        modules.append(nn.Linear(inputs, units))
        if number > 0:
            modules.append(nn.BatchNorm1d(units))
        modules.append(nn.LeakyReLU(0.2, inplace=True))
        inputs = units
    return nn.Sequential(*modules, nn.Linear(inputs, pixels), nn.Tanh())


def _dense_critic(row: Row, pixels: int) -> Any:
    """Return layers from pixels (B, P) to a score (B, 1); a bias would cancel in differences."""
    from torch import nn

    hidden, units = _dense_layers(row.config["critic_sizes"], pixels)
    return nn.Sequential(*hidden, nn.Linear(units, 1, bias=False))


def _dense_layers(sizes: tuple[int, ...], inputs: int) -> tuple[list[Any], int]:
    """Return leaky layers of these sizes, and how many numbers come out."""
    from torch import nn

    modules: list[Any] = []
    for units in sizes:
        modules += [nn.Linear(inputs, units), nn.LeakyReLU(0.2, inplace=True)]
        inputs = units
    return modules, inputs


def _convolutional_networks(row: Row, size: int, channels: int) -> tuple[Any, Any]:
    """Return generator and discriminator between 4 x 4 and `size` pixels a side."""
    from torch import nn

    def hidden() -> Iterator[int]:
        filters = 1
        while 4 * filters < size:
            yield filters
            filters *= 2

    factors = list(hidden())  # 1, 2, 4, 8 at 64 pixels
    first, last = row.config["generator_filters"], row.config["discriminator_filters"]
    inputs = first * factors[-1]
    up: list[Any] = [nn.ConvTranspose2d(row.config["latent_size"], inputs, 4, 1, 0, bias=False)]
    for factor in reversed(factors[:-1]):
        up += [nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)]
        up.append(nn.ConvTranspose2d(inputs, first * factor, 4, 2, 1, bias=False))
        inputs = first * factor
    up += [nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)]
    up += [nn.ConvTranspose2d(inputs, channels, 4, 2, 1, bias=False), nn.Tanh()]

    down: list[Any] = []
    inputs = channels
    for factor in factors:
        down.append(nn.Conv2d(inputs, last * factor, 4, 2, 1, bias=False))
        if factor > 1:
            down.append(nn.BatchNorm2d(last * factor))
        down.append(nn.LeakyReLU(0.2, inplace=True))
        inputs = last * factor
    down += [nn.Conv2d(inputs, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten()]
    return nn.Sequential(*up), nn.Sequential(*down)


def _count(*networks: Any) -> int:
    return sum(parameter.numel() for n in networks for parameter in n.parameters())
