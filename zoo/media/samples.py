"""Samples of every kind of data as a file that a person can look at or listen to."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo.card import Kind
from zoo.data.dataset import CaptionedSpec, DomainsSpec, Spec, TokensSpec, WaveformSpec
from zoo.errors import RunError
from zoo.media.captioned import save_captioned
from zoo.media.film import save_films
from zoo.media.grid import TILE_PIXELS, MediaError, grid_image, save_grid
from zoo.media.latent_captions import beside, save_picture, titled
from zoo.media.sketch import save_sketches
from zoo.media.sound import renew_folder, save_sound_picture, save_sounds
from zoo.media.text import save_texts


def save_samples(spec: Spec, samples: Any, path: Path | str) -> list[Path]:
    """Write samples in the public form of their kind as a picture, and what it cannot show beside.

    Texts are written as lines, one a sample.

    Args:
        spec: The description of one example of the data.
        samples: What the model's `sample` returned.
        path: The picture, `.png`, or the text, `.txt`: added where `path` has no suffix. The GIF
            of films has its name, as have the SVG and the GIF of sketches; sounds stand in a folder
            of its name and `-wav`, one in a file.

    Returns:
        What was written, the picture or text first.

    Raises:
        MediaError: If the samples or the suffix do not suit the kind.
        RunError: If a file cannot be written.
    """
    path = samples_path(spec.kind, path)
    return [path, *_WRITERS[spec.kind](samples, spec, path)]


def samples_path(kind: Kind, path: Path | str) -> Path:
    """Return the file that samples of a kind go to, after a look whether they can.

    Raises:
        MediaError: If the suffix does not suit the kind.
        RunError: If its folder is missing.
    """
    path, suffix = Path(path), samples_suffix(kind)
    if not path.suffix:
        path = path.with_suffix(suffix)
    if path.suffix.lower() != suffix:
        raise MediaError(
            f"Samples of kind '{kind}' are written as '{suffix}'. Received: '{path.name}'."
        )
    if not path.parent.is_dir():
        raise RunError(f"'{path}' could not be written: there is no folder '{path.parent}'.")
    return path


def samples_suffix(kind: Kind) -> str:
    """Return the suffix of the file that samples of a kind are looked at in."""
    return ".txt" if kind == "tokens" else ".png"


def _save_images(samples: Any, spec: Spec, path: Path) -> list[Path]:
    save_grid(samples, path)
    return []


def _save_captioned(samples: Any, spec: CaptionedSpec, path: Path) -> list[Path]:
    save_captioned(samples, spec.vocabulary, path)
    return []


def _save_films(samples: Any, spec: Spec, path: Path) -> list[Path]:
    save_films(samples, path)
    return [path.with_suffix(".gif")]


def _save_sounds(samples: Any, spec: WaveformSpec, path: Path) -> list[Path]:
    save_sound_picture(samples, spec.sample_rate_hz, path)
    is_one = len(samples) == 1
    sounds = path.with_suffix(".wav") if is_one else path.with_name(f"{path.stem}-wav")
    if not is_one:
        sounds = renew_folder(
            sounds, [f"{number:04d}.wav" for number in range(1, len(samples) + 1)]
        )
    return [save_sounds(samples, spec.sample_rate_hz, sounds)]


def _save_sketches(samples: Any, spec: Spec, path: Path) -> list[Path]:
    save_sketches(samples, path)
    return [path.with_suffix(".svg"), path.with_suffix(".gif")]


def _save_domains(samples: Any, spec: DomainsSpec, path: Path) -> list[Path]:
    """Write examples {"A": images, "B": images}, or the round trips that a model made of them."""
    if isinstance(samples, Mapping):
        _save_pairs(samples, spec, path)
    else:
        from zoo.media.translation import save_round_trips  # it imports Keras

        save_round_trips(samples, path)
    return []


def _save_pairs(samples: Mapping[str, Any], spec: DomainsSpec, path: Path) -> None:
    """Write images of A to the left and of B to the right, enlarged to one height."""
    heights = {"A": spec.image_shape_a[0], "B": spec.image_shape_b[0]}
    highest = max(heights.values())
    tile = highest * math.ceil(TILE_PIXELS / highest)
    columns = math.ceil(math.sqrt(len(samples["A"]) / 2))  # two such grids are nearly a square
    grids = [
        titled(
            f"Domain {letter}",
            grid_image(samples[letter], columns=columns, scale=tile // height).convert("RGB"),
        )
        for letter, height in heights.items()
    ]
    save_picture(beside(grids), path)


def _save_texts(samples: Any, spec: TokensSpec, path: Path) -> list[Path]:
    save_texts(samples, spec.vocabulary, path)
    return []


# The one place that says how samples of a kind are kept: what writes the picture or text, and then
# returns the paths of what else it has written.
_WRITERS: Mapping[Kind, Callable[[Any, Any, Path], list[Path]]] = {
    "captioned": _save_captioned,
    "domains": _save_domains,
    "image": _save_images,
    "strokes": _save_sketches,
    "tokens": _save_texts,
    "video": _save_films,
    "waveform": _save_sounds,
}
