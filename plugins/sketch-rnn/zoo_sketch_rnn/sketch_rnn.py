"""Sketch-RNN (Ha & Eck 2017, https://arxiv.org/abs/1704.03477).

A sketch is a sequence of rows of stroke-5: a move of the pen, and whether it draws. Two LSTMs read
it into q(z|x); a third draws it again, row by row, each row's distribution given z and the rows
before. Minimised is

    L_R + w_KL (1 - (1 - 0.01) R^t) max(L_KL, kl_floor),                        (Eq. 9 to 12)
    L_R = -1/T (sum over points of log p(dx, dy) + sum over rows of log p(pen))
    L_KL = KL(q(z|x) || N(0, 1)) / Z

averaged over the batch, the floor applied to the average; nats per row (T rows, of the longest
sketch of the data) and per latent dimension, t the step of training. With a latent size of 0 there
is no encoder: L_R alone.

`log_likelihood` is that of the moves of a sketch's points, a density in units of the data's
standard deviation, and of the pen's states up to the end; a bound on it where there is a z.

Departures from the paper: every sketch has an end row, also the longest; log-densities have no
constant added, standard deviations a least size and correlations a largest (`mixture.py`).
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.data.strokes import END_ROW
from zoo.engine import Player
from zoo.errors import DataError
from zoo.losses import gaussian_kl_nats
from zoo.sequences import SequenceVAE
from zoo.variational import reparameterize
from zoo_sketch_rnn.config import SketchRNNConfig
from zoo_sketch_rnn.mixture import draw_move, move_of, offset_nats, pen_nats
from zoo_sketch_rnn.networks import SketchDecoder, SketchEncoder, SketchMaker, rows_before

# Shapes: B batch, T rows of a sketch, Z latent size, K importance samples, L number of classes,
# G numbers of the context, M components.

FIRST_KL_SHARE = 0.01  # of the KL term's weight, at the start of training
LEAST_RATE_SHARE = 0.01  # of the learning rate, at its end


@keras.saving.register_keras_serializable(package="zoo_sketch_rnn")
class SketchRNN(SequenceVAE):
    """Variational autoencoder of drawings, or a network that draws from nothing.

    Args:
        config: A `SketchRNNConfig`.
    """

    config_class = SketchRNNConfig
    uniforms_per_element = 4  # pen, component, and two of a Gaussian
    likelihood_of = "density"
    decoding_temperature = 0.01

    encoder: Any

    def __init__(self, config: SketchRNNConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.encoder = SketchEncoder(self.config) if self.has_latents else None
        self.decoder_network = SketchDecoder(self.config)

    @property
    def cuts_batches(self) -> bool:
        """Whether batches are cut where their longest sketch ends."""
        return not self.config.pen_loss_past_end

    def players(self) -> list[Player]:
        """Return the only player: encoder and decoder together."""
        networks = [self.encoder, self.decoder_network]
        terms = ["objective_nats_per_step", "offset_nats_per_step", "pen_nats_per_step"]
        if self.has_latents:
            terms += ["kl_nats_per_dim", "kl_nats", "kl_weight"]
        return [
            Player(
                name="sketcher",
                networks=[network for network in networks if network is not None],
                loss=self.objective,
                terms=terms,
                optimizer=self.make_optimizer,
            )
        ]

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Return Adam with a decaying rate and clipped gradients."""
        config = self.config
        rate = DecayToShare(config.learning_rate, config.learning_rate_decay)
        return keras.optimizers.Adam(rate, clipvalue=config.gradient_clip)

    def checked(self, x: Any) -> np.ndarray:
        """Return sketches (B, T, 5) as an array.

        Raises:
            DataError: If they are no stroke-5: finite moves, and one of three states of the pen.
        """
        x = np.asarray(ops.convert_to_numpy(x))
        self.check_form(x)
        is_move = np.isfinite(x[..., :2]).all()
        is_pen = np.isin(x[..., 2:], (0, 1)).all() and (x[..., 2:].sum(axis=-1) == 1).all()
        if not (is_move and is_pen):
            found = "no such states" if is_move else "moves that are no number"
            raise DataError(
                "Each row of a sketch must hold a move dx, dy, and three states of the pen of "
                f"which one is 1. Received: {found}. `zoo.data.strokes.to_stroke_5` makes it of "
                "stroke-3."
            )
        return x.astype("float32", copy=False)

    def objective(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the paper's objective and its terms."""
        self.check_form(x)
        latents = None
        if self.has_latents:
            mean, log_variance = self.posterior(x, y, training)  # (B, Z) each
            noise = keras.random.normal(ops.shape(mean), seed=self.noise_seed(training))
            latents = reparameterize(mean, log_variance, noise[:, None])[:, 0]
        offset, pen = self.row_nats(x, y, latents, training)  # (B, T) each
        if not self.config.pen_loss_past_end:
            pen = pen * up_to_end(x)
        # Of cut batches too: the rows that were left out would have added nothing.
        offset, pen = (ops.mean(ops.sum(n, axis=1)) / self.config.max_length for n in (offset, pen))
        terms = {"offset_nats_per_step": offset, "pen_nats_per_step": pen}
        if not self.has_latents:
            return {"objective_nats_per_step": offset + pen, **terms}
        kl = ops.mean(gaussian_kl_nats(mean, log_variance))
        kl_per_dim = kl / self.config.latent_size
        weight = self.kl_weight(training)
        floored = ops.maximum(kl_per_dim, self.config.kl_floor)
        return {
            "objective_nats_per_step": offset + pen + weight * floored,
            **terms,
            "kl_nats_per_dim": kl_per_dim,
            "kl_nats": kl,
            "kl_weight": weight,
        }

    def kl_weight(self, training: bool) -> Any:
        """Return the weight of the KL term: annealed in training, whole where it is measured."""
        whole = ops.convert_to_tensor(self.config.kl_weight, "float32")
        if not training:
            return whole
        step = ops.cast(self.optimizer.iterations, "float32")
        return whole * (1 - (1 - FIRST_KL_SHARE) * self.config.kl_annealing**step)

    def posterior(self, x: Any, y: Any, training: bool = False) -> tuple[Any, Any]:
        """Return mean and log-variance of q(z|x), (B, Z) each, for sketches (B, T, 5)."""
        labels = self.one_hot(y) if self.takes_labels else None
        return self.encoder(x, labels=labels, training=training)

    def step_nats(self, x: Any, y: Any, latents: Any, training: bool = False) -> Any:
        """Return -log p of each row given those before it, in nats, (B, T); 0 past the end."""
        offset, pen = self.row_nats(x, y, latents, training)
        return offset + pen * up_to_end(x)

    def row_nats(self, x: Any, y: Any, latents: Any, training: bool) -> tuple[Any, Any]:
        """Return -log p, (B, T) each, of the moves of points, 0 past the end, and of the pen.

        Args:
            x: Sketches (B, T, 5).
            y: Labels (B,), or None.
            latents: Latent vectors (B, Z), or None.
            training: Whether this is a step of training.
        """
        context = self.context(latents, y)
        move = move_of(self.decoder_network(rows_before(x), context=context, training=training))
        drawn = up_to_end(x) * (1 - ops.cast(x[..., 4], "float32"))
        return offset_nats(move, x[..., :2]) * drawn, pen_nats(move, x[..., 2:])

    def context(self, latents: Any, labels: Any) -> Any:
        """Return latent vectors (B, Z) and one-hot labels joined, (B, G); None without both."""
        told = [] if latents is None else [ops.cast(latents, "float32")]
        if self.takes_labels:
            told.append(self.one_hot(labels))
        return ops.concatenate(told, axis=-1) if told else None

    # Drawing, row by row.

    def decoder(self, told: Mapping[str, Any]) -> SketchMaker:
        """Return what predicts row after row, told latent vectors and labels."""
        return SketchMaker(self.decoder_network, self.context(told["latents"], told["labels"]))

    def draw(self, predicted: Any, uniforms: Any, sampling: Mapping[str, Any]) -> Any:
        """Return rows (B, 5) drawn from what was predicted of them, (B, 6M + 3)."""
        return draw_move(move_of(predicted), uniforms, sampling["temperature"])

    def end_element(self) -> np.ndarray:
        """Return the row that ends a sketch."""
        return np.array(END_ROW, "float32")

    def has_ended(self, elements: Any) -> Any:
        """Return which rows (B, 5) end their sketches."""
        return elements[:, 4] > 0.5

    def values(self, elements: np.ndarray) -> np.ndarray:
        """Return sketches (B, T, 5) of elements (B, T, 1, 5); those that went on are ended."""
        sketches = np.array(super().values(elements))
        sketches[:, -1] = END_ROW
        return sketches


@keras.saving.register_keras_serializable(package="zoo_sketch_rnn")
class DecayToShare(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that falls to a hundredth: (r - r/100) decay^step + r/100.

    Args:
        rate: The rate r of the first step.
        decay: What its distance to the last rate is multiplied by at each step.
    """

    def __init__(self, rate: float, decay: float):
        self.rate, self.decay = rate, decay

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step."""
        least = LEAST_RATE_SHARE * self.rate
        return (self.rate - least) * self.decay ** ops.cast(step, "float32") + least

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"rate": self.rate, "decay": self.decay}


def up_to_end(x: Any) -> Any:
    """Return 1 for rows of sketches (B, T, 5) up to and with the first end row, else 0, (B, T)."""
    ended = ops.cast(x[..., 4], "float32")
    return ops.cast(ops.cumsum(ended, axis=1) - ended < 0.5, "float32")
