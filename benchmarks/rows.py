"""What is measured, as data: one row per model and size. A new model adds its rows here alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Pass:
    """How one network of the model is used for one example.

    Args:
        network: Attribute of the model that holds the network.
        count: How often it is applied.
        gradients: What gradients the algorithm needs after it: none, where it is only applied;
            of the weights, where its input is data or noise; of the input, where another network
            learns through it; of both; or those of a penalty on the gradient by the input.
    """

    network: str
    count: float = 1
    gradients: Literal["none", "weights", "input", "both", "penalty"] = "none"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Args:
        name: What `--rows` selects by.
        model: The model's name in the registry.
        config: Fields of its configuration that differ from the defaults.
        batch_size: Examples per move; for sampling, images per call.
        parameters: Trainable parameters, checked against the model.
        passes: What the floating-point operations are counted from.
        image_shape: (H, W, C) of one image.
        kind: Whether training or sampling is measured.
        reference: Name in `references.REFERENCES` of what is measured beside it, if anything.
        target: Examples/s, as a multiple of the reference's, that it should reach.
        published_rate: Examples/s of the reference in an earlier quiet run, for orientation.
        published_fraction: Its fraction of the matrix-product peak then.
        steps_per_execution: Steps that `fit` takes per call of the compiled function; torch
            has none and takes one.
        backends: Backends on which it is measured.
        one_process: Whether it takes turns with its reference inside one process.
    """

    name: str
    model: str
    config: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int
    parameters: int
    passes: tuple[Pass, ...]
    image_shape: tuple[int, int, int] = (28, 28, 1)
    kind: Literal["training", "sampling"] = "training"
    reference: str | None = None
    target: float | None = None
    published_rate: float | None = None
    published_fraction: str | None = None
    steps_per_execution: int = 1
    backends: tuple[str, ...] = ("tensorflow", "jax", "torch")
    one_process: bool = False

    @property
    def examples_per_turn(self) -> int:
        """Examples of one step of `fit`: a batch for every move of a critic."""
        return self.batch_size * self.config.get("critic_steps", 1)

    @property
    def examples_per_call(self) -> int:
        """Examples of one call of the compiled function."""
        return self.examples_per_turn * self.steps_per_execution


_ADAM = {"activation": "relu", "optimizer": "adam", "learning_rate": 1e-3}
_DENSE_VAE: dict[str, Any] = {"hidden_sizes": (400,), "latent_size": 20, **_ADAM}
_CONV_VAE: dict[str, Any] = {
    "architecture": "convolutional",
    "filters": (32, 64),
    "hidden_sizes": (16,),
    "latent_size": 2,
    **_ADAM,
}
_IWAE: dict[str, Any] = {
    "hidden_sizes": (512,),
    "latent_size": 50,
    "importance_samples": 50,
    **_ADAM,
}

_DENSE_GAN: dict[str, Any] = {
    "latent_size": 100,
    "generator_sizes": (128, 256, 512, 1024),
    "batch_norm": True,
    "discriminator_sizes": (512, 256),
    "maxout_pieces": 1,
    "input_dropout": 0.0,
    "dropout": 0.0,
    "loss": "non-saturating",
    "optimizer": "adam",
    "learning_rate": 2e-4,
}
_DCGAN: dict[str, Any] = {
    "latent_size": 100,
    "generator_filters": 64,
    "discriminator_filters": 64,
    "kernel_size": 4,
    "learning_rate": 2e-4,
}
_DENSE_WASSERSTEIN: dict[str, Any] = {
    "architecture": "dense",
    "latent_size": 100,
    "generator_sizes": (128, 256, 512, 1024),
    "critic_sizes": (512, 256),
    "critic_norm": "none",
    "critic_steps": 5,
}
_VAE_PASSES = (
    Pass(network="encoder", gradients="weights"),
    Pass(network="decoder", gradients="both"),
)
# As the papers' algorithms have it, each move draws noise of its own: the generator makes images
# once for its opponent, and once for its own move.
_GAN_PASSES = (
    Pass(network="generator"),
    Pass(network="discriminator", count=2, gradients="weights"),
    Pass(network="generator", gradients="weights"),
    Pass(network="discriminator", gradients="input"),
)
_WGAN_PASSES = (  # of one move of the critic, and a fifth of a move of the generator
    Pass(network="generator"),
    Pass(network="critic", count=2, gradients="weights"),
    Pass(network="generator", count=1 / 5, gradients="weights"),
    Pass(network="critic", count=1 / 5, gradients="input"),
)

