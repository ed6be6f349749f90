"""What every model with a generator of latent vectors can do, whatever it is trained against."""

from typing import Any

import numpy as np

from zoo.conditions import ClassConditional
from zoo.engine import PlayerModel, compile_function, in_batches
from zoo.engine.normalisation import has_statistics, measure_statistics
from zoo.examples import checked, checked_latents
from zoo.priors import Prior, draw_prior, prior_tensor

# Shapes: B batch, N count asked for, Z latent size, L number of classes, H height, W width,
# C channels.

IMAGES_PER_CALL = 256
STATISTICS_BATCHES = 8  # of draws that running statistics are measured on anew
STATISTICS_BATCH_SIZE = 128


class LatentGenerator(ClassConditional, PlayerModel):
    """A model that makes images of latent vectors drawn from a prior, and of labels if it must.

    A subclass sets `self.generator`, from latent vectors (B, Z), and one-hot labels (B, L) where
    its configuration has `class_conditional` set, to images (B, H, W, C) in [0, 1]; or it
    overrides `pixels`, as a VAE does that has a decoder.

    Args:
        config: The model's configuration, with `image_shape` and `latent_size`; with
            `class_conditional` and `class_count` if it can be told the class.
    """

    prior: Prior = "normal"
    generator: Any

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.pixels_compiled = compile_function(self, self.pixels)

    def generate(self, latents: Any, labels: Any, training: bool) -> Any:
        """Return images (B, H, W, C) in [0, 1] for latent vectors (B, Z), as tensors."""
        inputs = [latents, self.one_hot(labels)] if self.takes_labels else latents
        return self.generator(inputs, training=training)

    def fakes(self, count: Any, labels: Any, training: bool) -> Any:
        """Return images (B, H, W, C) in [0, 1] of fresh draws of the prior, as tensors."""
        shape = (count, self.config.latent_size)
        latents = prior_tensor(self.prior, shape, self.noise_seed(training))  # (B, Z)
        return self.generate(latents, labels, training)

    def pixels(self, latents: Any, labels: Any) -> Any:
        """Return what `decode` does, tensors in and tensors out, differentiable."""
        return self.generate(latents, labels, training=False)

    def renew_statistics(self) -> None:
        """Measure the generator's running statistics anew, on draws of the prior."""
        generator = getattr(self, "generator", None)  # a VAE has a decoder
        if generator is None or not has_statistics(generator):
            return
        count = STATISTICS_BATCHES * STATISTICS_BATCH_SIZE
        latents = np.split(self.draw_latents(count), STATISTICS_BATCHES)
        if not self.takes_labels:
            measure_statistics(generator, latents)
            return
        one_hot = np.split(np.eye(self.config.class_count)[self.labels_for(count)], len(latents))
        measure_statistics(generator, map(list, zip(latents, one_hot, strict=True)))

    def check_arrays(self, x: Any, y: Any) -> None:
        """Raise DataError where images or labels that `fit` is given as arrays do not suit."""
        super().check_arrays(x, y)
        if x is not None:
            checked(x, self.config.image_shape)

    # What it can do once trained: NumPy in, NumPy out.

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        labels: Any = None,
        temperature: float = 1.0,
        truncation: float | None = None,
    ) -> np.ndarray:
        """Return `count` images (N, H, W, C) in [0, 1]; where it takes labels, of all in turn.

        Args:
            count: How many, N.
            seed: Seed of the latent vectors.
            labels: Labels (N,).
            temperature: What the latent vectors are multiplied by.
            truncation: Largest size of a number of a latent vector; a normal prior alone.
        """
        latents = self.draw_latents(
            count, seed=seed, temperature=temperature, truncation=truncation
        )
        return self.decode(latents, labels)

    def draw_latents(
        self,
        count: int,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        truncation: float | None = None,
    ) -> np.ndarray:
        """Return `count` draws of the prior, (N, Z)."""
        size = self.config.latent_size
        return draw_prior(
            self.prior, count, size, seed=seed, temperature=temperature, truncation=truncation
        )

    def decode(self, latents: Any, labels: Any = None) -> np.ndarray:
        """Return images (B, H, W, C) in [0, 1]; labels that are not given are all in turn."""
        latents = checked_latents(latents, self.config.latent_size)
        labels = self.labels_for(len(latents), labels)
        return in_batches(self.pixels_compiled, IMAGES_PER_CALL, latents, labels)
