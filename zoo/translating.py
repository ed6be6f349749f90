"""Translating image files by a trained model of two domains: files, folders, images of any size.

Where the generators are fully convolutional, an image keeps its size, and a large one is translated
in tiles. Elsewhere images are cropped and resized as those of the training were.
"""

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tqdm import tqdm

from zoo.checkpoints import write_atomically
from zoo.data.files import SUFFIXES, list_files, read_file, shown, some
from zoo.data.pixels import MAX_PIXELS, UnusableImageError, decode, read_header
from zoo.errors import DataError, Interrupted, RunError, ZooError
from zoo.media.grid import grid_image
from zoo.media.translation import contact_sheet, thumbnail
from zoo.planning import card_of
from zoo.runs import Run
from zoo.tiling import in_tiles
from zoo.training import load_model
from zoo.translation import PIXELS_PER_CALL, Domain, DomainTranslator, other

# Shapes: N images, H height, W width, C channels.

PIXELS_AT_ONCE = 1024 * 1024  # a network holds several maps of 64 channels: a gigabyte and more
SHEET_COUNT = 16
SHEET_NAME = "sheet.png"
# What the files that are written say of themselves, as the text "Software" of PNG.
_IMAGE_MARK, _SHEET_MARK = "zoo translate", "zoo translate: contact sheet"


@dataclass
class Translation:
    """What has become of files that were to be translated.

    Args:
        folder: Where the translated images stand.
        written: The translated images.
        skipped: "path: reason" of every file that could not be used.
        resized_to: (H, W) that images were cropped and resized to; None if none were.
        tiled: How many images were cut into tiles.
    """

    folder: Path
    written: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    resized_to: tuple[int, int] | None = None
    tiled: int = 0

    @property
    def sheet(self) -> Path:
        """Return where the contact sheet stands."""
        return self.folder / SHEET_NAME


def translate_files(
    run: Run,
    paths: Sequence[Path],
    to: Domain,
    *,
    out: Path | None = None,
    max_pixels: int | None = None,
) -> Translation:
    """Translate image files to the domain `to`, and write PNG files and a contact sheet.

    Args:
        run: The run, on its backend.
        paths: Files, and folders, of which all images are taken and their sub-folders kept.
        to: The domain to translate to.
        out: Folder to write to; by default `translated-to-A` or `-B` in the run's folder.
        max_pixels: An image of more pixels is translated in tiles of so many; None takes a
            megapixel. For fully convolutional generators alone.

    Raises:
        ZooError: If the model does not translate, no file can be used, or a file would be written
            over one that `zoo translate` has not written.
        Interrupted: If control-C ended it; what is written by then is whole.
    """
    folder = run.path / f"translated-to-{to}" if out is None else out
    sources, skipped = _sources(paths)
    targets = _targets(folder, sources)
    model = _translator(run)
    if max_pixels is not None and not model.takes_any_size:
        raise ZooError(
            f"'{run.request.model}' takes images of one size, which are never cut into tiles. "
            "Leave out --max-pixels."
        )
    result = Translation(folder, skipped=list(skipped))
    try:
        # `disable=None` shows the bar on a terminal only.
        with tqdm(
            total=len(targets), unit="image", unit_scale=True, disable=None, leave=False
        ) as bar:
            work = _Work(model, to, max_pixels or PIXELS_AT_ONCE, result, bar.update)
            for batch in _batches(work.read(targets), work.max_pixels):
                work.translate(batch)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped. {len(result.written)} of {len(targets)} images are translated: "
            f"{shown(folder)}"
        ) from None
    if not result.written:
        reasons = some([reason.rstrip(".") for reason in result.skipped])
        raise DataError(f"None of the {len(targets)} files can be translated: {reasons}.")
    _write(contact_sheet(work.pairs, to), result.sheet, _SHEET_MARK)
    return result


@dataclass(frozen=True)
class _Item:
    """One image: its file, where its translation goes, and its pixels (H, W, C)."""

    source: Path
    target: Path
    image: np.ndarray


