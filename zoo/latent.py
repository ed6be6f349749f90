"""The latent space of any model that decodes: lines, dimensions, the plane through it, arithmetic.

What is called a model here is a `zoo.protocols.Decodes`, with an encoder or without. A model that
is conditioned on the class takes `labels`; to the others they are None.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import ndtri

from zoo.errors import ConfigError
from zoo.priors import Prior
from zoo.protocols import Decodes, Encodes

# Shapes: P pairs or examples, S steps, Z latent size, D dimensions shown, N size of the plane,
# ... one example in its public form.

Method = Literal["slerp", "lerp"]

TINY = 1e-12  # of a unit vector: below it a direction is rounding error
NO_LENGTH = 1e-150  # below it squares underflow


def lerp(a: np.ndarray, b: np.ndarray, t: float | np.ndarray) -> np.ndarray:
    """Return the points at `t` in [0, 1] on the straight lines from `a` to `b`, (..., Z)."""
    t = np.asarray(t, np.float64)[..., None]
    return ((1 - t) * a + t * b).astype(np.result_type(a, b))


def slerp(a: np.ndarray, b: np.ndarray, t: float | np.ndarray) -> np.ndarray:
    """Return the points at `t` in [0, 1] on the arcs from `a` to `b`, (..., Z).

    The direction moves on the sphere at a constant rate and the length changes linearly, so that
    between two draws of a Gaussian no point comes nearer to the origin than draws do (White 2016,
    https://arxiv.org/abs/1609.04468). Opposite vectors are joined by one of their half circles; in
    one dimension, and where a vector is zero, the line is straight.
    """
    kind = np.result_type(a, b)
    a, b, t = (np.asarray(value, np.float64) for value in (a, b, t))
    length_a, length_b = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    unit_a, unit_b = _unit(a, length_a), _unit(b, length_b)
    cosine = np.sum(unit_a * unit_b, axis=-1, keepdims=True)
    normal = unit_b - cosine * unit_a
    sine = np.linalg.norm(normal, axis=-1, keepdims=True)
    is_parallel = sine < TINY
    normal = np.where(is_parallel, _orthogonal(unit_a), _unit(normal, sine))
    angle = np.arctan2(np.where(is_parallel, 0.0, sine), cosine)  # 0 where equal, pi where opposite
    t = t[..., None]
    length = (1 - t) * length_a + t * length_b
    arc = length * (np.cos(t * angle) * unit_a + np.sin(t * angle) * normal)
    is_straight = (np.minimum(length_a, length_b) < NO_LENGTH) | (a.shape[-1] == 1)
    return np.where(is_straight, (1 - t) * a + t * b, arc).astype(kind)


def interpolate(
    model: Decodes,
    latents_a: np.ndarray,
    latents_b: np.ndarray,
    steps: int,
    method: Method = "slerp",
    *,
    labels_a: np.ndarray | None = None,
    labels_b: np.ndarray | None = None,
) -> np.ndarray:
    """Return what lies between the latent vectors `latents_a` and `latents_b` (P, Z), (P, S, ...).

    Labels have nothing in between them: the first half is decoded with those of `latents_a`, the
    second with those of `latents_b`.
    """
    if steps < 2:
        raise ConfigError(f"steps must be 2 or more. Received: {steps}.")
    lines = {"slerp": slerp, "lerp": lerp}
    if method not in lines:
        raise ConfigError(f"method must be one of {', '.join(lines)}. Received: {method!r}.")
    t = np.linspace(0, 1, steps)  # (S,)
    latents = lines[method](latents_a[:, None], latents_b[:, None], t)  # (P, S, Z)
    labels = None
    if labels_a is not None and labels_b is not None:
        labels = np.where(t < 0.5, labels_a[:, None], labels_b[:, None]).reshape(-1)
    return decode_grid(model, latents, labels)


def traverse(
    model: Decodes,
    code: np.ndarray,
    values: np.ndarray,
    label: int | None = None,
) -> np.ndarray:
    """Return what becomes of a code (Z,) when one dimension after another is changed, (Z, S, ...).

    Args:
        model: What decodes.
        code: The latent vector that the other dimensions keep.
        values: What each dimension is set to, (Z, S).
        label: Label of the example, where the model takes one.
    """
    size, steps = values.shape
    latents = np.tile(code, (size, steps, 1))  # (Z, S, Z)
    dimensions = np.arange(size)
    latents[dimensions, :, dimensions] = values
    labels = None if label is None else np.full(size * steps, label, np.int32)
    return decode_grid(model, latents, labels)


def manifold(
    model: Decodes,
    size: int,
    *,
    prior: Prior = "normal",
    mean: np.ndarray | float = 0.0,
    standard_deviation: np.ndarray | float = 1.0,
    label: int | None = None,
) -> np.ndarray:
    """Return the plane of a two-dimensional latent space as (N, N, ...), upwards and to the right.

    The points are the quantiles of the prior at equal distances, so that each picture stands for
    an equal share of it (Kingma & Welling 2014, figure 4).

    Args:
        model: What decodes.
        size: Pictures along each side.
        prior: Distribution whose quantiles are taken: standard normal, or uniform on [-1, 1].
        mean: What is added to the quantiles, a number or (2,).
        standard_deviation: What they are multiplied by before that, a number or (2,).
        label: Label of what is decoded, where the model takes one.
    """
    if size < 1:
        raise ConfigError(f"size must be 1 or more. Received: {size}.")
    shares = (np.arange(size) + 0.5) / size
    quantiles = 2 * shares - 1 if prior == "uniform" else ndtri(shares)  # (N,)
    grid = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1)  # (N, N, 2)
    latents = (mean + standard_deviation * grid).astype(np.float32)
    labels = None if label is None else np.full(size * size, label, np.int32)
    return decode_grid(model, latents, labels)


def arithmetic(plus: Sequence[np.ndarray], minus: Sequence[np.ndarray]) -> np.ndarray:
    """Return the sum of the concepts `plus` less the concepts `minus`, (Z,).

    A concept is the mean of the latent vectors of its exemplars, (K, Z): those of single examples
    are too unsteady to add (Radford et al. 2016, https://arxiv.org/abs/1511.06434, section 6.3.2).
    """
    if not plus:
        raise ConfigError("Arithmetic needs a concept to add. Received: none.")
    total = sum(exemplars.mean(axis=0) for exemplars in plus)
    return np.asarray(total - sum(exemplars.mean(axis=0) for exemplars in minus))


def around(latent: np.ndarray, count: int, *, seed: int, reach: float = 0.25) -> np.ndarray:
    """Return `count` neighbours (N, Z) of a latent vector (Z,), uniform noise of +-`reach` added.

    The noise that Radford et al. 2016 show results of arithmetic with.
    """
    noise = np.random.default_rng(seed).uniform(-reach, reach, (count, len(latent)))
    return (latent + noise).astype(latent.dtype)


def reconstruct(model: Encodes, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Return the examples (P, ...) decoded from the codes of the examples `x` (P, ...)."""
    return model.decode(model.encode(x, labels), labels)


def decode_grid(model: Decodes, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Return the examples (R, S, ...) of latent vectors (R, S, Z)."""
    examples = model.decode(latents.reshape(-1, latents.shape[-1]), labels)
    return examples.reshape(*latents.shape[:2], *examples.shape[1:])


def _unit(vector: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return a vector (..., Z) over its length; zero where that is."""
    return vector / np.where(length == 0, 1.0, length)


def _orthogonal(unit: np.ndarray) -> np.ndarray:
    """Return a unit vector at a right angle to each of (..., Z); zero where Z is 1."""
    axis = np.zeros_like(unit)
    np.put_along_axis(axis, np.argmin(np.abs(unit), axis=-1, keepdims=True), 1.0, axis=-1)
    rest = axis - np.sum(axis * unit, axis=-1, keepdims=True) * unit
    return _unit(rest, np.linalg.norm(rest, axis=-1, keepdims=True))
