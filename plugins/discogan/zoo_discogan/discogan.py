"""DiscoGAN (Kim et al. 2017, https://arxiv.org/abs/1703.05192).

Two generators, from domain A to B and from B to A, and a discriminator for each domain. With r the
weight of reconstruction, small at first (the paper's code: 0.01 for 10,000 turns, then 0.5):

    generators:      sum over domains (1 - r) (0.1 adversarial + 0.9 features) + r cycle
      adversarial    - E[log D(fake)]                                                        in nats
      features       sum over the last three hidden layers of D of the mean over features of
                     (mean over real images - mean over fakes)^2
      cycle          mean over pixels of (image - image there and back)^2, images in [0, 1]
    discriminators:  sum over domains (- E[log D(real)] - E[log(1 - D(fake))]) / 2           in nats

Both objectives contain half the sum of squares of the player's weights, times 1e-5: the weight
decay of the authors' Adam, which adds it to the gradient.

Nothing compares an image with its own translation: that would need pairs.

A generator is an encoder and a decoder of 4x4 convolutions of stride 2 that meet at a grid of 4 to
7 pixels a side; its output is a sigmoid. Batches of real images and of fakes are normalised apart.
The discriminators move in one turn of three, the generators in the two others, so that the players
see fakes of their own.

The comparisons of section 3.3 are variants: "one-reconstruction" drops the discriminator of A and
the cycle of B, "gan" both cycles.

Departures from the paper: further sizes than 64, and sizes that differ between the domains. "gan"
learns both directions, which share nothing; the paper's has one.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from zoo.engine import Player
from zoo.layers import UpConv2D, normalised_by_batch
from zoo.losses import discriminator_accuracies, discriminator_loss, generator_loss
from zoo.shapes import start_grid
from zoo.translation import Domain, DomainTranslator, other
from zoo_discogan.config import DiscoGANConfig, Variant

# Shapes: B batch, H height, W width, C channels, of each domain its own; F filters, n doublings,
# h and w sides of the grid at which encoder and decoder meet.

KERNEL_SIZE = 4
MATCHED_LAYERS = 3  # hidden layers of a discriminator whose features are matched, the last ones

JUDGED: dict[Variant, tuple[Domain, ...]] = {
    "discogan": ("A", "B"),
    "one-reconstruction": ("B",),
    "gan": ("A", "B"),
}
RECONSTRUCTED: dict[Variant, tuple[Domain, ...]] = {
    "discogan": ("A", "B"),
    "one-reconstruction": ("A",),
    "gan": (),
}


def build_generator(config: DiscoGANConfig, to: Domain) -> keras.Model:
    """Build the network from images of the other domain to images of `to`, in [0, 1]."""
    from_shape, to_shape = config.image_shape_a, config.image_shape_b
    if to == "A":
        from_shape, to_shape = to_shape, from_shape
    halvings, doublings = start_grid(from_shape)[2], start_grid(to_shape)[2]
    filters = config.generator_filters
    images = keras.Input(from_shape, name="images")  # (B, H, W, C)
    *_, hidden = _downwards(images, filters, halvings)  # (B, h, w, F 2^(n-1))
    for number in reversed(range(doublings)):
        # (B, h 2^i, w 2^i, F 2^(n-1-i)), the last (B, H, W, C)
        channels = filters * 2 ** (number - 1) if number else to_shape[2]
        hidden = UpConv2D(channels, KERNEL_SIZE, use_bias=False, **_weights())(hidden)
        if number:
            hidden = layers.ReLU()(_batch_norm()(hidden))
    outputs = layers.Activation("sigmoid", dtype="float32")(hidden)
    return keras.Model(images, outputs, name=f"generator_{to.lower()}")


def build_discriminator(config: DiscoGANConfig, domain: Domain) -> keras.Model:
    """Build the network from images to the logit (B, 1) of "real", and the features to match."""
    shape = config.image_shape_a if domain == "A" else config.image_shape_b
    *_, halvings = start_grid(shape)
    images = keras.Input(shape, name="images")  # (B, H, W, C)
    hidden = _downwards(images, config.discriminator_filters, halvings)
    # A convolution of the size of the grid, as a matrix product.
    logits = layers.Dense(1, use_bias=False, **_weights())(layers.Flatten()(hidden[-1]))
    logits = layers.Activation("linear", dtype="float32")(logits)
    return keras.Model(
        images, [logits, *hidden[-MATCHED_LAYERS:]], name=f"discriminator_{domain.lower()}"
    )


@keras.saving.register_keras_serializable(package="zoo_discogan")
class DiscoGAN(DomainTranslator):
    """Translation between two domains of images by generators that undo each other.

    Args:
        config: A `DiscoGANConfig`.
    """

    config_class = DiscoGANConfig
    smallest_batch = 2  # batch normalisation needs a variance

    def __init__(self, config: DiscoGANConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.judged = JUDGED[self.config.variant]
        self.reconstructed = RECONSTRUCTED[self.config.variant]
        self.generator_a = build_generator(self.config, "A")
        self.generator_b = build_generator(self.config, "B")
        self.discriminator_b = build_discriminator(self.config, "B")
        if "A" in self.judged:
            self.discriminator_a = build_discriminator(self.config, "A")

    @property
    def generators(self) -> list[keras.Model]:
        """The generators, to A and to B."""
        return [self.generator_a, self.generator_b]

    @property
    def discriminators(self) -> list[keras.Model]:
        """The discriminators that this variant has."""
        return [self.discriminator(domain) for domain in self.judged]

    def discriminator(self, domain: Domain) -> keras.Model:
        """Return the discriminator of a domain."""
        return self.discriminator_a if domain == "A" else self.discriminator_b

    def players(self) -> Sequence[Player]:
        """Return the discriminators, which move in the first of every few turns, and the others."""
        judged = [domain.lower() for domain in self.judged]
        cycles = [f"cycle_{domain.lower()}_l2" for domain in self.reconstructed]
        interval = self.config.discriminator_interval
        return [
            Player(
                name="discriminators",
                networks=self.discriminators,
                loss=self.discriminators_loss,
                terms=(
                    "discriminators_objective_score",
                    "discriminators_nats",
                    *(f"{kind}_{d}_accuracy" for d in judged for kind in ("real", "fake")),
                ),
                optimizer=self.make_optimizer,
                moves_at=lambda turn: ops.equal(ops.mod(turn, interval), 0),
            ),
            Player(
                name="generators",
                networks=self.generators,
                loss=self.generators_loss,
                terms=(
                    "generators_objective_score",
                    *(term for d in judged for term in (f"fake_{d}_nats", f"features_{d}_l2")),
                    *cycles,
                    *(("reconstruction_weight",) if cycles else ()),
                ),
                optimizer=self.make_optimizer,
                moves_at=lambda turn: ops.not_equal(ops.mod(turn, interval), 0),
            ),
        ]

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Return Adam as the paper sets it; its weight decay is part of the objectives."""
        return keras.optimizers.Adam(self.config.learning_rate, beta_1=self.config.beta_1)

    def discriminators_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the discriminators' terms for images of both domains and fakes made of them."""
        nats, accuracies = 0.0, {}
        for domain in self.judged:
            discriminator = self.discriminator(domain)
            fakes = ops.stop_gradient(self.translated(x[other(domain)], domain, training))
            real_logits, *_ = normalised_by_batch(discriminator, x[domain], training)  # (B, 1)
            fake_logits, *_ = normalised_by_batch(discriminator, fakes, training)
            nats += 0.5 * discriminator_loss("non-saturating", real_logits, fake_logits)
            real, fake = discriminator_accuracies("non-saturating", real_logits, fake_logits)
            accuracies[f"real_{domain.lower()}_accuracy"] = real
            accuracies[f"fake_{domain.lower()}_accuracy"] = fake
        objective = nats + self.decay(self.discriminators)
        return {
            "discriminators_objective_score": objective,
            "discriminators_nats": nats,
            **accuracies,
        }

    def generators_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return the generators' terms for images of both domains."""
        fakes = {
            domain: self.translated(x[other(domain)], domain, training) for domain in self.judged
        }
        terms: dict[str, Any] = {}
        judgement, reconstruction = 0.0, 0.0
        for domain in self.judged:
            discriminator = self.discriminator(domain)
            _, *real_features = normalised_by_batch(discriminator, x[domain], training)
            logits, *fake_features = normalised_by_batch(discriminator, fakes[domain], training)
            adversarial = generator_loss("non-saturating", logits)
            features = feature_matching(real_features, fake_features)
            share = self.config.feature_share
            judgement += (1 - share) * adversarial + share * features
            terms[f"fake_{domain.lower()}_nats"] = adversarial
            terms[f"features_{domain.lower()}_l2"] = features
        for domain in self.reconstructed:
            back = self.translated(fakes[other(domain)], domain, training)
            cycle = ops.mean(ops.square(back - x[domain]))
            reconstruction += cycle
            terms[f"cycle_{domain.lower()}_l2"] = cycle
        objective = judgement
        if self.reconstructed:
            rate = self.reconstruction_weight()
            objective = (1 - rate) * judgement + rate * reconstruction
            terms["reconstruction_weight"] = rate
        objective += self.decay(self.generators)
        return {"generators_objective_score": objective, **terms}

    def translated(self, images: Any, to: Domain, training: bool = False) -> Any:
        """Return images (B, H, W, C) in [0, 1] of the other domain as of the domain `to`."""
        generator = self.generator_a if to == "A" else self.generator_b
        return generator(images, training=training)

    def reconstruction_weight(self) -> Any:
        """Return r of this turn."""
        config = self.config
        early = ops.less(self.optimizer.iterations, config.curriculum_steps)
        return ops.where(early, config.starting_rate, config.rate)

    def decay(self, networks: Sequence[keras.Model]) -> Any:
        """Return the objective's part whose gradient is `weight_decay` times each weight."""
        squares = [ops.sum(ops.square(v)) for n in networks for v in n.trainable_variables]
        return 0.5 * self.config.weight_decay * sum(squares)


