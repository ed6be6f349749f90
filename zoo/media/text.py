"""Texts to be read: as lines of a file, and as tables of plain text."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.checkpoints import write_atomically
from zoo.data.vocabulary import text_of
from zoo.media.grid import MediaError

# Shapes: N texts, T tokens.

LINE_BREAK = " / "  # as lines of verse are quoted

_GAP = "  "


def save_texts(samples: Any, vocabulary: Sequence[str], path: Path | str) -> None:
    """Write texts (N, T), indices into `vocabulary`, as UTF-8 with one text a line.

    Line breaks within a text are written as " / ", control characters as escapes.

    Raises:
        MediaError: If the texts have another shape or type, or an index lies outside.
        RunError: If the file cannot be written.
    """
    lines = [f"{shown_text(text)}\n" for text in texts_of(samples, vocabulary)]
    write_atomically(Path(path), "".join(lines).encode("utf-8"))


def save_text_sections(groups: Mapping[str, Any], vocabulary: Sequence[str], path: Path) -> None:
    """Write groups of texts (N, T) as a table in UTF-8, before each text the title of its group.

    Raises:
        MediaError: If texts have another shape or type, or an index lies outside.
        RunError: If the file cannot be written.
    """
    rows = [
        (title, text) for title, samples in groups.items() for text in texts_of(samples, vocabulary)
    ]
    write_atomically(path, text_table(rows, ("", "text")).encode("utf-8"))


def texts_of(samples: Any, vocabulary: Sequence[str]) -> list[str]:
    """Return the texts that indices (N, T) of any array library stand for.

    Raises:
        MediaError: If they have another shape or type, or an index lies outside the vocabulary.
    """
    tokens = np.asarray(samples)
    if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
        raise MediaError(f"Texts must be integers (N, T). Received: {tokens.dtype} {tokens.shape}.")
    if tokens.size and not 0 <= tokens.min() <= tokens.max() < len(vocabulary):
        raise MediaError(
            f"Texts must hold indices below {len(vocabulary)}, the size of the vocabulary. "
            f"Received: {tokens.min()} to {tokens.max()}."
        )
    return [text_of(row, vocabulary) for row in tokens]


def shown_text(text: str) -> str:
    """Return a text as one line that is safe on a terminal: escapes for control characters.

    Marks that turn the direction of what follows are escaped too; letters of scripts that run from
    right to left, and the joiners within words and emoji, are kept.
    """
    return "".join(
        character if _is_harmless(character) else f"\\u{ord(character):04x}"
        for character in text.replace("\n", LINE_BREAK)
    )


def text_table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> str:
    """Return rows of cells as a table of plain text, aligned where characters are wide too.

    Raises:
        MediaError: If a row has more or fewer cells than there are headings.
    """
    table = [[shown_text(cell) for cell in row] for row in (headings, *rows)]
    for row in table:
        if len(row) != len(headings):
            raise MediaError(f"A row has {len(row)} cells. Expected: {len(headings)}.")
    widths = [max(map(text_width, column)) for column in zip(*table, strict=True)]
    table.insert(1, ["-" * width for width in widths])
    return "".join(
        _GAP.join(
            cell + " " * (width - text_width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        + "\n"
        for row in table
    )


def text_width(text: str) -> int:
    """Return how many columns of a terminal a text takes; East Asian characters take two."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):  # drawn onto the one before, or not
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _is_harmless(character: str) -> bool:
    if character in "\u200c\u200d":
        return True
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