ROWS = (
    Row(
        name="vae-dense",
        model="vae",
        config=_DENSE_VAE,
        batch_size=128,
        parameters=652_824,
        passes=_VAE_PASSES,
        reference="torch-vae",
        target=1.5,
        published_rate=14_000,
        published_fraction=".23-.30",
        steps_per_execution=8,
    ),
    Row(
        name="vae-convolutional",
        model="vae",
        config=_CONV_VAE,
        batch_size=128,
        parameters=134_165,
        passes=_VAE_PASSES,
        reference="keras-convolutional-vae",
        target=1.2,
        published_rate=2_450,
        published_fraction=".49",
    ),
    Row(
        name="iwae",
        model="vae",
        config=_IWAE,
        batch_size=128,
        parameters=881_524,
        passes=(
            Pass(network="encoder", gradients="weights"),
            Pass(network="decoder", count=50, gradients="both"),
        ),
        reference="torch-iwae",
        target=1.2,
        published_rate=818,
        published_fraction=".53",
    ),
    Row(
        name="engine-overhead",
        model="vae",
        config=_DENSE_VAE,
        batch_size=128,
        parameters=652_824,
        passes=_VAE_PASSES,
        reference="keras-train-step",
        target=1 / 1.05,
        backends=("tensorflow",),
        one_process=True,
    ),
    Row(
        name="vae-dense-sampling",
        model="vae",
        config=_DENSE_VAE,
        batch_size=5120,
        parameters=652_824,
        passes=(Pass(network="decoder"),),
        kind="sampling",
    ),
    Row(
        name="vae-convolutional-sampling",
        model="vae",
        config=_CONV_VAE,
        batch_size=5120,
        parameters=134_165,
        passes=(Pass(network="decoder"),),
        kind="sampling",
    ),
    Row(
        name="gan-dense",
        model="gan",
        config=_DENSE_GAN,
        batch_size=64,
        parameters=1_510_032 + 533_505,
        passes=_GAN_PASSES,
        reference="torch-gan",
        target=1.5,
        published_rate=2_900,
        published_fraction=".25",
        steps_per_execution=8,
    ),
    Row(
        name="wgan-dense",
        model="wgan",
        # The generator moves after every five moves of the critic, at the start of training too.
        config={
            **_DENSE_WASSERSTEIN,
            "long_critic_steps": 5,
            "learning_rate": 5e-5,
            "clip": 0.01,
        },
        batch_size=64,
        parameters=1_510_032 + 533_504,
        passes=_WGAN_PASSES,
        reference="torch-wgan",
        target=1.2,
        published_rate=8_100,
        published_fraction=".41",
        steps_per_execution=8,
    ),
    Row(
        name="wgan-gp-dense",
        model="wgan-gp",
        config={
            **_DENSE_WASSERSTEIN,
            "learning_rate": 2e-4,
            "beta_1": 0.5,
            "beta_2": 0.999,
            "penalty": 10.0,
        },
        batch_size=64,
        parameters=1_510_032 + 533_504,
        passes=(*_WGAN_PASSES, Pass(network="critic", gradients="penalty")),
        reference="torch-wgan-gp",
        target=1.2,
        published_rate=3_600,
        published_fraction=".42",
        steps_per_execution=8,
    ),
    Row(
        name="dcgan-64",
        model="dcgan",
        config=_DCGAN,
        batch_size=64,
        parameters=3_576_704 + 2_765_568,
        passes=_GAN_PASSES,
        image_shape=(64, 64, 3),
        reference="torch-dcgan",
        target=1.0,
        published_rate=66,
        published_fraction=".82",
    ),
    Row(
        name="gan-dense-sampling",
        model="gan",
        config=_DENSE_GAN,
        batch_size=5120,
        parameters=1_510_032 + 533_505,
        passes=(Pass(network="generator"),),
        kind="sampling",
    ),
    Row(
        name="dcgan-64-sampling",
        model="dcgan",
        config=_DCGAN,
        batch_size=256,
        parameters=3_576_704 + 2_765_568,
        passes=(Pass(network="generator"),),
        image_shape=(64, 64, 3),
        kind="sampling",
    ),
)


def find(name: str) -> Row:
    """Return the row called `name`."""
    return next(row for row in ROWS if row.name == name)
