import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sketches import npy, objects, sketch, write_npz

from zoo.data import npy as npy_members
from zoo.data.npz_sketches import read_npz
from zoo.errors import DataError

REAL = os.environ.get("ZOO_TEST_DATA")


def read(path, most=250):
    return read_npz(path, most, "cat", "cat.npz")


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["i1", "<i2", ">i2", "i8", "f2", "f4", "f8"])
def test_sketches_are_read_as_numpy_would_read_them(tmp_path, protocol, dtype):
    sketches = [sketch(3 + n, dtype=dtype, seed=n) for n in range(4)]
    path = write_npz(
        tmp_path / "a.npz", train=npy(objects(sketches), protocol), test=objects(sketches)
    )
    drawings, skipped = read(path)
    assert skipped == []
    assert sorted(drawings) == ["test", "train"]
    with np.load(path, allow_pickle=True) as expected:
        for drawing, array in zip(drawings["train"], expected["train"], strict=True):
            assert drawing.points.dtype == np.float32
            assert drawing.class_name == "cat"
            np.testing.assert_array_equal(drawing.points, array.astype(np.float32))


def test_what_numpy_itself_saves_is_read(tmp_path):
    sketches = [sketch(3 + n, seed=n) for n in range(4)]
    fortran = [np.asfortranarray(array) for array in sketches]
    np.savez(tmp_path / "a.npz", train=objects(sketches), valid=objects(fortran))
    np.savez_compressed(tmp_path / "b.npz", train=np.stack([sketch(7, seed=n) for n in range(3)]))
    drawings, _ = read(tmp_path / "a.npz")
    for split in ("train", "validation"):
        for drawing, array in zip(drawings[split], sketches, strict=True):
            np.testing.assert_array_equal(drawing.points, array)
    equal_lengths, _ = read(tmp_path / "b.npz")
    np.testing.assert_array_equal(equal_lengths["train"][2].points, sketch(7, seed=2))


def python_2(sketches):
    """Return a member as Python 2 pickled it: bytes are text, and Latin-1."""
    parts = [b"\x80\x02"]

    def text(value):
        return b"T" + struct.pack("<i", len(value)) + value

    def array_of(shape, kind, state):
        start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        shape_bytes = b"".join(b"M" + struct.pack("<H", n) for n in shape)
        order, flags = (b"|", b"?") if kind == b"O8" else (b"<", b"\x00")
        rest = b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" + flags + b"tb"
        dtype = b"cnumpy\ndtype\nU\x02" + kind + b"K\x00K\x01\x87R(K\x03U\x01" + order + rest
        return start + b"(" + shape_bytes + b"t" + dtype + b"\x89" + state + b"tb"

    items = b"".join(array_of(s.shape, b"i2", text(s.astype("<i2").tobytes())) for s in sketches)
    parts.append(array_of((len(sketches),), b"O8", b"](" + items + b"e"))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (len(sketches),)}
    )
    return header.getvalue() + b"".join(parts) + b"."


def test_what_python_2_has_pickled_is_read(tmp_path):
    sketches = [sketch(3 + n, seed=n) for n in range(4)]
    content = python_2(sketches)
    magic = content.index(b"\x80\x02")
    expected = pickle.loads(content[magic:], encoding="latin1")  # noqa: S301
    drawings, _ = read(write_npz(tmp_path / "a.npz", train=content))
    for drawing, array in zip(drawings["train"], expected, strict=True):
        np.testing.assert_array_equal(drawing.points, array)


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("place", ["whole", "item"])
def test_code_in_a_pickle_is_refused_and_never_run(tmp_path, protocol, place):
    victim = tmp_path / "victim"
    attack = Attack(Path.touch, victim)
    array = objects([attack, sketch()])
    content = npy(array, protocol)
    if place == "whole":
        header = content[: 10 + int.from_bytes(content[8:10], "little")]
        content = header + pickle.dumps(attack, protocol)
    assert b"touch" in content
    with pytest.raises(DataError, match=r"a.npz' is refused: its? .*(names|operation)"):
        read(write_npz(tmp_path / "a.npz", train=content))
    assert not victim.exists()


@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, "posix.system|nt.system"), (eval, "builtins.eval"), (np.load, "numpy.load")],
)
def test_the_refusal_says_what_was_found(tmp_path, function, name):
    path = write_npz(tmp_path / "a.npz", train=objects([Attack(function, "0"), sketch()]))
    with pytest.raises(DataError, match=rf"a.npz' is refused: it names ({name}), which no array"):
        read(path)


def test_an_allowed_name_cannot_be_called_with_anything_else(tmp_path):
    attack = Attack(np.dtype, "V9999999999")
    with pytest.raises(
        DataError, match="refused: it holds values of type V9999999999, not numbers"
    ):
        read(write_npz(tmp_path / "a.npz", train=objects([attack, sketch()])))


def header_of(count):
    return npy(objects([sketch()] * count), 2).split(b"\x80\x02")[0]


def test_an_index_that_would_take_all_memory_is_harmless(tmp_path):
    bomb = header_of(1) + b"\x80\x02Nr\xff\xff\xff\xff."
    with pytest.raises(DataError, match="its pickle holds no array"):
        read(write_npz(tmp_path / "a.npz", train=bomb))


