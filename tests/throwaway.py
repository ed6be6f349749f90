"""Small models that exist to try the engine: one player with a known course, and two players."""

import dataclasses

import keras
import numpy as np
from keras import layers, ops

from zoo.card import ModelCard
from zoo.config import Preset
from zoo.engine import Player, PlayerModel, every, input_gradients
from zoo.translation import DomainTranslator, other


@dataclasses.dataclass(frozen=True, kw_only=True)
class LineConfig:
    """Configuration of `Line`.

    Args:
        size: Numbers per example.
        steps: Moves per turn.
        fresh_data: Whether each move sees its own slice.
        period: Turns per turn in which the player moves.
    """

    size: int = 3
    steps: int = 1
    fresh_data: bool = False
    period: int = 1


@keras.saving.register_keras_serializable(package="throwaway")
class Line(PlayerModel):
    """w . x for a weight w; the loss is -mean(w . x), so that descent adds means of x to w."""

    config_class = LineConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.line = keras.Sequential(
            [
                keras.Input((self.config.size,)),
                layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
            ]
        )

    def players(self):
        return [
            Player(
                name="line",
                networks=[self.line],
                loss=lambda x, y, training: {
                    "line_nats": -ops.mean(ops.cast(self.line(x, training=training), "float32"))
                },
                terms=("line_nats",),
                optimizer=lambda: keras.optimizers.SGD(1.0),
                steps=self.config.steps,
                fresh_data=self.config.fresh_data,
                moves_at=None if self.config.period == 1 else every(self.config.period),
            )
        ]

    def sample(self, count, *, seed=0):
        return np.zeros((count, self.config.size), "float32")

    @property
    def weight(self):
        return keras.ops.convert_to_numpy(self.line.weights[0].value)[:, 0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DuelConfig:
    """Configuration of `Duel`.

    Args:
        critic_steps: Moves of the critic per turn.
        generator_period: Turns per move of the generator.
        penalty: Weight of the gradient penalty.
    """

    critic_steps: int = 2
    generator_period: int = 1
    penalty: float = 10.0


@keras.saving.register_keras_serializable(package="throwaway")
class Duel(PlayerModel):
    """A Wasserstein GAN with gradient penalty on points of the plane."""

    config_class = DuelConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.generator = keras.Sequential(
            [
                keras.Input((4,)),
                layers.Dense(8),
                layers.BatchNormalization(),
                layers.Activation("relu"),
                layers.Dense(2),
            ]
        )
        self.critic = keras.Sequential(
            [
                keras.Input((2,)),
                layers.Dense(16, activation="tanh"),
                layers.Dropout(0.1),
                layers.Dense(1, use_bias=False),
            ]
        )

    def players(self):
        return [
            Player(
                name="critic",
                networks=[self.critic],
                loss=self.critic_loss,
                terms=("critic_nats", "penalty_nats"),
                optimizer=lambda: keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.9),
                steps=self.config.critic_steps,
                fresh_data=True,
            ),
            Player(
                name="generator",
                networks=[self.generator],
                loss=self.generator_loss,
                terms=("generator_nats",),
                optimizer=lambda: keras.optimizers.RMSprop(1e-3),
                moves_at=every(self.config.generator_period),
            ),
        ]

    def fakes(self, x, training):
        noise = keras.random.normal((ops.shape(x)[0], 4), seed=self.noise_seed(training))
        return self.generator(noise, training=training)

    def score(self, points, training):
        return ops.mean(ops.cast(self.critic(points, training=training), "float32"))

    def critic_loss(self, x, y, training):
        fake = ops.cast(self.fakes(x, training), "float32")
        seed = self.noise_seed(training)
        alpha = keras.random.uniform((ops.shape(x)[0], 1), seed=seed)
        between = x + alpha * (fake - x)
        slopes = input_gradients(self.critic, between, training=training)
        norm = ops.sqrt(ops.sum(ops.square(ops.cast(slopes, "float32")), axis=1) + 1e-12)
        penalty = self.config.penalty * ops.mean(ops.square(norm - 1.0))
        real_score = self.score(x, training)
        fake_score = self.score(fake, training)
        return {"critic_nats": fake_score - real_score + penalty, "penalty_nats": penalty}

    def generator_loss(self, x, y, training):
        return {"generator_nats": -self.score(self.fakes(x, training), False)}

    def sample(self, count, *, seed=0):
        noise = keras.random.normal((count, 4), seed=seed)
        return keras.ops.convert_to_numpy(self.generator(noise, training=False))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TintConfig:
    """Configuration of `Tint`.

    Args:
        image_shape_a: (H, W, C) of domain A.
        image_shape_b: (H, W, C) of domain B.
        rate: Learning rate of the generators.
    """

    image_shape_a: tuple[int, int, int] = (4, 6, 3)
    image_shape_b: tuple[int, int, int] = (4, 6, 3)
    rate: float = 0.1


