"""What a row of the table says, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Pass:
    """How one network of the model is used for one example.

    Args:
        network: Attribute of the model that holds the network, or a list of equal layers; of a
            part of it, with dots.
        count: How often it is applied.
        gradients: What gradients the algorithm needs after it: none, where it is only applied;
            of the weights, where its input is data or noise; of the input, where another network
            learns through it; of both; or those of a penalty on the gradient by the input.
        positions: Where the network's own layers apply each of their kernels at so many places
            of an example: the number of places.
        image_shape: (H, W, C) of the image that comes in, where the network takes any size.
    """

    network: str
    count: float = 1
    gradients: Literal["none", "weights", "input", "both", "penalty"] = "none"
    positions: float | None = None
    image_shape: tuple[int, int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Args:
        name: What `--rows` selects by.
        model: The model's name in the registry.
        config: Fields of its configuration that differ from the defaults.
        batch_size: Examples per move; for sampling, whole examples per call.
        parameters: Trainable parameters, checked against the model.
        passes: What the floating-point operations are counted from.
        image_shape: (H, W, C) of one image.
        examples: What they are: images or sounds of noise, made-up sketches or sentences, images
            of noise of two domains, one of each, or images of noise with captions and embeddings.
        length: Samples of one sound, rows of one sketch or words of one sentence; None for images.
        counted: Elements of an example by which rates and operations are counted, in place of
            examples.
        kind: Whether training or sampling is measured.
        end_bias: Bias of the model's outputs, with dots, and the place in it that says that an
            example ends: none does before its last element, where it is sampled.
        reference: Name in `references.REFERENCES` of what is measured beside it, if anything.
        beside: Names of further references, to compare with the first.
        reference_parameters: Trainable parameters of the references, where theirs differ.
        target: Examples/s, as a multiple of the reference's, that it should reach.
        published_rate: Examples/s of the reference in an earlier quiet run, for orientation.
        published_fraction: Its fraction of the matrix-product peak then.
        steps_per_execution: Steps that `fit` takes per call of the compiled function; torch
            has none and takes one.
        backends: Backends on which it is measured.
        one_process: Whether it takes turns with its reference inside one process.
        note: What a reader of the table should know, as sentences.
    """

    name: str
    model: str
    config: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int
    parameters: int
    passes: tuple[Pass, ...]
    image_shape: tuple[int, int, int] = (28, 28, 1)
    examples: Literal["noise", "sketches", "sentences", "domains", "captioned"] = "noise"
    length: int | None = None
    counted: int = 1
    kind: Literal["training", "sampling"] = "training"
    end_bias: tuple[str, int] | None = None
    reference: str | None = None
    beside: tuple[str, ...] = ()
    reference_parameters: int | None = None
    target: float | None = None
    published_rate: float | None = None
    published_fraction: str | None = None
    steps_per_execution: int = 1
    backends: tuple[str, ...] = ("tensorflow", "jax", "torch")
    one_process: bool = False
    note: str = ""

    @property
    def references(self) -> tuple[str, ...]:
        """All references, the one that ratios are taken to first."""
        return () if self.reference is None else (self.reference, *self.beside)

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        if self.examples == "domains":
            return (2, *self.image_shape)
        if self.length is None:
            return self.image_shape
        return (self.length, 5) if self.examples == "sketches" else (self.length,)

    @property
    def full_config(self) -> dict[str, Any]:
        """The configuration with the example's shape."""
        if self.examples == "domains":
            shapes = {"image_shape_a": self.image_shape, "image_shape_b": self.image_shape}
            return {**shapes, **self.config}
        if self.length is None:
            return {"image_shape": self.image_shape, **self.config}
        name = "length" if self.examples == "noise" else "max_length"
        return {name: self.length, **self.config}

    @property
    def examples_per_turn(self) -> int:
        """Examples of one step of `fit`: a batch for every move of a critic."""
        return self.batch_size * self.config.get("critic_steps", 1)

    @property
    def examples_per_call(self) -> int:
        """Examples of one call of the compiled function."""
        return self.examples_per_turn * self.steps_per_execution
