"""How what latent vectors stand for is shown: images and sketches as pictures, text as tables.

Every form of page takes examples in the public form of their kind. A page of text has a row for
each text; what stands side by side in a picture stands below one another there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.card import Kind
from zoo.checkpoints import write_atomically
from zoo.media.grid import SEPARATOR_GREY, MediaError, grid_image, save_grid
from zoo.media.latent_captions import (
    beside,
    captioned_grid,
    headed_grid,
    save_picture,
    stack,
    titled,
)

# Shapes: N examples, R rows, K columns, C exemplars of a concept, H height, W width, ... one
# example in its public form.

MAX_COLUMNS = 16
SHEET_COLUMNS = 10  # so that a number says its row
RESULT = "result; around it with noise"


@dataclass(frozen=True)
class Concept:
    """Exemplars of a concept, and what their mean stands for.

    Args:
        sign: "plus" or "minus".
        numbers: Number of each exemplar, (C,).
        examples: The exemplars (C, ...).
        mean: What their mean is decoded to, (1, ...).
    """

    sign: str
    numbers: np.ndarray
    examples: np.ndarray
    mean: np.ndarray


@dataclass(frozen=True)
class PicturePage:
    """Shows examples as images.

    Args:
        images: Turns examples (N, ...) into images (N, H, W, C) in [0, 1].
    """

    images: Callable[[np.ndarray], np.ndarray]
    suffix: str = ".png"

    def sheet(self, examples: np.ndarray, captions: Sequence[str], path: Path) -> None:
        """Write examples (N, ...) with a caption for each."""
        grid = captioned_grid(self.images(examples), captions, columns=SHEET_COLUMNS)
        save_picture(grid, path)

    def rows(self, rows: np.ndarray, path: Path, *, headings: Sequence[str] | None = None) -> None:
        """Write rows of examples (R, K, ...), perhaps with a heading for each column."""
        images = self.images(rows.reshape(-1, *rows.shape[2:]))
        if headings is None:
            save_grid(images, path, columns=rows.shape[1])
        else:
            save_picture(headed_grid(images, headings), path)

    def pairs(self, above: np.ndarray, below: np.ndarray, path: Path) -> None:
        """Write two series of examples (N, ...), what belongs together below one another."""
        rows = under_one_another(self.images(above), self.images(below))
        save_grid(rows.reshape(-1, *rows.shape[2:]), path, columns=rows.shape[1])

    def sum(self, concepts: Sequence[Concept], result: np.ndarray, path: Path) -> None:
        """Write concepts, a row for each, and what their sum stands for, (9, ...)."""
        longest = max(len(concept.numbers) for concept in concepts)
        rows = []
        for concept in concepts:
            exemplars, mean = self.images(concept.examples), self.images(concept.mean)
            empty = np.ones((longest - len(exemplars), *mean.shape[1:]), np.float32)
            captions = [*map(str, concept.numbers), *[""] * len(empty), "mean"]
            grid = captioned_grid(
                np.concatenate([exemplars, empty, mean]), captions, columns=longest + 1
            )
            rows.append(titled(concept.sign, grid))
        grid = grid_image(self.images(result), columns=3)
        save_picture(beside([stack(rows), titled(RESULT, grid)]), path)

    def change(self, rows: np.ndarray) -> np.ndarray:
        """Return how much the examples of each row (R, K, ...) differ, (R,)."""
        images = self.images(rows.reshape(-1, *rows.shape[2:]))
        images = images.reshape(*rows.shape[:2], -1)  # (R, K, H * W * C)
        return np.asarray(images.var(axis=1).mean(axis=1))


@dataclass(frozen=True)
class TextPage:
    """Shows examples as text.

    Args:
        vocabulary: The token of each index.
    """

    vocabulary: Sequence[str]
    suffix: str = ".txt"

    def sheet(self, examples: np.ndarray, captions: Sequence[str], path: Path) -> None:
        """Write examples (N, T) with a caption for each."""
        texts = self._texts(examples)
        self._save(list(zip(captions, texts, strict=True)), ("number", "text"), path)

    def rows(self, rows: np.ndarray, path: Path, *, headings: Sequence[str] | None = None) -> None:
        """Write rows of examples (R, K, T), one below the other, perhaps each with a heading."""
        names = list(headings or map(str, range(1, rows.shape[1] + 1)))
        table: list[Sequence[str]] = []
        for number, row in enumerate(rows):
            texts = zip(names, self._texts(row), strict=True)
            table += [(str(number + 1), name, text) for name, text in texts]
        self._save(table, ("row", "step", "text"), path)

    def pairs(self, above: np.ndarray, below: np.ndarray, path: Path) -> None:
        """Write two series of examples (N, T), what belongs together below one another."""
        table = []
        for number, texts in enumerate(zip(self._texts(above), self._texts(below), strict=True)):
            table += [(str(number + 1), "given", texts[0]), ("", "decoded", texts[1])]
        self._save(table, ("row", "", "text"), path)

    def sum(self, concepts: Sequence[Concept], result: np.ndarray, path: Path) -> None:
        """Write concepts, and what their sum stands for, (9, T)."""
        table = []
        for concept in concepts:
            texts = zip(concept.numbers, self._texts(concept.examples), strict=True)
            table += [(concept.sign, str(number), text) for number, text in texts]
            table.append((concept.sign, "mean", self._texts(concept.mean)[0]))
        middle = len(result) // 2
        for index, text in enumerate(self._texts(result)):
            table.append(("result", "" if index == middle else "with noise", text))
        self._save(table, ("", "number", "text"), path)

    def change(self, rows: np.ndarray) -> np.ndarray:
        """Return the share of tokens by which the examples of a row (R, K, T) differ, (R,)."""
        middle = rows[:, rows.shape[1] // 2, None]
        return np.asarray((rows != middle).mean(axis=(1, 2)))

    def _texts(self, examples: np.ndarray) -> list[str]:
        from zoo.media.text import texts_of

        return texts_of(examples, self.vocabulary)

    def _save(self, table: Sequence[Sequence[str]], headings: Sequence[str], path: Path) -> None:
        from zoo.media.text import text_table

        write_atomically(path, text_table(table, headings).encode("utf-8"))


Page = PicturePage | TextPage


def page_of(kind: Kind, model: Any, name: str) -> Page:
    """Return how what a model makes of latent vectors is shown.

    Args:
        kind: Kind of data that it models.
        model: The model.
        name: What it is called.

    Raises:
        MediaError: If there is no page for this kind.
    """
    if kind == "image":
        return PicturePage(np.asarray)
    if kind == "strokes":
        return PicturePage(_drawn)
    if kind == "tokens":
        return TextPage(model.config.vocabulary)
    raise MediaError(
        f"Latent spaces are shown of images, sketches and text. '{name}' models {kind} data."
    )


def under_one_another(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return two series of images (N, H, W, C) in rows, (R, K, H, W, C), each above its other."""
    columns = min(MAX_COLUMNS, len(above))
    empty = -len(above) % columns  # places without an image in the last row
    pad = [(0, empty), (0, 0), (0, 0), (0, 0)]
    blank = SEPARATOR_GREY / 255
    tiles = [
        np.pad(images, pad, constant_values=blank).reshape(-1, 1, columns, *images.shape[1:])
        for images in (above, below)
    ]  # (rows, 1, columns, H, W, C) each
    return np.concatenate(tiles, axis=1).reshape(-1, columns, *above.shape[1:])


def _drawn(sketches: np.ndarray) -> np.ndarray:
    from zoo.media.sketch import render

    return np.stack([render(sketch) for sketch in sketches])
