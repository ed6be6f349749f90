"""A pass over the image files of a folder: headers, digests and, where it can be, pixels.

With many small files, to open each is what takes the time. So it is done once: where all turn out
to have one form, which is the usual case, the pass has decoded them as well.
"""

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from zoo.data.files import ListedFile, in_threads, open_file, read_file, shown, thread_count
from zoo.data.pixels import Header, UnusableImageError, fit, header_of, open_picture, pixels_of

# Shapes: N images, H height, W width, C channels.

_FULL_DIGEST_BYTES = 1024**3  # folders up to this size are hashed whole
_EDGE_BYTES = 4096  # of each file of a larger folder: these many first, and as many last

Half = Literal["left", "right"]
Source = TypeVar("Source")


class Inspected(NamedTuple):
    """An image file whose header could be read.

    Args:
        path: Its path inside the folder.
        byte_count: Its size.
        header: What its header says.
        digest: sha256 of its size and content (of the edges of the content in large folders).
    """

    path: str
    byte_count: int
    header: Header
    digest: bytes


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """Reads the images of one folder in one form.

    Args:
        root: The folder.
        image_shape: (H, W, C) of every image.
        is_deep: Whether pixels are 16-bit integers.
        resizes: Whether files may have another size.
        threads: How many threads decode.
        half: Which half of each file is the image; None takes all of it.
    """

    root: Path
    image_shape: tuple[int, int, int]
    is_deep: bool
    resizes: bool
    threads: int = field(compare=False)
    half: Half | None = None

    @property
    def dtype(self) -> type[np.unsignedinteger]:
        """Type of the pixels."""
        return np.uint16 if self.is_deep else np.uint8

    @property
    def example_bytes(self) -> int:
        """How many bytes the pixels of an image take."""
        return int(np.prod(self.image_shape)) * np.dtype(self.dtype).itemsize

    def suits(self, header: Header) -> bool:
        """Return whether a file by itself would be read in this very form."""
        height, width, channels = self.image_shape
        return (
            header.channels == channels
            and header.is_deep == self.is_deep
            and (self.resizes or header.size == (height, width))
        )

    def decode(self, path: str) -> np.ndarray:
        """Return the pixels (H, W, C) of the file at `path`.

        Raises:
            UnusableImageError: If it cannot be decoded, or is not what it was at first.
        """
        try:
            # At once: small reads in many threads would fight for Python's lock.
            content = read_file(f"{self.root}/{path}")
        except OSError as error:
            raise UnusableImageError(error.strerror or str(error)) from error
        return self.pixels_of(open_picture(BytesIO(content)))

    def pixels_of(self, picture: Image.Image) -> np.ndarray:
        """Return the pixels (H, W, C) of an open file.

        Raises:
            UnusableImageError: If it cannot be decoded, or is not what it was at first.
        """
        height, width, channels = self.image_shape
        size = (height, width) if self.resizes else None
        pixels = pixels_of(
            picture,
            channels=channels,
            is_deep=self.is_deep,
            image_size=size if self.half is None else None,
        )
        if self.half is not None:
            # Cut first: a crop of the whole picture would take from each half another part.
            middle = pixels.shape[1] // 2
            pixels = pixels[:, :middle] if self.half == "left" else pixels[:, middle:]
            pixels = pixels if size is None else fit(pixels, size)
        if pixels.shape != self.image_shape or pixels.dtype != self.dtype:
            raise UnusableImageError("it has changed since the folder was listed")
        return pixels


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """The pixels of files.

    Args:
        decoder: What has read them.
        pixels: (N, H, W, C), not to be written to.
        rows: The place of each file in `pixels`, by its path.
        broken: By its path, why a file could not be decoded.
    """

    decoder: Decoder
    pixels: np.ndarray
    rows: Mapping[str, int]
    broken: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """What a pass over files has found.

    Args:
        files: Those whose header could be read.
        skipped: "path: reason" of the others.
        decoded: The pixels of `files`, if all have one form.
    """

    files: tuple[Inspected, ...]
    skipped: tuple[str, ...]
    decoded: Decoded | None


