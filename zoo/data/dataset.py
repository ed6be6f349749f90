"""What a data set is to the rest of the zoo: examples by index, and a description of them.

| kind | public form at every boundary |
|---|---|
| image | float32 (H, W, C) in [0, 1]; optional label, caption |
| waveform | float32 (T,) in [-1, 1] and `sample_rate_hz` |
| strokes | float32 stroke-5 (T, 5): dx, dy, pen down, pen up, end; and the scale factor |
| tokens | int32 (T,), 0 from the end of a text on, with the vocabulary |
| video | float32 (T, H, W, C) in [0, 1] |
| captioned | {"image": float32 (H, W, C) in [0, 1], "caption": int32 (T,) as tokens} |
| domains | {"A": float32 (Ha, Wa, Ca), "B": float32 (Hb, Wb, Cb)} in [0, 1], drawn apart |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np

from zoo.card import Kind

# Shapes: B batch, H height, W width, C channels, T time steps.

# How many examples a person takes in at a glance, or has the patience to listen to.
AT_A_GLANCE: Mapping[Kind, int] = {
    "image": 64,
    "waveform": 8,
    "strokes": 64,
    "tokens": 64,
    "video": 16,
    "domains": 8,
    "captioned": 32,
}

Domain = Literal["A", "B"]
DOMAINS: tuple[Domain, Domain] = ("A", "B")

Examples = np.ndarray | Mapping[str, np.ndarray]
Batch = tuple[Examples, np.ndarray | None]


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """Images of one size.

    Args:
        image_shape: (H, W, C), C is 1 or 3.
        class_names: Name of each label, in order; empty where there are no labels.
    """

    kind: ClassVar[Kind] = "image"
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...] = ()

    def config_values(self) -> dict[str, Any]:
        """Return what a model's configuration takes from the data, by field name."""
        return {"image_shape": self.image_shape, "class_count": len(self.class_names)}


@dataclass(frozen=True, kw_only=True)
class WaveformSpec:
    """Sounds of one length and rate.

    Args:
        sample_rate_hz: Samples per second.
        length: Samples per example, T.
        class_names: Name of each label; empty where there are no labels.
    """

    kind: ClassVar[Kind] = "waveform"
    sample_rate_hz: int
    length: int
    class_names: tuple[str, ...] = ()

    def config_values(self) -> dict[str, Any]:
        """Return what a model's configuration takes from the data, by field name."""
        return {
            "sample_rate_hz": self.sample_rate_hz,
            "length": self.length,
            "class_count": len(self.class_names),
        }


@dataclass(frozen=True, kw_only=True)
class StrokesSpec:
    """Pen drawings as stroke-5.

    Args:
        max_length: Points of the longest drawing and the row that ends it, T.
        scale_factor: What the offsets were divided by (standard deviation of the training set).
        class_names: Name of each label; empty where there are no labels.
    """

    kind: ClassVar[Kind] = "strokes"
    max_length: int
    scale_factor: float
    class_names: tuple[str, ...] = ()

    def config_values(self) -> dict[str, Any]:
        """Return what a model's configuration takes from the data, by field name."""
        return {
            "max_length": self.max_length,
            "scale_factor": self.scale_factor,
            "class_count": len(self.class_names),
        }


@dataclass(frozen=True, kw_only=True)
class TokensSpec:
    """Texts as indices of tokens; index 0 ends a text, and 1 is what the vocabulary lacks.

    Args:
        max_length: Tokens of the longest text and its end, T.
        vocabulary: The token of each index; see `zoo.data.vocabulary`.
    """

    kind: ClassVar[Kind] = "tokens"
    max_length: int
    vocabulary: tuple[str, ...]

    def config_values(self) -> dict[str, Any]:
        """Return what a model's configuration takes from the data, by field name."""
        return {"max_length": self.max_length, "vocabulary": self.vocabulary}


@dataclass(frozen=True, kw_only=True)
class VideoSpec:
    """Films of one size and length.

    Args:
        video_shape: (T, H, W, C), C is 1 or 3.
    """

    kind: ClassVar[Kind] = "video"
    video_shape: tuple[int, int, int, int]

    def config_values(self) -> dict[str, Any]:
        """Return what a model's configuration takes from the data, by field name."""
        return {"video_shape": self.video_shape}


