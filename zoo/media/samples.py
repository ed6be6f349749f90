"""Samples of every kind of data as a file that a person can look at or listen to."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from zoo.card import Kind
from zoo.data.dataset import CaptionedSpec, DomainsSpec, Spec, TokensSpec, WaveformSpec
from zoo.media.captioned import captioned_picture
from zoo.media.film import save_film_sections
from zoo.media.grid import TILE_PIXELS, grid_image
from zoo.media.latent_captions import beside, save_picture, section_columns, sections, titled
from zoo.media.place import place_of
from zoo.media.sketch import save_sketch_sections
from zoo.media.sound import save_figure, save_named_sounds, save_sounds, sound_sections
from zoo.media.text import save_text_sections, save_texts


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
    return save_sections(spec, {"": samples}, path)


def save_sections(spec: Spec, groups: Mapping[str, Any], path: Path | str) -> list[Path]:
    """Write groups of samples, each below its title, into the files that `save_samples` writes.

    Args:
        spec: The description of one example.
        groups: The samples of each, by title; "" is none.
        path: As in `save_samples`. All sounds stand in one folder, a title before their numbers.

    Returns:
        What was written, the picture or text first.

    Raises:
        MediaError: If the samples or the suffix do not suit the kind.
        RunError: If a file cannot be written.
    """
    path = samples_path(spec.kind, path)
    return [path, *_WRITERS[spec.kind](groups, spec, path)]


def samples_path(kind: Kind, path: Path | str) -> Path:
    """Return the file that samples of a kind go to, as `place_of` does."""
    return place_of(path, samples_suffix(kind))


def samples_suffix(kind: Kind) -> str:
    """Return the suffix of the file that samples of a kind are looked at in."""
    return ".txt" if kind == "tokens" else ".png"


def _save_images(groups: Mapping[str, Any], spec: Spec, path: Path) -> list[Path]:
    columns = section_columns(groups)
    save_picture(sections(groups, lambda images: grid_image(images, columns=columns)), path)
    return []


def _save_captioned(groups: Mapping[str, Any], spec: CaptionedSpec, path: Path) -> list[Path]:
    save_picture(
        sections(groups, lambda samples: captioned_picture(samples, spec.vocabulary)), path
    )
    return []


def _save_films(groups: Mapping[str, Any], spec: Spec, path: Path) -> list[Path]:
    save_film_sections(groups, path)
    return [path.with_suffix(".gif")]


def _save_sounds(groups: Mapping[str, Any], spec: WaveformSpec, path: Path) -> list[Path]:
    sounds = {
        f"{title} {number:04d}.wav".strip().replace(" ", "-"): sound
        for title, samples in groups.items()
        for number, sound in enumerate(samples, start=1)
    }
    # Before the picture, which takes longer and can be drawn again.
    if len(sounds) == 1:
        [sound] = sounds.values()
        written = save_sounds(sound[None], spec.sample_rate_hz, path.with_suffix(".wav"))
    else:
        folder = path.with_name(f"{path.stem}-wav")
        written = save_named_sounds(sounds, spec.sample_rate_hz, folder)
    save_figure(sound_sections(groups, spec.sample_rate_hz), path)
    return [written]


def _save_sketches(groups: Mapping[str, Any], spec: Spec, path: Path) -> list[Path]:
    save_sketch_sections(groups, path)
    return [path.with_suffix(".svg"), path.with_suffix(".gif")]


def _save_domains(groups: Mapping[str, Any], spec: DomainsSpec, path: Path) -> list[Path]:
    save_picture(sections(groups, lambda samples: _domains_picture(samples, spec)), path)
    return []


def _domains_picture(samples: Any, spec: DomainsSpec) -> Image.Image:
    """Return a picture of examples {"A": images, "B": images}, or of the round trips of a model."""
    if isinstance(samples, Mapping):
        return _pairs_picture(samples, spec)
    from zoo.media.translation import round_trips_picture  # it imports Keras

    return round_trips_picture(samples)


def _pairs_picture(samples: Mapping[str, Any], spec: DomainsSpec) -> Image.Image:
    """Return images of A to the left and of B to the right, enlarged to one height."""
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
    return beside(grids)


def _save_texts(groups: Mapping[str, Any], spec: TokensSpec, path: Path) -> list[Path]:
    if len(groups) == 1:
        [samples] = groups.values()
        save_texts(samples, spec.vocabulary, path)
    else:
        save_text_sections(groups, spec.vocabulary, path)
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
