"""The latent vectors of given images, looked for by gradient descent.

Minimised is the squared error of the pixels, |decode(z) - x|^2, summed over an image, by Adam
(Kingma & Ba 2015, https://arxiv.org/abs/1412.6980) from several starts at once: draws of the
prior, and the code of the image where the model has an encoder. A decoder folds the latent space,
so that one start often ends in a local minimum; the best of them is kept (Lipton & Tripathy 2017,
https://arxiv.org/abs/1702.04782, who also clip to the support of a uniform prior).
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from tqdm import trange

from zoo.engine import compile_function, in_batches, input_gradients
from zoo.errors import ConfigError, DataError, NonFiniteError
from zoo.protocols import Encodes, Inverts

# Shapes: P images, R starts of each, B = P * R, Z latent size, ... one image.

ROWS_PER_CALL = 256
LEARNING_RATE = 0.1  # in standard deviations of the latents; falls to 0 along a cosine
MEAN_DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Inversion:
    """What was found.

    Args:
        latents: Latent vectors (P, Z).
        images: What they are decoded to, (P, ...).
        squared_errors: Squared error of each image, summed over its pixels, (P,).
    """

    latents: np.ndarray
    images: np.ndarray
    squared_errors: np.ndarray


def invert(
    model: Inverts,
    images: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    steps: int = 300,
    restarts: int = 8,
    seed: int = 0,
    progress: bool = False,
) -> Inversion:
    """Return latent vectors that are decoded to nearly the images (P, ...).

    Args:
        model: What decodes. Where it has a `prior`, and that is "uniform", latent vectors stay
            in [-1, 1].
        images: What to come near to.
        labels: Labels (P,), where the model takes them.
        steps: Steps of descent.
        restarts: Starts for each image, R.
        seed: Seed of the starts.
        progress: Whether to show a progress bar where stderr is a terminal.

    Raises:
        ConfigError: If `steps` or `restarts` is below 1.
        DataError: If the images have another shape than the model's, or a label is missing.
        NonFiniteError: If the descent leads to NaN or infinity.
    """
    for name, value in (("steps", steps), ("restarts", restarts)):
        if value < 1:
            raise ConfigError(f"{name} must be 1 or more. Received: {value}.")
    count = len(images)
    latents = model.draw_latents(count * restarts, seed=seed)  # (B, Z)
    own = model.decode(latents[:1], None if labels is None else labels[:1]).shape[1:]
    if np.shape(images)[1:] != own:
        raise DataError(
            f"Images must have the shape (count, {', '.join(map(str, own))}), as the model's. "
            f"Received: {np.shape(images)}. Cut or resize them."
        )
    spread = latents.std(axis=0) if len(latents) > 1 else np.ones(latents.shape[1])
    if isinstance(model, Encodes):
        latents[::restarts] = model.encode(images, labels)
    targets = np.repeat(images, restarts, axis=0)  # (B, ...)
    target_labels = None if labels is None else np.repeat(labels, restarts)
    limit = 1.0 if getattr(model, "prior", None) == "uniform" else None
    found = _descend(
        _compile_gradients(model),
        latents,
        targets,
        target_labels,
        steps=steps,
        step_size=LEARNING_RATE * spread,
        limit=limit,
        progress=progress,
    )
    decoded = model.decode(found, target_labels)  # (B, ...)
    errors = np.square(decoded - targets).reshape(count, restarts, -1).sum(axis=-1)  # (P, R)
    if not np.isfinite(errors).all():
        raise NonFiniteError(
            "The descent along the squared error led to NaN or infinity. The model may have "
            "diverged; see the curves in its report."
        )
    best = np.arange(count) * restarts + errors.argmin(axis=1)  # (P,)
    return Inversion(found[best], decoded[best], errors.min(axis=1))


class _SquaredError(keras.layers.Layer):
    """The squared error of each image, (B,), as a network of the latent vectors (B, Z)."""

    def __init__(self, model: Inverts, targets: Any, labels: Any):
        super().__init__(dtype="float32", name="squared_error")
        self.model = model
        self.targets = targets
        self.labels = labels
        self.built = True  # the weights are the model's

    def call(self, latents: Any, training: bool = False) -> Any:
        pixels = ops.cast(self.model.pixels(latents, self.labels), "float32")
        return ops.sum(ops.square(pixels - self.targets), axis=tuple(range(1, pixels.ndim)))


def _compile_gradients(model: Inverts) -> Any:
    """Return a compiled function of latents, targets and labels: gradients by the latents."""

    def gradients(latents: Any, targets: Any, labels: Any) -> Any:
        latents, targets = ops.convert_to_tensor(latents), ops.convert_to_tensor(targets)
        return input_gradients(_SquaredError(model, targets, labels), latents)

    return compile_function(model, gradients)


def _descend(
    gradients: Any,
    latents: np.ndarray,
    targets: np.ndarray,
    labels: np.ndarray | None,
    *,
    steps: int,
    step_size: np.ndarray,
    limit: float | None,
    progress: bool,
) -> np.ndarray:
    """Return where Adam leads the latent vectors (B, Z), kept within `limit` if there is one."""
    latents = latents.astype(np.float32)
    mean, square = np.zeros_like(latents), np.zeros_like(latents)
    disable = None if progress else True
    for step in trange(steps, desc="inverting", unit="step", disable=disable, leave=False):
        slope = in_batches(gradients, ROWS_PER_CALL, latents, targets, labels)  # (B, Z)
        mean = MEAN_DECAY * mean + (1 - MEAN_DECAY) * slope
        square = SQUARE_DECAY * square + (1 - SQUARE_DECAY) * np.square(slope)
        unbiased_mean = mean / (1 - MEAN_DECAY ** (step + 1))
        unbiased_square = square / (1 - SQUARE_DECAY ** (step + 1))
        rate = step_size * (1 + np.cos(np.pi * step / steps)) / 2
        latents = latents - rate * unbiased_mean / (np.sqrt(unbiased_square) + EPSILON)
        if limit is not None:
            latents = np.clip(latents, -limit, limit)
        latents = latents.astype(np.float32)
    return latents
