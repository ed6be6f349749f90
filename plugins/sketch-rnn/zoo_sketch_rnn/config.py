"""Configuration and presets of Sketch-RNN; importable without Keras."""

from dataclasses import dataclass
from typing import Literal

from zoo.config import Preset
from zoo.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class SketchRNNConfig:
    """Configuration of Sketch-RNN; the defaults are the paper's.

    Args:
        max_length: Rows of a sketch, T: the most points of one, and its end.
        scale_factor: What the data divided the moves by: sketches times this are in its units.
        decoder: The recurrent network that draws: an LSTM, one with layer normalisation, or a
            HyperLSTM, which is the paper's choice for large data.
        encoder_units: Units of each of the encoder's two LSTMs, forwards and backwards.
        decoder_units: Units of the decoder.
        latent_size: Dimensions of the latent vector z; 0 leaves the decoder alone, which then
            draws from nothing.
        mixtures: Gaussians of which the density of a move is made, M.
        recurrent_dropout: Share of the candidates of the LSTMs that are left out in training.
        kl_weight: Weight of the KL term once it is annealed, w_KL; 0.5 and 0.25 reconstruct better.
        kl_floor: Below so many nats per latent dimension, the KL term is not minimised.
        kl_annealing: R: in step t of training the KL term counts 1 - 0.99 R^t of its weight.
        learning_rate: Of Adam, at first.
        learning_rate_decay: What it is multiplied by at each step, until it is a hundredth.
        gradient_clip: Largest size of a number of a gradient.
        class_conditional: Whether encoder and decoder are given the label.
        class_count: Labels in the data; used by `class_conditional` alone.
        pen_loss_past_end: Whether the pen's states after the end of a sketch are part of the
            loss, as in the paper. Otherwise batches hold sketches of similar length and are cut
            where the longest ends, so that short ones cost little.
    """

    max_length: int = 251
    scale_factor: float = 1.0
    decoder: Literal["lstm", "layer-norm-lstm", "hyper-lstm"] = "lstm"
    encoder_units: int = 256
    decoder_units: int = 512
    latent_size: int = 128
    mixtures: int = 20
    recurrent_dropout: float = 0.1
    kl_weight: float = 1.0
    kl_floor: float = 0.2
    kl_annealing: float = 0.99995
    learning_rate: float = 1e-3
    learning_rate_decay: float = 0.9999
    gradient_clip: float = 1.0
    class_conditional: bool = False
    class_count: int = 0
    pen_loss_past_end: bool = True

    def __post_init__(self) -> None:
        if self.max_length < 2:
            raise ConfigError(
                f"max_length must be at least 2, a point and the end. Received: {self.max_length}."
            )
        for name in ("encoder_units", "decoder_units", "mixtures"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        for name in ("latent_size", "kl_weight", "kl_floor"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be at least 0. Received: {getattr(self, name)}.")
        for name in ("scale_factor", "learning_rate", "gradient_clip"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0. Received: {getattr(self, name)}.")
        if not 0 <= self.recurrent_dropout < 1:
            raise ConfigError(
                f"recurrent_dropout must lie in [0, 1). Received: {self.recurrent_dropout}."
            )
        for name in ("kl_annealing", "learning_rate_decay"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in (0, 1]. Received: {getattr(self, name)}.")
        if self.class_conditional and self.class_count < 2:
            raise ConfigError(
                "class_conditional needs a class_count of at least 2; it is taken from data that "
                f"has labels. Received: class_count = {self.class_count}."
            )

    @property
    def told_classes(self) -> int:
        """Numbers of the one-hot label that the networks are given; 0 where they are given none."""
        return self.class_count if self.class_conditional else 0


_SMALL = {
    "encoder_units": 96,
    "decoder_units": 192,
    "latent_size": 32,
    "mixtures": 5,
    "kl_weight": 0.5,
    "kl_floor": 0.1,
    "kl_annealing": 0.998,
    "learning_rate": 3e-3,
    "learning_rate_decay": 0.9985,
    "pen_loss_past_end": False,
}

PRESETS = {
    "laptop": Preset(
        summary="Doodles of eight things, a small network.",
        data="doodles",
        epochs=40,
        batch_size=50,
        config=_SMALL,
    ),
    "paper": Preset(
        summary="256/512 units, 128 latent dimensions, 20 mixtures, batches of 100; your own "
        "--data, such as a category of Quick, Draw!.",
        data="doodles",
        steps=100_000,
        batch_size=100,
        augment="scale,drop-points",
        config={"decoder": "hyper-lstm"},
    ),
    "kanji": Preset(
        summary="Chinese characters, pen stroke by pen stroke; give the file with --data.",
        data="doodles",
        epochs=60,
        batch_size=100,
        augment="scale,drop-points",
        config={
            "kl_weight": 0.5,
            "kl_annealing": 0.9995,
            "learning_rate_decay": 0.9998,
            "pen_loss_past_end": False,
        },
    ),
    "quickdraw-category": Preset(
        summary="One category of Quick, Draw!; give the file with --data.",
        data="doodles",
        steps=20_000,
        batch_size=100,
        augment="scale,drop-points",
        config={"kl_weight": 0.5, "kl_annealing": 0.9998, "pen_loss_past_end": False},
    ),
    "decoder-only": Preset(
        summary="The decoder alone, which draws from nothing; doodles.",
        data="doodles",
        epochs=40,
        batch_size=50,
        config={**_SMALL, "latent_size": 0},
    ),
}
