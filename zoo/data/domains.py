"""Images of two domains: two data sets side by side, and ready-made pairs made from one."""

import hashlib
from collections.abc import Callable

import numpy as np

from zoo.data.dataset import Batch, Dataset, DomainsSpec, ImageSpec
from zoo.errors import DataError

# Shapes: B batch, H height, W width, C channels.

SHRINKING = 4  # pixels of the large image along each side for one of the small image
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as Pillow's grey


class Domains:
    """A split of two domains, each a data set of images.

    An epoch has as many examples as the larger domain; of the smaller one some come again.

    Args:
        name: What `--data` was given.
        a: The split of domain A.
        b: The split of domain B.
        paired: Whether example i of A shows the same thing as example i of B.
        splits: The splits that both domains have.
        skipped: "path: reason" of every file that could not be used; by default those of A and B,
            with the letter before them.

    Raises:
        DataError: If paired domains have different numbers of examples.
    """

    def __init__(
        self,
        *,
        name: str,
        a: Dataset,
        b: Dataset,
        paired: bool,
        splits: tuple[str, ...],
        skipped: tuple[str, ...] | None = None,
    ):
        if paired and len(a) != len(b):
            raise DataError(
                f"'{name}' has {len(a)} examples of A and {len(b)} of B in its split '{a.split}'. "
                "Expected: as many of both, since they come in pairs."
            )
        self.name = name
        self.a = a
        self.b = b
        self.paired = paired
        self.split = a.split
        self.splits = splits
        self.spec = DomainsSpec(
            image_shape_a=a.spec.image_shape,  # type: ignore[union-attr]
            image_shape_b=b.spec.image_shape,  # type: ignore[union-attr]
        )
        parts = f"{a.fingerprint} {b.fingerprint} {paired}"
        self.fingerprint = hashlib.sha256(parts.encode()).hexdigest()
        both = (("A", a), ("B", b))
        own = tuple(f"{letter}: {reason}" for letter, part in both for reason in part.skipped)
        self.skipped = own if skipped is None else skipped

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    def read(self, indices: np.ndarray) -> Batch:
        """Return {"A": (B, ...), "B": (B, ...)} in [0, 1], and no labels.

        Args:
            indices: Numbers of examples: (B,) for both domains, or (B, 2) for A and for B. Where a
                domain has fewer examples, counting begins anew after its last.
        """
        of_a, of_b = (indices, indices) if indices.ndim == 1 else indices.T
        images_a, _ = self.a.read(of_a % len(self.a))
        images_b, _ = self.b.read(of_b % len(self.b))
        return {"A": np.asarray(images_a), "B": np.asarray(images_b)}, None


class ChangedImages:
    """The images of a data set, each changed in the same way when they are read.

    Args:
        dataset: The images as they are.
        spec: The description of a changed image.
        change: From images (B, H, W, C) to changed ones.
        title: What the change is called; another change has another title.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: ImageSpec,
        change: Callable[[np.ndarray], np.ndarray],
        title: str,
    ):
        self.name = dataset.name
        self.split = dataset.split
        self.splits = dataset.splits
        self.spec = spec
        self.skipped = dataset.skipped
        self.fingerprint = hashlib.sha256(f"{dataset.fingerprint} {title}".encode()).hexdigest()
        self._dataset = dataset
        self._change = change

    def __len__(self) -> int:
        return len(self._dataset)

    def read(self, indices: np.ndarray) -> Batch:
        """Return the changed images at `indices` (B,), and their labels."""
        images, labels = self._dataset.read(indices)
        return self._change(np.asarray(images)), labels


def colourisation(colour: Dataset) -> Domains:
    """Return grey images as domain A, and the colour images that they are made from as B.

    Raises:
        DataError: If the images are grey.
    """
    height, width, channels = colour.spec.image_shape  # type: ignore[union-attr]
    if channels != 3:
        raise DataError(
            f"The images of '{colour.name}' are grey. Expected: colour images, for --pair "
            "colourisation makes the grey ones itself."
        )
    names = colour.spec.class_names  # type: ignore[union-attr]
    spec = ImageSpec(image_shape=(height, width, 1), class_names=names)
    return _made(ChangedImages(colour, spec, luminance, "luminance"), colour)


def super_resolution(large: Dataset) -> Domains:
    """Return images at a quarter of the size as domain A, and those they are made from as B.

    Raises:
        DataError: If a side is not divisible by 4.
    """
    height, width, channels = large.spec.image_shape  # type: ignore[union-attr]
    if height % SHRINKING or width % SHRINKING:
        raise DataError(
            f"The images of '{large.name}' have {width}x{height} pixels, width x height. Expected: "
            f"sides divisible by {SHRINKING}, since --pair super-resolution makes the small images "
            "by the mean of so many pixels each way. Give such a size with --image-size."
        )
    names = large.spec.class_names  # type: ignore[union-attr]
    shape = (height // SHRINKING, width // SHRINKING, channels)
    spec = ImageSpec(image_shape=shape, class_names=names)
    return _made(ChangedImages(large, spec, block_means, f"shrunk {SHRINKING}"), large)


def luminance(images: np.ndarray) -> np.ndarray:
    """Return the grey images (..., H, W, 1) of colour ones (..., H, W, 3)."""
    grey = np.sum(images * np.array(LUMINANCE, np.float32), axis=-1, keepdims=True)
    return np.minimum(grey, np.float32(1))  # rounding may carry white beyond


def block_means(images: np.ndarray) -> np.ndarray:
    """Return images (B, H/4, W/4, C) of which each pixel is the mean of 4x4 pixels."""
    count, height, width, channels = images.shape
    blocks = images.reshape(
        *(count, height // SHRINKING, SHRINKING, width // SHRINKING, SHRINKING, channels)
    )
    return np.asarray(blocks.mean(axis=(2, 4), dtype=np.float32))


def _made(a: Dataset, b: Dataset) -> Domains:
    """Return a pair of domains of which one is made from the other."""
    return Domains(name=b.name, a=a, b=b, paired=True, splits=b.splits, skipped=b.skipped)
