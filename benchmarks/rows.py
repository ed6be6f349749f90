"""What is measured, as data: one row per model and size. A new model adds its rows here alone."""

from typing import Any

from benchmarks.row import Pass, Row
from benchmarks.rows_autoregressive import AUTOREGRESSIVE_ROWS
from benchmarks.rows_sequences import SEQUENCE_ROWS
from benchmarks.rows_stackgan import STACKGAN_ROWS
from benchmarks.rows_translation import TRANSLATION_ROWS

__all__ = ["ROWS", "Pass", "Row", "find"]

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
        steps_per_execution=8,
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
    *AUTOREGRESSIVE_ROWS,
    *SEQUENCE_ROWS,
    *TRANSLATION_ROWS,
    *STACKGAN_ROWS,
)


def find(name: str) -> Row:
    """Return the row called `name`."""
    return next(row for row in ROWS if row.name == name)
