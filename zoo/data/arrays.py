"""Images as one array, in memory or mapped from a file."""

import hashlib
from collections.abc import Sequence

import numpy as np

from zoo.data.dataset import Batch, ImageSpec
from zoo.errors import DataError

# Shapes: N examples, B batch, H height, W width, C channels.

SPLITS = ("train", "validation", "test")


class ArrayImages:
    """Images that stand as integers in an array.

    Args:
        name: What `--data` was given.
        split: Which split this is.
        splits: The splits that the data set has.
        pixels: Integers (N, H, W, C).
        rows: Those of `pixels` that are the images, (N,), where it holds others too.
        labels: int32 (N,), or None.
        class_names: Name of each label.
        white: The integer that stands for 1.0.
        fingerprint: Digest of the content; computed where it is not given.
        skipped: "path: reason" of every file that could not be used.
        paths: The file of each image, where there are files.
    """

    def __init__(
        self,
        *,
        name: str,
        split: str,
        splits: tuple[str, ...],
        pixels: np.ndarray,
        labels: np.ndarray | None,
        rows: np.ndarray | None = None,
        class_names: tuple[str, ...] = (),
        white: int = 255,
        fingerprint: str | None = None,
        skipped: tuple[str, ...] = (),
        paths: Sequence[str] = (),
    ):
        _, height, width, channels = pixels.shape
        self.name = name
        self.split = split
        self.splits = splits
        self.spec = ImageSpec(image_shape=(height, width, channels), class_names=class_names)
        self.fingerprint = fingerprint or content_digest(pixels, labels, white)
        self.skipped = skipped
        self.labels = labels
        self.paths = paths
        self._pixels = pixels
        self._rows = np.arange(len(pixels)) if rows is None else rows
        self._white = np.float32(white)

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, indices: np.ndarray) -> Batch:
        """Return the images at `indices` (B,) as float32 (B, H, W, C), and their labels."""
        # The division, not a product with the inverse, gives exactly 1.0 for white.
        images = np.divide(self._pixels[self._rows[indices]], self._white, dtype=np.float32)
        return images, None if self.labels is None else self.labels[indices]


def content_digest(pixels: np.ndarray, labels: np.ndarray | None, white: int) -> str:
    """Return the sha256 of images and labels, without a copy of them."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype} {white}".encode())
    for start in range(0, len(pixels), 4096):
        digest.update(np.ascontiguousarray(pixels[start : start + 4096]).data)
    if labels is not None:
        digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()


def check_split(name: str, split: str, splits: tuple[str, ...]) -> None:
    """Raise a `DataError` that names the splits there are, if `split` is not among them."""
    if split not in splits:
        raise DataError(f"'{name}' has no split '{split}'. It has: {', '.join(splits)}.")