@lru_cache(maxsize=2)  # every split of a folder asks for the same
def survey(
    root: Path, files: tuple[ListedFile, ...], size: tuple[int, int] | None, memory_bytes: int
) -> Survey:
    """Read every one of `files`, and decode it at once as long as all have one form.

    Args:
        root: Where they are.
        files: Their paths and sizes.
        size: (H, W) that images are asked for in.
        memory_bytes: Most that the pixels of all may take; where it is more, none is decoded.
    """
    total = sum(file.byte_count for file in files)
    whole = total <= _FULL_DIGEST_BYTES
    threads = thread_count(total / max(1, len(files)))
    usable: list[Inspected] = []
    skipped: list[str] = []

    def look(file: ListedFile) -> str | tuple[Inspected, np.ndarray | str | None]:
        into = gathered
        try:
            header, digest, picture = _read(f"{root}/{file.path}", file.byte_count, whole)
        except (UnusableImageError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            return f"{shown(file.path)}: {reason}"
        inspected = Inspected(file.path, file.byte_count, header, digest)
        if picture is None or into is None or not into.decoder.suits(header):
            return inspected, None
        return inspected, _or_reason(into.decoder.pixels_of, picture)

    # Pillow warns of large pictures; ours is the lower limit, and an error. Set here once, as the
    # filters of warnings belong to all threads.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        decoder = _first_form(root, files, size, threads) if whole else None
        fits = decoder is not None and len(files) * decoder.example_bytes <= memory_bytes
        gathered = _Gathered(decoder, len(files)) if decoder is not None and fits else None
        for result in in_threads(look, files, threads, "Reading images"):
            if isinstance(result, str):
                skipped.append(result)
                continue
            inspected, pixels = result
            usable.append(inspected)
            if pixels is None:
                gathered = None  # the forms differ: what was decoded is of no use
            elif gathered is not None:
                gathered.add(inspected.path, pixels)
    return Survey(
        files=tuple(usable),
        skipped=tuple(skipped),
        decoded=None if gathered is None else gathered.decoded(),
    )


def decode_all(decoder: Decoder, files: Sequence[Inspected]) -> Decoded:
    """Return the pixels of the files that can be decoded, and why the others cannot."""
    paths = [file.path for file in files]
    gathered = _Gathered(decoder, len(files))
    results = in_threads(
        lambda path: _or_reason(decoder.decode, path), paths, decoder.threads, "Decoding images"
    )
    for path, result in zip(paths, results, strict=True):
        gathered.add(path, result)
    return gathered.decoded()


class _Gathered:
    """The pixels of at most `count` files, as they come."""

    def __init__(self, decoder: Decoder, count: int):
        self.decoder = decoder
        self._pixels = np.empty((count, *decoder.image_shape), decoder.dtype)
        self._rows: dict[str, int] = {}
        self._broken: dict[str, str] = {}

    def add(self, path: str, result: np.ndarray | str) -> None:
        if isinstance(result, str):
            self._broken[path] = result
        else:
            self._pixels[len(self._rows)] = result
            self._rows[path] = len(self._rows)

    def decoded(self) -> Decoded:
        self._pixels.flags.writeable = False  # others may be given it too
        pixels = self._pixels[: len(self._rows)]
        return Decoded(decoder=self.decoder, pixels=pixels, rows=self._rows, broken=self._broken)


def _or_reason(decode: Callable[[Source], np.ndarray], source: Source) -> np.ndarray | str:
    try:
        return decode(source)
    except UnusableImageError as error:
        return str(error)


def _first_form(
    root: Path, files: Sequence[ListedFile], size: tuple[int, int] | None, threads: int
) -> Decoder | None:
    """Return what reads the first of the files as it is; None where none has a header."""
    for file in files:
        try:
            header, _, _ = _read(f"{root}/{file.path}", file.byte_count, True)
        except (UnusableImageError, OSError):
            continue
        return Decoder(
            root=root,
            image_shape=(*(size or header.size), header.channels),
            is_deep=header.is_deep,
            resizes=size is not None,
            threads=threads,
        )
    return None


def _read(path: str, byte_count: int, whole: bool) -> tuple[Header, bytes, Image.Image | None]:
    """Return header and digest of a file, and the open picture if it is read whole."""
    if whole:
        content = read_file(path)
        picture = open_picture(BytesIO(content))
        return header_of(picture), hashlib.sha256(content).digest(), picture
    with open_file(path) as file:
        header = header_of(open_picture(file))
        digest = hashlib.sha256(byte_count.to_bytes(8))
        file.seek(0)
        digest.update(file.read(_EDGE_BYTES))
        file.seek(max(0, byte_count - _EDGE_BYTES))
        digest.update(file.read(_EDGE_BYTES))
        return header, digest.digest(), None
