"""The `.npz` files of Sketch-RNN: arrays of sketches in stroke-3, which NumPy has pickled.

A pickle is a program, and NumPy runs it. Here it is read as a text instead: of its operations those
that a NumPy array of arrays of numbers is written with are followed, and build nothing but tuples,
lists and arrays. Nothing that a file names is ever imported or called.
"""

import math
import pickletools
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.data.files import open_file, shown
from zoo.data.npy import DAMAGED, MOST_BYTES, RefusedError, read_member
from zoo.data.strokes import Drawing, UnusableSketchError, checked_points
from zoo.errors import DataError

# Shapes: N sketches, P points of one.

MEMBERS = {"train.npy": "train", "valid.npy": "validation", "test.npy": "test"}
MOST_OPERATIONS = 5_000_000  # of a pickle: one byte can make an object of a hundred
MOST_DIMENSIONS = 32

_NUMBERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
# The names by which pickles of different versions call what is recognised here.
_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "_codecs")
_NAMES = ("ndarray", "dtype", "_reconstruct", "encode")
_MARK = object()


class _Global:
    """A name that a pickle refers to."""

    def __init__(self, module: str, name: str):
        if module not in _MODULES or name not in _NAMES:
            raise RefusedError(
                f"it names {shown(f'{module}.{name}')}, which no array of numbers needs"
            )
        self.name = name


class _Type:
    """What a pickle says of a `numpy.dtype`."""

    def __init__(self, code: Any):
        code = code[1:] if isinstance(code, str) and code[:1] in "<>|=" else code
        if code not in (*_NUMBERS, "O", "O8"):
            # Not of anything else: what a pickle has put into itself has no end as a text.
            name = shown(code[:40]) if isinstance(code, str) else "unknown"
            raise RefusedError(f"it holds values of type {name}, not numbers")
        self.code = code
        self.order = "|"

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise RefusedError("it describes a type of numbers that cannot be read")
        self.order = state[1]


class _Array:
    """What a pickle says of a `numpy.ndarray`: its items, or the bytes of its numbers."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.items: list[Any] | None = None
        self._content: str | bytes = b""
        self._type = np.dtype("u1")
        self._order: Literal["C", "F"] = "C"

    def build(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Type):
            raise RefusedError("it describes an array that cannot be read")
        _, shape, kind, is_fortran, content = state
        is_shape = isinstance(shape, tuple) and len(shape) <= MOST_DIMENSIONS
        if not is_shape or not all(isinstance(n, int) and 0 <= n <= MOST_BYTES for n in shape):
            raise RefusedError("it describes an array of no shape")
        self.shape = shape
        is_object = kind.code in ("O", "O8")
        self._type = np.dtype("u1" if is_object else kind.code).newbyteorder(kind.order)
        self._order = "F" if is_fortran else "C"
        if not isinstance(content, list if is_object else str | bytes):
            raise RefusedError("it describes an array without content")
        if len(content) != self.byte_count:  # one byte stands for each object
            raise RefusedError(f"it describes an array of shape {shape} with other content")
        if isinstance(content, list):
            self.items = content
        else:
            self._content = content

    @property
    def byte_count(self) -> int:
        return math.prod(self.shape) * self._type.itemsize

    def numbers(self) -> np.ndarray:
        content = self._content
        if isinstance(content, str):  # protocol 2 has only text to keep bytes in
            content = content.encode("latin1")
        return np.frombuffer(content, self._type).reshape(self.shape, order=self._order)


def read_npz(
    path: Path, most: int, class_name: str, label: str
) -> tuple[dict[str, list[Drawing]], list[str]]:
    """Return the drawings of a `.npz` file by split, and "place: reason" of those left out.

    Args:
        path: The file.
        most: Most points of a sketch.
        class_name: What the drawings show; empty where that is not known.
        label: What the file is called in reasons.

    Raises:
        DataError: If the file is not one of Sketch-RNN's; the message says what was found in it.
    """
    drawings: dict[str, list[Drawing]] = {}
    skipped: list[str] = []
    try:
        with (
            open_file(path) as file,
            zipfile.ZipFile(file) as archive,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # NumPy warns of headers that Python 2 has written
            for info in archive.infolist():
                if info.filename not in MEMBERS:
                    skipped.append(f"{label}/{shown(info.filename)}: not {', '.join(MEMBERS)}")
                    continue
                split = MEMBERS[info.filename]
                if split in drawings:
                    raise RefusedError(f"it holds {info.filename} twice")
                drawings[split] = []
                for number, array in enumerate(_arrays(archive, info), start=1):
                    try:
                        points = checked_points(array, most)
                    except UnusableSketchError as error:
                        skipped.append(f"{label}/{info.filename} {number}: {error}")
                        continue
                    drawings[split].append(Drawing(points, class_name))
    except RefusedError as error:
        raise DataError(
            f"'{shown(path)}' is refused: {error}. Expected: a .npz file of Sketch-RNN, whose "
            f"{', '.join(MEMBERS)} hold arrays of numbers (points, 3)."
        ) from error
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"'{shown(path)}' cannot be read: {reason}.") from error
    except DAMAGED as error:
        raise DataError(f"'{shown(path)}' is no whole .npz file: {error}.") from error
    if "train" not in drawings:
        found = ", ".join(sorted(drawings)) or "none of them"
        raise DataError(
            f"'{shown(path)}' has no train.npy. Expected: {', '.join(MEMBERS)}. Found: {found}."
        )
    return drawings, skipped


def _arrays(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[np.ndarray]:
    """Yield the sketches of a member, as the numbers that it holds."""
    member = read_member(archive, info)
    if not member.dtype.hasobject:
        # Sketches that all have the same number of points are written without a pickle.
        if len(member.shape) != 3 or not member.content:  # no end of sketches without a point
            raise RefusedError(
                f"{info.filename} has the shape {member.shape} and type {member.dtype}"
            )
        yield from member.array()
        return
    array = _read_pickle(member.content)
    if array.items is None or array.shape != member.shape or len(array.shape) != 1:
        raise RefusedError(f"{info.filename} has the shape {array.shape}; expected (sketches,)")
    left = len(member.content)  # bytes; a pickle can name one array a million times
    for item in array.items:
        if not isinstance(item, _Array) or item.items is not None:
            raise RefusedError(f"{info.filename} holds something that is no array of numbers")
        left -= item.byte_count
        if left < 0:
            raise RefusedError(f"{info.filename} describes more numbers than it holds")
        yield item.numbers()


def _read_pickle(content: bytes) -> _Array:
    """Return the array that a pickle describes; nothing in it is executed."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        argument: Any
        for count, (operation, argument, _) in enumerate(pickletools.genops(content)):
            if count == MOST_OPERATIONS:
                raise RefusedError(f"its pickle has more than {MOST_OPERATIONS:,} operations")
            name = operation.name
            if name in _CONSTANTS:
                stack.append(argument)
            elif name in _ACTIONS:
                _ACTIONS[name](stack, argument)
            elif name in ("BINPUT", "LONG_BINPUT"):
                memo[argument] = stack[-1]
            elif name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET"):
                stack.append(memo[argument])
            elif name not in ("PROTO", "FRAME", "STOP"):
                raise RefusedError(f"its pickle has the operation {name}")
    except RefusedError:
        raise
    # What comes of operations in an impossible order, or of one that is cut off.
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, MemoryError) as error:
        raise RefusedError("its pickle cannot be read") from error
    if len(stack) != 1 or not isinstance(stack[0], _Array):
        raise RefusedError("its pickle holds no array")
    return stack[0]


