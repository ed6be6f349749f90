"""Draws of the priors of latent vectors, the same on every backend; and the tensors of training."""

from typing import Any, Literal

import numpy as np
from scipy.special import ndtr, ndtri

from zoo.errors import ConfigError

# Shapes: N count asked for, B batch, Z latent size.

Prior = Literal["normal", "uniform"]


def draw_prior(
    prior: Prior,
    count: int,
    size: int,
    *,
    seed: int,
    temperature: float = 1.0,
    truncation: float | None = None,
) -> np.ndarray:
    """Return latent vectors (N, Z), float32; the seed decides them.

    Args:
        prior: The standard normal, or the uniform on [-1, 1].
        count: How many, N.
        size: Numbers in each, Z.
        seed: Seed of the draws.
        temperature: What each number is multiplied by: below 1 for more usual samples, 0 for the
            most usual one alone.
        truncation: Largest size of a number before that; the rest of the distribution is left
            out (Brock et al. 2019, https://arxiv.org/abs/1809.11096); the normal prior alone.

    Raises:
        ConfigError: If the prior cannot be truncated, or a number is out of its range.
    """
    if not temperature >= 0:
        raise ConfigError(f"temperature must be at least 0. Received: {temperature}.")
    if truncation is not None and not truncation > 0:
        raise ConfigError(f"truncation must be above 0. Received: {truncation}.")
    if prior == "uniform" and truncation is not None:
        raise ConfigError(
            "truncation suits a normal prior; this one is uniform on [-1, 1]. Give a temperature "
            f"below 1 instead. Received: truncation = {truncation}."
        )
    generator = np.random.default_rng(seed)
    if prior == "uniform":
        latents = generator.uniform(-1, 1, (count, size))
    elif truncation is None:
        latents = generator.standard_normal((count, size))
    else:
        least, most = ndtr(-truncation), ndtr(truncation)
        latents = ndtri(generator.uniform(least, most, (count, size)))
    return (temperature * latents).astype(np.float32)


def prior_tensor(prior: Prior, shape: tuple[Any, int], seed: Any) -> Any:
    """Return latent vectors (B, Z) to train on, a tensor."""
    import keras

    if prior == "uniform":
        return keras.random.uniform(shape, -1.0, 1.0, seed=seed)
    return keras.random.normal(shape, seed=seed)