def feature_matching(real: Sequence[Any], fake: Sequence[Any]) -> Any:
    """Return the squared difference of batch means (B, h, w, F), averaged, summed over layers."""
    squares = [
        ops.square(ops.mean(ops.cast(r, "float32"), 0) - ops.mean(ops.cast(f, "float32"), 0))
        for r, f in zip(real, fake, strict=True)
    ]
    return sum(ops.mean(square) for square in squares)


def _downwards(hidden: Any, filters: int, halvings: int) -> list[Any]:
    """Return the layers that halve images (B, H, W, C): (B, H / 2^i, W / 2^i, F 2^(i-1)) each."""
    outputs = []
    for number in range(halvings):
        hidden = layers.Conv2D(
            filters * 2**number,
            KERNEL_SIZE,
            strides=2,
            padding="same",
            use_bias=False,
            **_weights(),
        )(hidden)
        if number:
            hidden = _batch_norm()(hidden)
        hidden = layers.LeakyReLU(0.2)(hidden)
        outputs.append(hidden)
    return outputs


def _weights() -> dict[str, Any]:
    """Return the initial weights of the authors' code: uniform up to 1 / sqrt(inputs)."""
    initializer = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    return {"kernel_initializer": initializer}


def _batch_norm() -> layers.Layer:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