def _since_mark(stack: list[Any]) -> list[Any]:
    """Take what was put on the stack after the last mark, and the mark."""
    place = len(stack) - 1
    while stack[place] is not _MARK:  # from the end, as all before it may be marks
        place -= 1
        if place < 0:
            raise RefusedError("its pickle cannot be read")
    items = stack[place + 1 :]
    del stack[place:]
    return items


def _make_tuple(count: int) -> Callable[[list[Any], Any], None]:
    def action(stack: list[Any], argument: Any) -> None:
        items = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        stack.append(tuple(items))

    return action


def _extend(stack: list[Any], items: Sequence[Any]) -> None:
    if not isinstance(stack[-1], list):
        raise RefusedError("its pickle cannot be read")
    stack[-1].extend(items)


def _reduce(stack: list[Any], argument: Any) -> None:
    """Put what a call would have made, for the three calls that pickled arrays consist of."""
    arguments, called = stack.pop(), stack.pop()
    if not isinstance(called, _Global) or not isinstance(arguments, tuple):
        raise RefusedError("its pickle calls something that has no name")
    if called.name == "_reconstruct":
        stack.append(_Array())
    elif called.name == "dtype":
        stack.append(_Type(arguments[0]))
    elif called.name == "encode" and arguments[1:] == ("latin1",):
        stack.append(arguments[0])  # encoded when it is used
    else:
        raise RefusedError(f"its pickle calls {called.name}")


def _build(stack: list[Any], argument: Any) -> None:
    state = stack.pop()
    if not isinstance(stack[-1], _Array | _Type):
        raise RefusedError("its pickle sets the state of something that is no array")
    stack[-1].build(state)


_CONSTANTS = {
    *("BININT", "BININT1", "BININT2", "LONG1"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES"),
    *("BINUNICODE", "SHORT_BINUNICODE"),
}
_ACTIONS: dict[str, Callable[[list[Any], Any], None]] = {
    "NONE": lambda stack, _: stack.append(None),
    "NEWTRUE": lambda stack, _: stack.append(True),
    "NEWFALSE": lambda stack, _: stack.append(False),
    "MARK": lambda stack, _: stack.append(_MARK),
    "EMPTY_TUPLE": lambda stack, _: stack.append(()),
    "TUPLE": lambda stack, _: stack.append(tuple(_since_mark(stack))),
    "TUPLE1": _make_tuple(1),
    "TUPLE2": _make_tuple(2),
    "TUPLE3": _make_tuple(3),
    "EMPTY_LIST": lambda stack, _: stack.append([]),
    "APPEND": lambda stack, _: _extend(stack, [stack.pop()]),
    "APPENDS": lambda stack, _: _extend(stack, _since_mark(stack)),
    "GLOBAL": lambda stack, argument: stack.append(_Global(*argument.split(" ", 1))),
    "STACK_GLOBAL": lambda stack, _: stack.append(_Global(stack.pop(-2), stack.pop())),
    "REDUCE": _reduce,
    "BUILD": _build,
}