@keras.saving.register_keras_serializable(package="throwaway")
class Tint(DomainTranslator):
    """A matrix of colours into each domain, and judges that weigh the colours of fakes.

    The generators minimise |there and back - given| + judgement; the judges' weights w begin with
    0 and minimise -mean(w . fake), so that descent adds means of the fakes to w.
    """

    config_class = TintConfig
    takes_any_size = True

    def __init__(self, config=None, **kwargs):
        super().__init__(config or TintConfig(), **kwargs)
        self.generators = {to: self.network(to) for to in ("A", "B")}
        self.judges = {
            domain: keras.Sequential(
                [
                    keras.Input((self.image_shape(domain)[2],)),
                    layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
                ]
            )
            for domain in ("A", "B")
        }

    def network(self, to):
        given = self.image_shape(other(to))[2]
        pixels = keras.Input((None, None, given))
        colours = layers.Dense(self.image_shape(to)[2], activation="sigmoid")(pixels)
        return keras.Model(pixels, layers.Activation("linear", dtype="float32")(colours))

    def side_multiple(self, to):
        return 4

    def translated(self, images, to, training=False):
        return self.generators[to](images, training=training)

    def players(self):
        return [
            Player(
                name="generators",
                networks=list(self.generators.values()),
                loss=self.generators_loss,
                terms=("generators_l1", "cycle_l1"),
                hands_on=("fake_a", "fake_b"),
                optimizer=lambda: keras.optimizers.SGD(self.config.rate),
            ),
            Player(
                name="judges",
                networks=list(self.judges.values()),
                loss=self.judges_loss,
                terms=("judges_score",),
                optimizer=lambda: keras.optimizers.SGD(1.0),
            ),
        ]

    def judgement(self, fake_a, fake_b):
        means = {"A": ops.mean(fake_a, axis=(1, 2)), "B": ops.mean(fake_b, axis=(1, 2))}
        return sum(
            ops.mean(ops.cast(judge(means[domain]), "float32"))
            for domain, judge in self.judges.items()
        )

    def generators_loss(self, x, y, training):
        fake_a, fake_b = self.translated(x["B"], "A"), self.translated(x["A"], "B")
        back_a, back_b = self.translated(fake_b, "A"), self.translated(fake_a, "B")
        cycle = ops.mean(ops.abs(back_a - x["A"])) + ops.mean(ops.abs(back_b - x["B"]))
        total = cycle + self.judgement(fake_a, fake_b)
        return {"generators_l1": total, "cycle_l1": cycle, "fake_a": fake_a, "fake_b": fake_b}

    def judges_loss(self, x, y, training):
        return {"judges_score": -self.judgement(x["fake_a"], x["fake_b"])}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EchoConfig:
    """Configuration of `Echo`; the data decide one of the shapes.

    Args:
        image_shape: (H, W, C) of images.
        video_shape: (T, H, W, C) of films.
        length: Samples of sounds.
        sample_rate_hz: Samples per second of sounds.
        class_conditional: Whether the label decides what an example begins with.
        class_count: Labels.
    """

    image_shape: tuple[int, int, int] = (0, 0, 0)
    video_shape: tuple[int, int, int, int] = (0, 0, 0, 0)
    length: int = 0
    sample_rate_hz: int = 0
    class_conditional: bool = False
    class_count: int = 0