def test_one_array_named_a_thousand_times_is_refused(tmp_path):
    path = write_npz(tmp_path / "a.npz", train=objects([sketch(200)] * 1000))
    with pytest.raises(DataError, match=r"train.npy describes more numbers than it holds"):
        read(path)


def test_a_member_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(npy_members, "MOST_BYTES", 10_000)
    path = write_npz(tmp_path / "a.npz", train=b"\0" * 1_000_000)
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match=r"train.npy unpacks to .* GiB; expected at most"):
        read(path)


def test_a_member_that_is_there_twice_is_refused(tmp_path):
    content = npy(objects([sketch()]))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("train.npy", content)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("train.npy", content)
    with pytest.raises(DataError, match=r"it holds train.npy twice"):
        read(tmp_path / "a.npz")


def test_sketches_that_cannot_be_used_are_left_out_and_named(tmp_path):
    broken = sketch(dtype=np.float32)
    broken[1, 0] = np.nan
    far = sketch(dtype=np.float32)
    far[1, 0] = 1e9
    pen = sketch()
    pen[0, 2] = 7
    bad = {
        "1 numbers that are NaN or infinite": broken,
        "a move of 1e+09; expected at most 10,000": far,
        "a pen that is neither 0 nor 1 in the third column": pen,
        "11 points; expected at most 10": sketch(11),
        "fewer than two points": sketch(1),
        "all points in one place": np.zeros((4, 3), np.int16),
        "int16 numbers of shape (4, 5); expected (points, 3)": np.zeros((4, 5), np.int16),
    }
    path = write_npz(tmp_path / "a.npz", train=objects([sketch(), *bad.values(), sketch(10)]))
    drawings, skipped = read(path, most=10)
    assert len(drawings["train"]) == 2
    assert skipped == [f"cat.npz/train.npy {n}: {reason}" for n, reason in enumerate(bad, start=2)]


def test_a_last_point_that_leaves_the_pen_down_lifts_it(tmp_path):
    rows = sketch()
    rows[-1, 2] = 0
    drawings, _ = read(write_npz(tmp_path / "a.npz", train=objects([rows, sketch(6)])))
    assert drawings["train"][0].points[-1, 2] == 1


def test_other_members_are_named_and_a_missing_train_is_an_error(tmp_path):
    path = write_npz(tmp_path / "a.npz", train=objects([sketch(), sketch(6)]), std=b"1")
    assert read(path)[1] == ["cat.npz/std.npy: not train.npy, valid.npy, test.npy"]
    path = write_npz(tmp_path / "b.npz", test=objects([sketch(), sketch(6)]))
    with pytest.raises(DataError, match=r"has no train.npy. Expected: train.npy.* Found: test\."):
        read(path)


def not_a_zip(path):
    path.write_bytes(os.urandom(500))


def cut(path):
    write_npz(path, train=objects([sketch(), sketch(6)]))
    path.write_bytes(path.read_bytes()[:-60])


def no_header(path):
    write_npz(path, train=b"hello")


def numbers_of_another_shape(path):
    np.savez(path, train=np.zeros((4, 3)))


def cut_pickle(path):
    write_npz(path, train=npy(objects([sketch(), sketch(6)]))[:-40])


def words(path):
    write_npz(path, train=objects(["a", "b"]))


BAD = {
    not_a_zip: "is no whole .npz file",
    cut: "is no whole .npz file",
    no_header: "the header of train.npy cannot be read",
    numbers_of_another_shape: r"train.npy has the shape \(4, 3\) and type float64",
    cut_pickle: "its pickle cannot be read",
    words: "train.npy holds something that is no array of numbers",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_file_of_something_else_is_refused_with_the_reason(tmp_path, make):
    make(tmp_path / "a.npz")
    with pytest.raises(DataError, match=BAD[make]):
        read(tmp_path / "a.npz")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.npz' cannot be read: No such file"):
        read(tmp_path / "nowhere.npz")


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_changed_bytes_give_sketches_or_a_reason(tmp_path_factory, data):
    content = bytearray(npy(objects([sketch(), sketch(6)]), data.draw(st.sampled_from([2, 4]))))
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[place] = value
    path = tmp_path_factory.mktemp("fuzz") / "a.npz"
    write_npz(path, train=bytes(content))
    if data.draw(st.booleans()):
        whole = bytearray(path.read_bytes())
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(whole)
    try:
        drawings, _ = read(path)
    except DataError:
        return
    assert all(np.isfinite(drawing.points).all() for drawing in drawings["train"])


@pytest.mark.skipif(REAL is None, reason="$ZOO_TEST_DATA names no folder of real data")
@pytest.mark.parametrize(("name", "counts"), [("short_kanji", (10_000, 600, 500))])
def test_a_real_set_is_read_as_numpy_would_read_it(name, counts):
    path = Path(REAL) / "sketch" / f"{name}.npz"
    drawings, skipped = read(path)
    assert skipped == []
    assert tuple(len(drawings[s]) for s in ("train", "validation", "test")) == counts
    with np.load(path, allow_pickle=True, encoding="latin1") as expected:
        for drawing, array in zip(drawings["validation"], expected["valid"], strict=True):
            np.testing.assert_array_equal(drawing.points, array)
