"""Samples of every kind of data as a file that a person can look at or listen to."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo.card import Kind
from zoo.media.grid import MediaError, save_grid

# The one place that says how samples of a kind are kept: the suffix, and what writes the file.
WRITERS: Mapping[Kind, tuple[str, Callable[[Any, Path], None]]] = {
    "image": (".png", save_grid),
}


def save_samples(kind: Kind, samples: Any, path: Path | str) -> Path:
    """Write samples in the public form of their kind and return the path of the file.

    Args:
        kind: Kind of data.
        samples: What the model's `sample` returned.
        path: Where to; the suffix of the kind is added where `path` has none.

    Raises:
        MediaError: If the kind has no such form yet, or the samples or the suffix do not suit it.
        RunError: If the file cannot be written.
    """
    if kind not in WRITERS:
        raise MediaError(
            f"Samples of kind '{kind}' cannot be written to a file yet. "
            f"Kinds that can: {', '.join(WRITERS)}."
        )
    suffix, write = WRITERS[kind]
    path = Path(path)
    if not path.suffix:
        path = path.with_suffix(suffix)
    if path.suffix.lower() != suffix:
        raise MediaError(
            f"Samples of kind '{kind}' are written as '{suffix}'. Received: '{path.name}'."
        )
    write(samples, path)
    return path