@keras.saving.register_keras_serializable(package="throwaway")
class Echo(PlayerModel):
    """Each row, sample or frame is the one before it, or, with a chance that it learns, noise.

    At temperature 0 what is made of a beginning is the last that is given, over and over; where
    nothing is, it is 0, or with classes the label's share of 1.
    """

    config_class = EchoConfig

    def __init__(self, config=None, **kwargs):
        super().__init__(config or EchoConfig(), **kwargs)
        self.chance = keras.Sequential(
            [
                keras.Input((1,)),
                layers.Dense(1, use_bias=False, activation="sigmoid", kernel_initializer="zeros"),
            ]
        )

    @property
    def conditions(self):
        return ("class",) if self.config.class_conditional else ()

    @property
    def example_shape(self):
        config = self.config
        shapes = (config.image_shape, config.video_shape, (config.length,))
        return next(shape for shape in shapes if shape[0])

    def players(self):
        return [
            Player(
                name="chance",
                networks=[self.chance],
                loss=self.nll,
                terms=("nll_nats",),
                optimizer=lambda: keras.optimizers.SGD(0.1),
            )
        ]

    def nll(self, x, y, training):
        chance = self.chance(ops.ones((1, 1)), training=training)[0, 0]
        changed = ops.mean(ops.cast(x[:, 1:] != x[:, :-1], "float32"))
        return {"nll_nats": -changed * ops.log(chance) - (1 - changed) * ops.log(1 - chance)}

    def sample(self, count, *, seed=0, labels=None, temperature=1.0):
        x = np.zeros((count, *self.example_shape), "float32")
        return self.complete(x, x > 0, seed=seed, labels=labels, temperature=temperature)

    def complete(self, x, known, *, seed=0, labels=None, temperature=1.0):
        chance = temperature * keras.ops.convert_to_numpy(self.chance(ops.ones((1, 1))))[0, 0]
        generator = np.random.default_rng(seed)
        share = np.zeros(len(x)) if labels is None else labels / max(1, self.config.class_count)
        before = np.broadcast_to(share.reshape(-1, *[1] * (x.ndim - 2)), x[:, 0].shape)
        rows = []
        for row in range(x.shape[1]):
            fresh = generator.random(before.shape)
            made = np.where(generator.random(before.shape) < chance, fresh, before)
            before = np.where(known[:, row], x[:, row], made).astype("float32")
            rows.append(before)
        return np.stack(rows, axis=1)


ECHO_PRESETS = {
    name: Preset(summary="Tiny.", data="digits", epochs=1, batch_size=4)
    for name in ("laptop", "paper")
}


def echo_card(name, kind, data):
    return ModelCard(
        name=name,
        title="Echo",
        summary="Says again what was said.",
        paper="A. Author, On Echoes",
        year=2001,
        url="https://example.org",
        kind=kind,
        data=data,
        model="throwaway:Echo",
        config="throwaway:EchoConfig",
        presets="throwaway:ECHO_PRESETS",
    )


IMAGE_ECHO = echo_card("image-echo", "image", "digits")
SOUND_ECHO = echo_card("sound-echo", "waveform", "notes")
FILM_ECHO = echo_card("film-echo", "video", "moving-digits")


TINT = ModelCard(
    name="tint",
    title="Tint",
    summary="A matrix of colours into each domain.",
    paper="none",
    year=2026,
    url="https://example.org/tint",
    kind="domains",
    data="digit-styles",
    model="throwaway:Tint",
    config="throwaway:TintConfig",
    presets="throwaway:TINT_PRESETS",
)
TINT_PRESETS = {
    "laptop": Preset(summary="tiny", data="digit-styles", epochs=1, batch_size=16),
    "paper": Preset(summary="tiny", data="digit-styles", epochs=1, batch_size=16),
}