@dataclass(frozen=True, kw_only=True)
class DomainsSpec:
    """Images of two domains, each of one size.

    Args:
        image_shape_a: (H, W, C) of domain A.
        image_shape_b: (H, W, C) of domain B.
    """

    kind: ClassVar[Kind] = "domains"
    image_shape_a: tuple[int, int, int]
    image_shape_b: tuple[int, int, int]

    def config_values(self) -> dict[str, Any]:
        """Return what a model's configuration takes from the data, by field name."""
        return {"image_shape_a": self.image_shape_a, "image_shape_b": self.image_shape_b}


@dataclass(frozen=True, kw_only=True)
class CaptionedSpec:
    """Images of one size with captions, as indices of tokens.

    Args:
        image_shape: (H, W, C), C is 1 or 3.
        max_length: Tokens of the longest caption and its end, T.
        vocabulary: The token of each index; see `zoo.data.vocabulary`.
        captions: Some of the training captions: what samples are made of where nothing is asked.
        embedding_size: Numbers in the embedding of each caption, E, where the data bring them; 0
            where they do not.
        class_names: Name of each label, in order; empty where there are no labels.
    """

    kind: ClassVar[Kind] = "captioned"
    image_shape: tuple[int, int, int]
    max_length: int
    vocabulary: tuple[str, ...]
    captions: tuple[str, ...]
    embedding_size: int = 0
    class_names: tuple[str, ...] = ()

    def config_values(self) -> dict[str, Any]:
        """Return what a model's configuration takes from the data, by field name."""
        return {
            "image_shape": self.image_shape,
            "max_length": self.max_length,
            "vocabulary": self.vocabulary,
            "captions": self.captions,
            "embedding_size": self.embedding_size,
            "class_count": len(self.class_names),
        }


Spec = ImageSpec | WaveformSpec | StrokesSpec | TokensSpec | VideoSpec | DomainsSpec | CaptionedSpec


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """Something that is known of every example.

    Args:
        names: Name of each value.
        values: Which of them each example has, int32 (N,).
    """

    names: tuple[str, ...]
    values: np.ndarray


@runtime_checkable
class Dataset(Protocol):
    """Examples by index, out of core where they are many.

    Attributes:
        name: What `--data` was given.
        split: "train", "validation" or "test".
        splits: The splits that this data set has, among those three.
        spec: The description of one example.
        fingerprint: Hexadecimal digest of the content; equal for equal examples in equal order.
        skipped: "path: reason" of every file that could not be used.
    """

    name: str
    split: str
    splits: tuple[str, ...]
    fingerprint: str
    skipped: tuple[str, ...]

    @property
    def spec(self) -> Spec:
        """Return the description of one example."""
        ...

    def __len__(self) -> int:
        """Return how many examples there are."""
        ...

    def read(self, indices: np.ndarray) -> Batch:
        """Return the examples at `indices` (B,) in the public form, and their labels.

        Labels are int32 (B,), or None where the data set has none.

        Raises:
            DataError: If an example cannot be read; the message names its file.
        """
        ...


@runtime_checkable
class Sequences(Dataset, Protocol):
    """A data set of sequences that are padded to one length.

    Attributes:
        lengths: Elements of each example up to and with the first that ends it, int32 (N,).
    """

    lengths: np.ndarray


@runtime_checkable
class Unpaired(Dataset, Protocol):
    """A data set of two domains, whose examples are drawn apart to train on.

    Its `read` takes indices (B, 2) too, the number of an example of A and of one of B.

    Attributes:
        a: The data set of domain A.
        b: The data set of domain B.
        paired: Whether example i of A shows the same thing as example i of B.
    """

    a: Dataset
    b: Dataset
    paired: bool


@runtime_checkable
class Captioned(Dataset, Protocol):
    """A data set of images that may have several captions each.

    Its `read` takes indices (B, 2) too, the number of an example and of one of its captions, of
    which counting begins anew after the last; with indices (B,) it gives the first.

    Attributes:
        images: The images alone.
        caption_counts: Captions of each image, (N,).
        attributes: What is known of each image, by name, such as its class or a colour in it; may
            be empty.
    """

    images: Dataset
    caption_counts: np.ndarray
    attributes: Mapping[str, "Attribute"]

    def texts(self, index: int) -> tuple[str, ...]:
        """Return all captions of an example."""
        ...


@runtime_checkable
class Adapts(Dataset, Protocol):
    """A data set whose form follows from its content, and can be made that of another."""

    def adapted(self, **values: Any) -> Dataset:
        """Return the data in the form that a model was trained on.

        Args:
            **values: What takes the place of the spec's `config_values`, by name; no class.

        Raises:
            DataError: If no sequence is short enough.
        """
        ...