class _Work:
    """Reads, translates and writes images, and keeps account of it.

    Args:
        model: The model.
        to: The domain to translate to.
        max_pixels: Of an image that is translated as a whole.
        result: What is written and skipped is entered here.
        done: Called with how many images more are done, in parts where there are tiles.
    """

    def __init__(
        self,
        model: DomainTranslator,
        to: Domain,
        max_pixels: int,
        result: Translation,
        done: Callable[[float], object],
    ):
        self.model = model
        self.to = to
        self.max_pixels = max_pixels
        self.result = result
        self.done = done
        self.pairs: list[tuple[str, Image.Image, Image.Image]] = []  # for the contact sheet

    def read(self, targets: Mapping[Path, Path]) -> Iterator[_Item]:
        """Yield the image of each target's source, in the channels that the model takes."""
        for target, source in targets.items():
            try:
                image = self._read(source)
            except (OSError, UnusableImageError) as error:
                self._skip(source, getattr(error, "strerror", None) or error)
                self.done(1)
            else:
                yield _Item(source, target, image)

    def translate(self, batch: Sequence[_Item]) -> None:
        """Translate images of one size, and write what they have become."""
        try:
            translated = self._translate(np.stack([item.image for item in batch]))
        except DataError as error:  # a size that the network cannot take
            for item in batch:
                self._skip(item.source, error)
            self.done(len(batch))
            return
        for item, made in zip(batch, translated, strict=True):
            picture = grid_image(made[None], scale=1)
            _write(picture, item.target, _IMAGE_MARK)
            self.result.written.append(item.target)
            if len(self.pairs) < SHEET_COUNT:
                name = shown(item.target.relative_to(self.result.folder).with_suffix(""))
                original = grid_image(item.image[None], scale=1)
                self.pairs.append((name, thumbnail(original), thumbnail(picture)))

    def _translate(self, images: np.ndarray) -> np.ndarray:
        if not self.model.takes_any_size or images[0, ..., 0].size <= self.max_pixels:
            made = self.model.translate(images, self.to)
            self.done(len(images))
            return made
        tiles = partial(
            in_tiles,
            partial(self.model.translate, to=self.to),
            max_pixels=self.max_pixels,
            multiple=self.model.side_multiple(self.to),
            scale=self.model.scale(self.to),
            done=self.done,
        )
        made = np.stack([tiles(image) for image in images])
        self.result.tiled += len(images)
        return made

    def _read(self, source: Path) -> np.ndarray:
        height, width, channels = self.model.image_shape(other(self.to))
        content = read_file(source)
        with warnings.catch_warnings():  # Pillow warns of large pictures; our limit is lower
            warnings.simplefilter("ignore")
            header = read_header(io.BytesIO(content))
        size = header.size if self.model.takes_any_size else (height, width)
        made = [round(side * self.model.scale(self.to)) for side in size]
        if not 0 < made[0] * made[1] <= MAX_PIXELS:
            raise UnusableImageError(f"it would become one of {made[1]}x{made[0]} pixels")
        pixels = decode(
            content,
            channels=channels,
            is_deep=header.is_deep,
            image_size=None if self.model.takes_any_size else size,
        )
        if header.size != size:
            self.result.resized_to = size
        return np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32)

    def _skip(self, source: Path, reason: object) -> None:
        self.result.skipped.append(f"{shown(source)}: {reason}")


def _translator(run: Run) -> DomainTranslator:
    card = card_of(run.request)
    model = load_model(run)
    if not isinstance(model, DomainTranslator):
        raise ZooError(
            f"'{card.name}' translates nothing: it is a model of {card.kind} data. Expected: the "
            "run of a model between two domains, which `zoo list domains` shows."
        )
    return model


def _sources(paths: Sequence[Path]) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Return each file with its path below the output, and "path: reason" of what is left out."""
    found: list[tuple[Path, Path]] = []
    skipped: list[str] = []
    for path in paths:
        if not path.exists():
            raise DataError(
                f"There is no file or folder '{shown(path)}'. Expected: image files, or folders "
                "of them."
            )
        if not path.is_dir():
            found.append((path, Path(path.name)))
            continue
        listed, left_out = list_files(path, SUFFIXES)
        inside = [(path / file.path, Path(file.path)) for file in listed]
        # The contact sheet of an earlier translation, where what was made is translated back.
        inside = [(file, name) for file, name in inside if _mark(file) != _SHEET_MARK]
        if not inside:
            raise DataError(f"Folder '{shown(path)}' holds no images ({', '.join(SUFFIXES)}).")
        found += inside
        skipped += left_out
    return found, skipped


def _targets(folder: Path, sources: Sequence[tuple[Path, Path]]) -> dict[Path, Path]:
    """Return the source of each file to write, after a look at what stands there."""
    targets: dict[Path, Path] = {}
    for source, name in sources:
        target = folder / name.with_suffix(".png")
        previous = targets.setdefault(target, source)
        if not previous.samefile(source):
            raise DataError(
                f"'{shown(previous)}' and '{shown(source)}' would both be written to "
                f"'{shown(target)}'. Translate them one after the other, each to an --out of its "
                "own."
            )
    sheet = folder / SHEET_NAME
    if sheet in targets:
        raise DataError(
            f"'{shown(targets[sheet])}' has the name of the contact sheet, '{SHEET_NAME}'. Rename "
            "it."
        )
    given = {source.resolve() for source in targets.values()}
    for target in (*targets, sheet):
        if target.resolve() in given:
            raise RunError(
                f"'{shown(target)}' is an image to be translated, and would be written over. Give "
                "another --out."
            )
        if target.exists() and _mark(target) not in (_IMAGE_MARK, _SHEET_MARK):
            raise RunError(
                f"'{shown(target)}' exists and was not written by `zoo translate`. Give another "
                "--out, or remove it."
            )
    return targets


def _batches(items: Iterator[_Item], max_pixels: int) -> Iterator[list[_Item]]:
    """Yield images of one size that follow each other, as many as are translated at once."""
    batch: list[_Item] = []
    for item in items:
        most = min(PIXELS_PER_CALL, max_pixels) // item.image[..., 0].size
        if batch and (item.image.shape != batch[0].image.shape or len(batch) >= most):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _write(picture: Image.Image, path: Path, mark: str) -> None:
    """Write a picture as a PNG that says what made it."""
    said = PngInfo()
    said.add_text("Software", mark)
    content = io.BytesIO()
    picture.save(content, format="PNG", pnginfo=said)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"'{shown(path.parent)}' cannot be made: {error.strerror}.") from error
    write_atomically(path, content.getvalue())


def _mark(path: Path) -> str | None:
    """Return what the PNG file `path` says of its making; None of any other."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            said: str | None = image.info.get("Software")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return said
