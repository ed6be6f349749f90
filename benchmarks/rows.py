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
        from_data: Whether its input is data, so that no gradient flows out of its first layer.
    """

    network: str
    count: int = 1
    from_data: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Args:
        name: What `--rows` selects by.
        model: The model's name in the registry.
        config: Fields of its configuration that differ from the defaults.
        batch_size: Examples per step; for sampling, images per call.
        parameters: Trainable parameters, checked against the model.
        passes: What the floating-point operations are counted from.
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
    kind: Literal["training", "sampling"] = "training"
    reference: str | None = None
    target: float | None = None
    published_rate: float | None = None
    published_fraction: str | None = None
    steps_per_execution: int = 1
    backends: tuple[str, ...] = ("tensorflow", "jax", "torch")
    one_process: bool = False


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

ROWS = (
    Row(
        name="vae-dense",
        model="vae",
        config=_DENSE_VAE,
        batch_size=128,
        parameters=652_824,
        passes=(Pass(network="encoder", from_data=True), Pass(network="decoder")),
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
        passes=(Pass(network="encoder", from_data=True), Pass(network="decoder")),
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
        passes=(Pass(network="encoder", from_data=True), Pass(network="decoder", count=50)),
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
        passes=(Pass(network="encoder", from_data=True), Pass(network="decoder")),
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
)


def find(name: str) -> Row:
    """Return the row called `name`."""
    return next(row for row in ROWS if row.name == name)
