"""CycleGAN (Zhu et al. 2017, https://arxiv.org/abs/1703.10593).

Two generators G: A -> B and F: B -> A, and a discriminator for each domain. No image of A belongs
to one of B; what is asked for instead is that an image which goes there and back is what it was.
With D read as a score, the generators minimise

    E[(D_B(G(a)) - 1)^2] + E[(D_A(F(b)) - 1)^2]                       least squares (section 4)
    + lambda (E|F(G(a)) - a| + E|G(F(b)) - b|)                        cycles (Eq. 2)
    + lambda_identity (E|F(a) - a| + E|G(b) - b|)                     identity (section 5.2)

and each discriminator half of E[(D(real) - 1)^2] + E[D(fake)^2]; fakes come to it through a pool of
the last ones. |.| is the mean over pixels and channels. The weights are those of the paper, for
pixels in [-1, 1]; the terms `..._l1` are in the public form, pixels in [0, 1], half as large. With
cross-entropy, the scores are nats.

Departures from the paper: no bias before an instance normalisation, which would cancel it; the
learning rate falls with each step, not each epoch; within a batch no two fakes share a place of the
pool; domains of different sizes, whose generators halve more often than they double or the reverse.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.engine import Player
from zoo.errors import ConfigError, DataError
from zoo.losses import (
    adversarial_unit,
    discriminator_accuracies,
    discriminator_loss,
    generator_loss,
)
from zoo.translation import Domain, DomainTranslator
from zoo_cyclegan.config import CycleGANConfig
from zoo_cyclegan.networks import build_discriminator, build_generator
from zoo_cyclegan.pool import ImagePool

# Shapes: B batch, H height, W width, C channels, h and w patches along each side.

PIXEL_RANGE = 2.0  # the weights are for pixels in [-1, 1], which are given in [0, 1]


@keras.saving.register_keras_serializable(package="zoo_cyclegan")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that is kept, and then falls to 0 in a line.

    Args:
        initial_learning_rate: The rate that is kept.
        constant_steps: Steps for which it is kept.
        decay_steps: Steps in which it falls.
    """

    def __init__(self, initial_learning_rate: float, constant_steps: int, decay_steps: int):
        self.initial_learning_rate = initial_learning_rate
        self.constant_steps = constant_steps
        self.decay_steps = decay_steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step, from 0."""
        fallen = (ops.cast(step, "float32") - self.constant_steps) / self.decay_steps
        return self.initial_learning_rate * (1.0 - ops.clip(fallen, 0.0, 1.0))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "constant_steps": self.constant_steps,
            "decay_steps": self.decay_steps,
        }


@keras.saving.register_keras_serializable(package="zoo_cyclegan")
class CycleGAN(DomainTranslator):
    """Cycle-consistent adversarial networks.

    Args:
        config: A `CycleGANConfig`.
    """

    config_class = CycleGANConfig
    takes_any_size = True

    def __init__(self, config: CycleGANConfig, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.generator_a = build_generator(self.config, "A")
        self.generator_b = build_generator(self.config, "B")
        self.discriminator_a = build_discriminator(self.config, "A")
        self.discriminator_b = build_discriminator(self.config, "B")
        self.pool_a = ImagePool(self.config.pool_size, self.config.image_shape_a)
        self.pool_b = ImagePool(self.config.pool_size, self.config.image_shape_b)

    def players(self) -> Sequence[Player]:
        """Return the generators, which move first and hand on what they made, and who judges it."""
        unit = adversarial_unit(self.config.adversarial)
        identity = ("identity_a_l1", "identity_b_l1") if self.config.identity else ()
        return [
            Player(
                name="generators",
                networks=[self.generator_a, self.generator_b],
                loss=self.generators_loss,
                terms=(
                    "generators_score",
                    f"generator_a_{unit}",
                    f"generator_b_{unit}",
                    "cycle_a_l1",
                    "cycle_b_l1",
                    *identity,
                ),
                optimizer=self.make_optimizer,
                hands_on=("fake_a", "fake_b"),
            ),
            Player(
                name="discriminators",
                networks=[self.discriminator_a, self.discriminator_b],
                loss=self.discriminators_loss,
                terms=(
                    f"discriminators_{unit}",
                    "real_a_accuracy",
                    "fake_a_accuracy",
                    "real_b_accuracy",
                    "fake_b_accuracy",
                ),
                optimizer=self.make_optimizer,
            ),
        ]

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """Return Adam as the paper sets it."""
        config = self.config
        rate = config.learning_rate
        if config.decay_steps:
            rate = LinearDecay(rate, config.constant_steps, config.decay_steps)
        return keras.optimizers.Adam(rate, beta_1=config.beta_1)

    def check_batch(self, count: Any) -> None:
        """Raise ConfigError where the pool is smaller than a batch of `count`; a tensor passes."""
        super().check_batch(count)
        if isinstance(count, int) and count > self.config.pool_size:
            raise ConfigError(
                f"A batch may hold at most pool_size = {self.config.pool_size} examples, because "
                f"each fake has a place of its own in the pool. Received: {count}. Lower the "
                "batch size, or raise pool_size."
            )

    def generators_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return what the generators minimise on images of both domains, its parts, and fakes."""
        config = self.config
        unit = adversarial_unit(config.adversarial)
        a, b = x["A"], x["B"]
        # Nothing in a generator is shared between examples: images of one domain go together.
        same_a, same_b = ([a], [b]) if config.identity else ([], [])
        fake_b, *own_b = together(self.generator_b, [a, *same_b], training)
        fake_a, back_a, *own_a = together(self.generator_a, [b, fake_b, *same_a], training)
        back_b = self.generator_b(fake_a, training=training)
        terms = {
            f"generator_a_{unit}": self.deception(self.discriminator_a, fake_a, training),
            f"generator_b_{unit}": self.deception(self.discriminator_b, fake_b, training),
            "cycle_a_l1": mean_l1(back_a, a),
            "cycle_b_l1": mean_l1(back_b, b),
        }
        adversarial = terms[f"generator_a_{unit}"] + terms[f"generator_b_{unit}"]
        cycles = terms["cycle_a_l1"] + terms["cycle_b_l1"]
        objective = adversarial + PIXEL_RANGE * config.cycle_weight * cycles
        if config.identity:
            terms["identity_a_l1"] = mean_l1(own_a[0], a)
            terms["identity_b_l1"] = mean_l1(own_b[0], b)
            kept = terms["identity_a_l1"] + terms["identity_b_l1"]
            objective += PIXEL_RANGE * config.identity * kept
        return {"generators_score": objective, **terms, "fake_a": fake_a, "fake_b": fake_b}

    def deception(self, discriminator: Any, fakes: Any, training: bool) -> Any:
        """Return what a generator minimises to deceive a discriminator."""
        kind = self.config.adversarial
        return self.paper_factor * generator_loss(kind, discriminator(fakes, training=training))

    def discriminators_loss(self, x: Any, y: Any, training: bool) -> dict[str, Any]:
        """Return what the discriminators minimise on images and fakes, and where they are right."""
        total: Any = 0.0
        accuracies: dict[str, Any] = {}
        for domain, discriminator, pool in (
            ("a", self.discriminator_a, self.pool_a),
            ("b", self.discriminator_b, self.pool_b),
        ):
            reals, fakes = x[domain.upper()], x[f"fake_{domain}"]
            if training:
                fakes = pool(fakes, seed=self.noise_seed(training))
            real_logits, fake_logits = together(discriminator, [reals, fakes], training)
            kind = self.config.adversarial
            halved = 0.5 * self.paper_factor * discriminator_loss(kind, real_logits, fake_logits)
            total += halved
            real, fake = discriminator_accuracies(kind, real_logits, fake_logits)
            accuracies |= {f"real_{domain}_accuracy": real, f"fake_{domain}_accuracy": fake}
        return {f"discriminators_{adversarial_unit(self.config.adversarial)}": total, **accuracies}

    @property
    def paper_factor(self) -> float:
        """What the losses of `zoo.losses` are multiplied by: their squares have a half before."""
        return 2.0 if self.config.adversarial == "least-squares" else 1.0

    def translated(self, images: Any, to: Domain, training: bool = False) -> Any:
        """Return images (B, H, W, C) in [0, 1] of the other domain as of the domain `to`."""
        generator = self.generator_a if to == "A" else self.generator_b
        return generator(images, training=training)

    def translate(self, x: Any, to: Domain) -> np.ndarray:
        """Return images (N, H, W, C) in [0, 1] of the other domain as they would look in `to`.

        Images may have any size from a few pixels on.

        Raises:
            DataError: If `to` is no domain, or the images have a shape that the model cannot take.
        """
        # The middle of a residual generator has two pixels a side, or nothing could be reflected.
        multiple = self.side_multiple(to)
        least = 1 if self.config.generator == "unet" else multiple + 1
        sides = np.shape(x)[1:3]
        if sides and min(sides) < least:
            raise DataError(
                f"Images to be translated to domain {to} must have at least {least} pixels a side. "
                f"Received: {np.shape(x)}. Enlarge them first."
            )
        return super().translate(x, to)

    def side_multiple(self, to: Domain) -> int:
        """Return what the sides of images that are translated to `to` are multiples of."""
        downs, ups = self.config.halvings
        return int(2 ** (downs if to == "B" else ups))


def together(network: Any, batches: Sequence[Any], training: bool) -> list[Any]:
    """Return the results of a network for several batches (B, H, W, C), computed as one."""
    if len(batches) == 1:
        return [network(batches[0], training=training)]
    joined = ops.concatenate([ops.cast(batch, "float32") for batch in batches])
    results: list[Any] = ops.split(network(joined, training=training), len(batches))
    return results


def mean_l1(images: Any, others: Any) -> Any:
    """Return the mean distance of pixels, over batch, height, width and channels."""
    distances = ops.abs(ops.cast(images, "float32") - ops.cast(others, "float32"))
    return ops.mean(distances)
