"""The arrays of `.npz` archives, read with distrust: a header is checked before it is believed.

NumPy's own reader makes room for what a header says before it looks at what there is, unpacks what
is packed to any size, and raises whatever comes of a header that is none.
"""

import math
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

MOST_BYTES = 1024**3  # of a member, unpacked
DAMAGED = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError)  # a broken archive

_LONGEST_HEADER = 10_000
_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# What comes of headers that are none: NumPy reads them as Python, and the longest of them deeply.
NO_HEADER = (
    *(ValueError, KeyError, TypeError, SyntaxError, AttributeError, OverflowError),
    *(tokenize.TokenError, RecursionError, MemoryError),
)


class RefusedError(ValueError):
    """A member of an archive is not what was expected; the message says what was found."""


@dataclass(frozen=True)
class Member:
    """A `.npy` file in an archive, unpacked but not interpreted.

    Args:
        name: What the archive calls it.
        shape: Shape of its array, by its header.
        dtype: Type of its items, by its header.
        order: How they lie in memory.
        content: What follows the header.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    order: Literal["C", "F"]
    content: bytes

    def array(self) -> np.ndarray:
        """Return the array.

        Raises:
            RefusedError: If the content is not that of the shape and type, or is pickled.
        """
        if self.dtype.hasobject:
            raise RefusedError(f"Object arrays are pickled, and not read, such as {self.name}")
        size = math.prod(self.shape) * self.dtype.itemsize
        try:
            if len(self.content) == size:
                return np.ndarray(self.shape, self.dtype, self.content, order=self.order)
        except (ValueError, OverflowError):  # sizes below 0, or beyond what NumPy can count
            pass
        raise RefusedError(
            f"{self.name} has the shape {self.shape} and type {self.dtype}, which take "
            f"{size:,} bytes, and holds {len(self.content):,}"
        )


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    """Return a member of an `.npz` archive; no more is unpacked than the archive says.

    Raises:
        RefusedError: If it is packed otherwise than NumPy does, too large, or no `.npy` file.
        ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error: See `DAMAGED`.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedError(f"{info.filename} is packed in a way that NumPy does not use")
    if info.file_size > MOST_BYTES:
        raise RefusedError(
            f"{info.filename} unpacks to {info.file_size / 1024**3:.1f} GiB; expected at most "
            f"{MOST_BYTES / 1024**3:g}"
        )
    with archive.open(info) as file:
        try:
            version = np.lib.format.read_magic(file)
            header = _READ_HEADER[version](file, max_header_size=_LONGEST_HEADER)
        except NO_HEADER as error:
            raise RefusedError(f"the header of {info.filename} cannot be read") from error
        shape, is_fortran, dtype = header
        content = file.read(info.file_size)
    return Member(info.filename, shape, dtype, "F" if is_fortran else "C", content)
