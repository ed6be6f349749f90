import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sketches import LINE, SQUARE, many, record

from zoo.data import quickdraw
from zoo.data.quickdraw import read_ndjson
from zoo.errors import DataError

REAL = os.environ.get("ZOO_TEST_DATA")


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path, most=250):
    return read_ndjson(path, most, path.name)


def drawings_of(path, **settings):
    drawings, _ = read(path, **settings)
    return drawings["train"] + drawings["test"]


def test_strokes_become_moves_from_the_middle_of_the_box(tmp_path):
    (drawing,) = drawings_of(write(tmp_path / "a.ndjson", record()))
    assert drawing.class_name == "house"
    np.testing.assert_array_equal(
        drawing.points,
        [
            [-100, -50, 0],  # from (100, 50) to (0, 0)
            [0, 100, 0],
            [200, 0, 0],
            [0, -100, 1],
            [-150, 20, 0],
            [100, 60, 1],
        ],
    )


def test_where_a_drawing_stands_on_the_paper_does_not_matter(tmp_path):
    moved = [[[x + 9 for x in xs], [y + 5 for y in ys]] for xs, ys in (SQUARE, LINE)]
    path = write(tmp_path / "a.ndjson", record(), record(moved, key_id="8"))
    first, second = drawings_of(path)
    np.testing.assert_array_equal(first.points, second.points)


def test_drawings_that_the_game_did_not_recognise_are_taken_too(tmp_path):
    path = write(tmp_path / "a.ndjson", record(recognized=False), record(key_id="8"))
    assert len(drawings_of(path)) == 2


def test_without_a_word_the_class_is_the_name_of_the_file(tmp_path):
    (drawing,) = drawings_of(write(tmp_path / "old boot.ndjson", record(word=None)))
    assert drawing.class_name == "old boot"


def test_about_a_tenth_is_test_and_new_drawings_move_no_other(tmp_path):
    few, more = (read(write(tmp_path / f"{n}.ndjson", *many(n)))[0] for n in (400, 800))
    assert 0.06 < len(few["test"]) / 400 < 0.14
    test = {drawing.points.tobytes() for drawing in more["test"]}
    train = {drawing.points.tobytes() for drawing in more["train"]}
    assert {drawing.points.tobytes() for drawing in few["test"]} <= test
    assert {drawing.points.tobytes() for drawing in few["train"]} <= train


def test_a_drawing_that_is_there_twice_is_in_one_split_alone(tmp_path):
    lines = [json.dumps({"drawing": [[[0, n], [5, 7]]]}) for n in range(1, 100)]
    drawings, _ = read(write(tmp_path / "a.ndjson", *lines, *lines))
    train, test = (
        {drawing.points.tobytes() for drawing in drawings[split]} for split in ("train", "test")
    )
    assert len(drawings["train"]) + len(drawings["test"]) == 198
    assert not train & test


def test_one_drawing_many_times_is_for_training(tmp_path):
    drawings, _ = read(write(tmp_path / "a.ndjson", *[record()] * 4))
    assert (len(drawings["train"]), len(drawings["test"])) == (4, 0)


def test_the_times_of_the_raw_form_are_ignored(tmp_path):
    timed = record([[[0, 10, 20], [0, 5, 20], [0, 17, 40]]])
    (drawing,) = drawings_of(write(tmp_path / "a.ndjson", timed))
    np.testing.assert_array_equal(drawing.points[1:], [[10, 5, 0], [10, 15, 1]])


BAD = {
    "{": "no JSON",
    "[" * 100_000: "no JSON",
    "[]": "no drawing",
    '"text"': "no drawing",
    record(None): "no drawing",
    record([]): "no stroke",
    record([[[], []]]): "an empty stroke, or one without as many x as y",
    record([[[1, 2], [1]]]): "a stroke that is no lists of numbers",
    record([7]): "a stroke that is no lists of numbers",
    record([{"x": 1}]): "a stroke that is no lists of numbers",
    record([[["a"], ["b"]]]): "a stroke that is no lists of numbers",
    record([[[1], [2], [3]]]): "fewer than two points",
    record([[[1, 1], [2, 2]]]): "all points in one place",
    record([[[1, float("nan")], [2, 2]]]): "positions that are NaN or infinite",
    record([[[1, 10**400], [2, 2]]]): "a stroke that is no lists of numbers",
    record([[[0, 1_000_000], [0, 0]]]): "a move of 1e+06; expected at most 10,000",
    record([[list(range(11)), [0] * 11]]): "11 points; expected at most 10",
}


@pytest.mark.parametrize("line", BAD, ids=lambda line: BAD[line] + f" ({line[:12]})")
def test_a_bad_line_is_left_out_and_named_with_its_number(tmp_path, line):
    path = write(tmp_path / "a.ndjson", record(), "", line, record(key_id="8"))
    drawings, skipped = read(path, most=10)
    assert len(drawings["train"]) + len(drawings["test"]) == 2
    (reason,) = skipped
    assert reason.startswith(f"a.ndjson, line 3: {BAD[line]}")


def test_a_line_that_is_too_long_is_left_out_without_being_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(quickdraw, "MOST_LINE_BYTES", 200)
    long = record([[list(range(100)), [0] * 100]])
    path = write(tmp_path / "a.ndjson", long, record(), long * 9, record(key_id="8"))
    drawings, skipped = read(path)
    assert len(drawings["train"]) + len(drawings["test"]) == 2
    assert skipped == [
        "a.ndjson, line 1: longer than 200 bytes",
        "a.ndjson, line 3: longer than 200 bytes",
    ]


def test_a_binary_file_is_refused_after_its_first_lines(tmp_path):
    (tmp_path / "a.ndjson").write_bytes(np.random.default_rng(0).bytes(100_000) + b"\n" * 1000)
    with pytest.raises(DataError, match=r"a.ndjson' holds no drawing of Quick, Draw!: line 1: no"):
        read(tmp_path / "a.ndjson")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.ndjson").touch()
    with pytest.raises(DataError, match=r"a.ndjson' holds no drawing of Quick, Draw!: it is empty"):
        read(tmp_path / "a.ndjson")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(values=st.lists(JSON, min_size=1, max_size=5), raw=st.binary(max_size=40))
def test_anything_in_a_line_gives_a_drawing_or_a_reason(tmp_path_factory, values, raw):
    path = tmp_path_factory.getbasetemp() / "fuzz.ndjson"
    lines = [record(value, word=value, key_id=value).encode() for value in values]
    path.write_bytes(b"\n".join([record().encode(), *lines, raw]))
    drawings, _ = read(path)
    assert all(np.isfinite(d.points).all() for d in drawings["train"] + drawings["test"])


@pytest.mark.skipif(REAL is None, reason="$ZOO_TEST_DATA names no folder of real data")
def test_a_real_category_is_read_whole(tmp_path):
    with tarfile.open(
        Path(REAL) / "quickdraw" / "quickdraw_simplified_25_per_category.tar.gz"
    ) as t:
        t.extract("data/cat.ndjson", tmp_path, filter="data")
    path = tmp_path / "data" / "cat.ndjson"
    drawings, skipped = read(path)
    assert skipped == []
    everything = drawings["train"] + drawings["test"]
    assert len(everything) == 25
    counts = sorted(
        sum(len(xs) for xs, _ in json.loads(line)["drawing"])
        for line in path.read_text().splitlines()
    )
    assert sorted(len(drawing.points) for drawing in everything) == counts
