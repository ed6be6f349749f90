"""Images of two domains that tests write, and how they read them."""

from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data import load
from zoo.data.domains import Domains


def draw(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def fill(folder: Path, count: int, *, level: int = 0, shape: tuple[int, ...] = (4, 6, 3)) -> None:
    """Write images of one colour each: levels from `level` on."""
    for index in range(count):
        draw(folder / f"{index:02}.png", np.full(shape, level + index, np.uint8))


def side_by_side(path: Path, left: int, right: int, size: tuple[int, int] = (8, 16)) -> None:
    pixels = np.full((*size, 3), left, np.uint8)
    pixels[:, size[1] // 2 :] = right
    draw(path, pixels)


def domains(name: Path | str, split: str = "train", **form) -> Domains:
    return load(str(name), split=split, kind="domains", **form)


def levels(images: np.ndarray) -> list[int]:
    """The level of grey of images of one colour."""
    return np.rint(255 * images.mean(axis=(1, 2, 3))).astype(int).tolist()


def whole(dataset) -> np.ndarray:
    return dataset.read(np.arange(len(dataset)))[0]
