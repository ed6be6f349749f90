"""Films as pictures: many that play together in one GIF, and strips of frames that stand still."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.media.grid import MediaError, grid_image, save_gif
from zoo.media.latent_captions import film_sections, save_picture, section_columns, sections

# Shapes: N films, T frames, H height, W width, C channels.

FRAME_MS = 150
STRIPS = 8  # films that are shown as strips


def save_films(films: Any, path: Path | str) -> None:
    """Write films (N, T, H, W, C) in [0, 1]: the first few as strips, and a GIF of all beside it.

    Args:
        films: Array of any library, C is 1 or 3.
        path: The PNG of the strips; the GIF has its name, with `.gif`.

    Raises:
        MediaError: If the films have another shape, type or range.
        RunError: If a file cannot be written.
    """
    save_film_sections({"": films}, Path(path))


def save_film_sections(groups: Mapping[str, Any], path: Path) -> None:
    """Write groups of films, each below its title, as `save_films` writes films.

    Args:
        groups: The films (N, T, H, W, C) of each, by title; "" is none.
        path: The PNG of the strips.

    Raises:
        MediaError: If films have another shape, type or range.
        RunError: If a file cannot be written.
    """
    columns = section_columns(groups)
    frames = film_sections(groups, lambda films: film_grid(films, columns))
    save_gif(frames, path.with_suffix(".gif"), FRAME_MS)
    save_picture(sections(groups, lambda films: strip_image(films[:STRIPS])), path)


def strip_image(films: Any) -> Image.Image:
    """Return films (N, T, H, W, C) in [0, 1] as one picture, a row of frames for each.

    Raises:
        MediaError: If the films have another shape, type or range.
    """
    array = _as_films(films)
    return grid_image(array.reshape(-1, *array.shape[2:]), columns=array.shape[1])


def film_grid(films: Any, columns: int | None = None) -> list[Image.Image]:
    """Return films (N, T, H, W, C) in [0, 1] as the frames of one film that shows all of them.

    Args:
        films: Array of any library.
        columns: Films in a row; as many as make the picture nearly square by default.

    Raises:
        MediaError: If the films have another shape, type or range.
    """
    array = _as_films(films)
    return [grid_image(array[:, frame], columns=columns) for frame in range(array.shape[1])]


def _as_films(films: Any) -> np.ndarray:
    array = np.asarray(films)
    if array.ndim != 5 or 0 in array.shape:
        raise MediaError(
            "Films must be floats (N, T, H, W, C) in [0, 1], N and T 1 or more, C 1 or 3. "
            f"Received: shape {array.shape}."
        )
    return array
