"""Pictures of completed examples, in which what was given and what was made can be told apart."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.card import Kind
from zoo.checkpoints import write_atomically
from zoo.completion import Completion
from zoo.media.film import FRAME_MS
from zoo.media.grid import save_gif
from zoo.media.latent_captions import (
    GAP_PIXELS,
    TEXT_PIXELS,
    headed_grid,
    save_picture,
    stack,
    titled,
)
from zoo.media.place import place_of
from zoo.media.samples import samples_suffix

# Shapes: P examples, V variants, K tiles of a row, T frames, H height, W width, C channels.

TILE_PIXELS = 84  # smaller tiles are enlarged: a frame around a part of one must be seen
FRAME_COLOUR = (0.91, 0.45, 0.10)  # orange stands out from black, from white, and from most photos
FRAME_PIXELS = 2
SOUND_ROWS, SOUND_VARIANTS = 16, 8  # in the picture, where a waveform takes 0.06 s to draw
STRIPE_PIXELS = 6  # of what is not known
GIVEN_COLOUR, MADE_COLOUR, ORIGINAL_COLOUR = "#e8731a", "#2f6fc4", "#666666"
LEGEND = "In the orange frame: given. The rest is made."


def completion_path(kind: Kind, folder: Path, out: Path | None) -> Path:
    """Return where completions of a kind of data go, by default into a run's folder.

    Raises:
        ZooError: As `place_of`.
    """
    suffix = samples_suffix(kind)
    return place_of(out or folder / f"complete{suffix}", suffix)


def save_completion(completion: Completion, path: Path) -> list[Path]:
    """Write a picture of completions, and what cannot be seen in one: films, sounds.

    A row for each example: what was given, each variant, and what the example was.

    Args:
        completion: What was completed.
        path: The PNG, or of text the `.txt`. The GIF of films has its name; sounds stand in a
            folder of its name and `-wav`, those of the first row as `1-made-1.wav` and so on, and
            `1-original.wav`; the picture shows the first 16 rows, and of each 8 variants.

    Returns:
        What was written, the picture first.

    Raises:
        MediaError: If what the model has made is no example of its kind.
        RunError: If a file cannot be written.
    """
    return [path, *_WRITERS[completion.spec.kind](completion, path)]


def _save_images(completion: Completion, path: Path) -> list[Path]:
    rows = [_image_row(completion, row) for row in range(len(completion.made))]
    picture = headed_grid(np.concatenate(rows), _headings(completion))
    save_picture(titled(LEGEND, picture), path)
    return []


def _image_row(completion: Completion, row: int) -> np.ndarray:
    """Return the tiles (V + 2, H, W, 3) of an example: given, made, and as it was."""
    known = np.asarray(completion.known[row].any(axis=-1))  # (H, W)
    original = completion.begun.x[row]
    begun = _framed(_tile(original, known), known)
    made = [_framed(_tile(image), known) for image in completion.made[row]]
    return np.stack([begun, *made, _tile(original)])


def _save_films(completion: Completion, path: Path) -> list[Path]:
    film, headings = path.with_suffix(".gif"), _headings(completion)
    tiles = np.stack([_film_tiles(completion, row) for row in range(len(completion.made))])
    frames = [
        titled(LEGEND, headed_grid(tiles[:, :, frame].reshape(-1, *tiles.shape[3:]), headings))
        for frame in range(tiles.shape[2])
    ]
    save_gif(frames, film, FRAME_MS)
    blocks = []
    numbers = [str(frame + 1) for frame in range(tiles.shape[2])]
    for rows in tiles:  # (V + 2, T, H, W, 3), of which the first repeats what the others begin with
        strips = headed_grid(rows[1:].reshape(-1, *rows.shape[2:]), numbers)
        blocks.append(_beside_names(strips, headings[1:]))
    save_picture(titled(LEGEND, stack(blocks)), path)
    return [film]


def _film_tiles(completion: Completion, row: int) -> np.ndarray:
    """Return the tiles (V + 2, T, H, W, 3) of an example: given, made, and as it was."""
    original, length = completion.begun.x[row], completion.begun.lengths[row]
    known = np.asarray(completion.known[row].any(axis=-1))  # (T, H, W)
    there = np.broadcast_to(np.arange(len(known))[:, None, None] < length, known.shape)
    begun = [_framed(_tile(x, k), k) for x, k in zip(original, known, strict=True)]
    made = [
        [_framed(_tile(x), k) for x, k in zip(film, known, strict=True)]
        for film in completion.made[row]
    ]
    whole = [_tile(x, t) for x, t in zip(original, there, strict=True)]
    return np.stack([np.stack(film) for film in (begun, *made, whole)])


def _headings(completion: Completion) -> list[str]:
    variants = completion.made.shape[1]
    return ["given", *(f"made {number + 1}" for number in range(variants)), "original"]


def _tile(image: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Return an image (H, W, C) enlarged and in colour, striped where not `visible` (H, W)."""
    height, width = image.shape[:2]
    scale = math.ceil(TILE_PIXELS / max(height, width))
    tile = np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)
    tile = np.broadcast_to(tile, (*tile.shape[:2], 3)).astype(np.float32)
    if visible is None:
        return tile
    hidden = ~np.repeat(np.repeat(visible, scale, axis=0), scale, axis=1)
    diagonal = np.add.outer(np.arange(tile.shape[0]), np.arange(tile.shape[1]))
    stripes = np.where(diagonal // STRIPE_PIXELS % 2, 0.72, 0.86).astype(np.float32)
    tile[hidden] = stripes[hidden, None]
    return tile


def _framed(tile: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return a tile (H, W, 3) with a frame inside what is known, (H, W) before it was enlarged."""
    rows, columns = (np.flatnonzero(known.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return tile
    scale = len(tile) // len(known)
    top, bottom = rows[0] * scale, (rows[-1] + 1) * scale
    left, right = columns[0] * scale, (columns[-1] + 1) * scale
    tile = tile.copy()
    part = tile[top:bottom, left:right]
    part[:FRAME_PIXELS] = part[-FRAME_PIXELS:] = FRAME_COLOUR
    part[:, :FRAME_PIXELS] = part[:, -FRAME_PIXELS:] = FRAME_COLOUR
    return tile


def _beside_names(strips: Image.Image, names: list[str]) -> Image.Image:
    """Return rows of a picture with the name of each to the left."""
    font = ImageFont.load_default(TEXT_PIXELS)
    left = math.ceil(max(font.getlength(name) for name in names)) + GAP_PIXELS
    whole = Image.new("RGB", (left + strips.width, strips.height + GAP_PIXELS), "white")
    whole.paste(strips, (left, 0))
    draw = ImageDraw.Draw(whole)
    for row, name in enumerate(names):
        draw.text((2, strips.height * (row + 0.6) / len(names)), name, "black", font, anchor="lm")
    return whole


def _save_sounds(completion: Completion, path: Path) -> list[Path]:
    # With Matplotlib, which images do not need.
    from zoo.media.sound import save_figure, save_named_sounds

    rate = completion.spec.sample_rate_hz  # type: ignore[union-attr]  # of this kind alone
    sounds = {}
    for row, variants in enumerate(completion.made):
        original = completion.begun.x[row][: completion.begun.lengths[row]]
        sounds[f"{row + 1}-original.wav"] = original
        for variant, sound in enumerate(variants):
            sounds[f"{row + 1}-made-{variant + 1}.wav"] = sound
    # Before the picture, which takes longer and can be drawn again.
    folder = save_named_sounds(sounds, rate, path.with_name(f"{path.stem}-wav"))
    save_figure(_sound_figure(completion, rate), path)
    return [folder]


def _sound_figure(completion: Completion, rate: int) -> Any:
    """Return a figure with a row of waveforms for each example: its variants, and as it was.

    Of more examples or variants, the first are shown.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    made = completion.made[:SOUND_ROWS, :SOUND_VARIANTS]  # (P, V, T)
    rows, variants, samples = made.shape
    figure = Figure(
        figsize=(2.6 * (variants + 1), 1.3 * rows + 0.8), layout="constrained"
    )  # inches
    # Panels that share their axes take Matplotlib a time that grows with the square of how many.
    grid = figure.subplots(rows, variants + 1, squeeze=False)
    headings = [*_headings(completion)[1 : variants + 1], "original"]
    seconds = np.arange(samples) / rate
    for row, panels in enumerate(grid):
        known = completion.known[row]
        original = completion.begun.x[row].copy()
        original[completion.begun.lengths[row] :] = np.nan
        for panel, sound in zip(panels, [*made[row], original], strict=True):
            is_made = panel is not panels[-1]
            # Overlapping by a sample, so that the line has no gap where the making begins.
            given = known if is_made else np.zeros_like(known)
            rest = ~given | np.roll(~given, -1)
            panel.plot(seconds, np.where(given, sound, np.nan), color=GIVEN_COLOUR, linewidth=0.6)
            colour = MADE_COLOUR if is_made else ORIGINAL_COLOUR
            panel.plot(seconds, np.where(rest, sound, np.nan), color=colour, linewidth=0.6)
            panel.set(xlim=(0, samples / rate), ylim=(-1, 1))
            panel.tick_params(labelsize=7)
            panel.label_outer()
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel(f"row {row + 1}", fontsize=8)
    for panel, heading in zip(grid[0], headings, strict=True):
        panel.set_title(heading, fontsize=9)
    for panel in grid[-1]:
        panel.set_xlabel("seconds", fontsize=8)
    handles = [
        Line2D([], [], color=colour, label=label)
        for colour, label in ((GIVEN_COLOUR, "given"), (MADE_COLOUR, "made"))
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2, fontsize=8, frameon=False)
    return figure


def _save_sketches(completion: Completion, path: Path) -> list[Path]:
    from zoo.media.sketch import render

    tiles = []
    for row, variants in enumerate(completion.made):
        begun, known = completion.begun.x[row], int(completion.known[row, :, 0].sum())
        beginning = begun.copy()
        beginning[known:] = (0, 0, 0, 0, 1)
        sketches = [beginning, *variants, begun]
        marks = [known] * (len(sketches) - 1) + [0]
        tiles += [
            render(sketch, TILE_PIXELS, known=mark)
            for sketch, mark in zip(sketches, marks, strict=True)
        ]
    picture = headed_grid(np.stack(tiles), _headings(completion))
    save_picture(titled("In blue: given. The rest is made.", picture), path)
    return []


def _save_texts(completion: Completion, path: Path) -> list[Path]:
    from zoo.media.text import text_table, texts_of

    vocabulary = completion.spec.vocabulary  # type: ignore[union-attr]  # of this kind alone
    table = []
    for row, variants in enumerate(completion.made):
        begun = completion.begun.x[row]
        beginning = np.where(completion.known[row], begun, 0)
        texts = texts_of(np.stack([beginning, *variants, begun]), vocabulary)
        names = _headings(completion)
        table += [(str(row + 1), *pair) for pair in zip(names, texts, strict=True)]
    write_atomically(path, text_table(table, ("row", "", "text")).encode("utf-8"))
    return []


_WRITERS: Mapping[Kind, Callable[[Completion, Path], list[Path]]] = {
    "image": _save_images,
    "waveform": _save_sounds,
    "video": _save_films,
    "strokes": _save_sketches,
    "tokens": _save_texts,
}
