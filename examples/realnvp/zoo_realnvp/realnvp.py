"""RealNVP (Dinh, Sohl-Dickstein & Bengio 2017, https://arxiv.org/abs/1605.08803).

    log p(y) = log N(f(y); 0, 1) + log |det df/dy|                                  in nats

f is a chain of couplings. In each a mask b keeps every second pixel, and these say how the others
are scaled and shifted (Eq. 9), so that the determinant is that of a triangular matrix:

    y' = b y + (1 - b) (y exp(s(b y)) + t(b y)),    log |det| = sum of (1 - b) s(b y)     (Eq. 6)

Level k of L becomes y = logit(a + (1 - 2a) (k + u) / L) for uniform noise u (section 4.1), and
log P(k) = log E_u[p(k + u)]: one draw of u gives a lower bound, the mean of many a tighter one.
"""

from math import log, pi
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.engine import Player, compile_function, in_batches
from zoo.generators import LatentGenerator
from zoo_realnvp.config import RealNVPConfig

# Shapes: B batch, H height, W width, C channels, Z = H W C.
EDGE, IMAGES_PER_CALL = 0.05, 512  # a, which keeps the logit finite


def build_network(config: RealNVPConfig) -> keras.Model:
    """Build the network from kept pixels to s and t of the others, (B, H, W, 2C), first 0."""
    kept = hidden = keras.Input(config.image_shape)
    for _ in range(2):
        hidden = layers.Conv2D(config.filters, 3, padding="same", activation="relu")(hidden)
    zeros = {"kernel_initializer": "zeros", "dtype": "float32"}
    last = layers.Conv2D(2 * config.image_shape[2], 3, padding="same", **zeros)
    return keras.Model(kept, last(hidden))


@keras.saving.register_keras_serializable(package="zoo_realnvp")
class RealNVP(LatentGenerator):
    """Real-valued non-volume preserving flow of images; `config` is a `RealNVPConfig`."""

    config_class = RealNVPConfig
    likelihood_kind = "bound"

    def __init__(self, config: RealNVPConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.networks = [build_network(self.config) for _ in range(self.config.couplings)]
        board = np.indices(self.config.image_shape[:2]).sum(axis=0) % 2
        self.board = board[..., None].astype("float32")  # (H, W, 1)
        self.nats_compiled = compile_function(self, self.nats)
        self.codes_compiled = compile_function(self, lambda x: self.flow(self.logits(x, 0.5)[0])[0])

    def players(self) -> list[Player]:
        """Return the only player."""
        terms = ("nll_bound_nats",)
        move: dict[str, Any] = {"loss": self.loss_of, "terms": terms, "optimizer": self.adam}
        return [Player(name="flow", networks=self.networks, **move)]

    def adam(self) -> keras.optimizers.Optimizer:
        """Return the optimizer."""
        return keras.optimizers.Adam(self.config.learning_rate)

    def loss_of(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the bound on -log P of images (B, H, W, C), averaged."""
        noise = keras.random.uniform(ops.shape(x), seed=self.noise_seed(training))
        return {"nll_bound_nats": ops.mean(self.nats(x, noise))}

    def nats(self, x: Any, noise: Any) -> Any:
        """Return -log p(k + u), (B,), of images and noise in [0, 1), (B, H, W, C) each."""
        y, log_slopes = self.logits(x, noise)
        z, log_scales = self.flow(y)
        log_normal = -0.5 * (z**2 + log(2 * pi))
        return -ops.sum(log_normal + log_scales + log_slopes, axis=(1, 2, 3))

    def logits(self, x: Any, noise: Any) -> tuple[Any, Any]:
        """Return y (B, H, W, C) of images, and log dy/dk of each pixel."""
        levels = self.config.levels
        share = EDGE + (1 - 2 * EDGE) * (ops.round(x * (levels - 1)) + noise) / levels
        log_share, log_rest = ops.log(share), ops.log1p(-share)
        return log_share - log_rest, log((1 - 2 * EDGE) / levels) - log_share - log_rest

    def scale_and_shift(self, number: int, y: Any) -> tuple[Any, Any]:
        """Return s and t (B, H, W, C) of a coupling; 0 for the pixels that it keeps."""
        kept = ops.convert_to_tensor(self.board if number % 2 == 0 else 1 - self.board)
        scale, shift = ops.split(self.networks[number](y * kept), 2, axis=-1)
        return ops.tanh(scale) * (1 - kept), shift * (1 - kept)

    def flow(self, y: Any) -> tuple[Any, Any]:
        """Return f(y), and by how much each pixel's couplings scale it in all, as logarithms."""
        log_scales: Any = 0.0
        for number in range(self.config.couplings):
            scale, shift = self.scale_and_shift(number, y)
            y, log_scales = y * ops.exp(scale) + shift, log_scales + scale
        return y, log_scales

    def pixels(self, latents: Any, labels: Any) -> Any:
        """Return images (B, H, W, C) in [0, 1] of latent vectors (B, Z): the flow backwards."""
        y = ops.reshape(latents, (-1, *self.config.image_shape))
        for number in reversed(range(self.config.couplings)):
            scale, shift = self.scale_and_shift(number, y)
            y = (y - shift) * ops.exp(-scale)
        level = (ops.sigmoid(y) - EDGE) / (1 - 2 * EDGE) * self.config.levels - 0.5
        return ops.clip(level / (self.config.levels - 1), 0.0, 1.0)

    def encode(self, x: Any, labels: Any = None) -> np.ndarray:
        """Return latent vectors (B, Z) of images (B, H, W, C)."""
        return in_batches(self.codes_compiled, IMAGES_PER_CALL, x).reshape(len(x), -1)

    def log_likelihood(
        self, x: Any, labels: Any = None, *, importance_samples: int = 1, seed: int = 0
    ) -> np.ndarray:
        """Return a bound on log P(x) in nats, (B,), of so many draws of the noise."""
        draw, total = np.random.default_rng(seed), np.full(len(x), -np.inf)
        for _ in range(importance_samples):
            noise = draw.random(x.shape, "float32")
            total = np.logaddexp(total, -in_batches(self.nats_compiled, IMAGES_PER_CALL, x, noise))
        return np.asarray(total - np.log(importance_samples), "float32")
