import os
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from sketches import many, objects, record, sketch, svg, write_npz

from zoo.data import load
from zoo.data.dataset import Sequences
from zoo.data.forms import StrokesForm
from zoo.data.sketch_files import load_sketches
from zoo.data.strokes import (
    ArraySketches,
    Drawing,
    make_dataset,
    point_count,
    to_stroke_3,
    to_stroke_5,
)
from zoo.errors import DataError

REAL = os.environ.get("ZOO_TEST_DATA")


def everything(dataset):
    return dataset.read(np.arange(len(dataset)))


def npz(path, *, counts=(6, 2, 3), seed=0):
    """Write a `.npz` of short sketches, so many for each split."""
    splits = zip(("train", "valid", "test"), counts, strict=True)
    members = {
        name: objects([sketch(3 + n, seed=seed + 10 * n) for n in range(count)])
        for name, count in splits
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_npz(path, **members)


def drawing_svg(folder, name, corners=4):
    path = folder / f"{name}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = "".join(f"{'hv'[n % 2]}{10 + n}" for n in range(corners))
    path.write_bytes(svg(f'<path d="M{len(name)} 0{steps}"/>'))


# The two forms of a sketch.


def test_stroke_3_becomes_stroke_5_and_comes_back():
    points = np.array([[1, 2, 0], [3, -4, 1], [5, 6, 0], [7, 8, 1]], np.float32)
    sketch_5 = to_stroke_5(points, 6, scale_factor=2.0)
    np.testing.assert_array_equal(
        sketch_5,
        [
            [0.5, 1, 1, 0, 0],
            [1.5, -2, 0, 1, 0],
            [2.5, 3, 1, 0, 0],
            [3.5, 4, 0, 1, 0],
            [0, 0, 0, 0, 1],
            [0, 0, 0, 0, 1],
        ],
    )
    np.testing.assert_array_equal(to_stroke_3(sketch_5, 2.0), points)
    assert point_count(sketch_5) == 4
    assert point_count(sketch_5[:4]) == 4
    assert point_count(sketch_5[4:]) == 0


def test_each_sketch_is_filled_with_end_rows_up_to_one_length(tmp_path):
    data = load_sketches(str(npz(tmp_path / "a.npz")), split="train")
    assert isinstance(data, Sequences)
    sketches, labels = everything(data)
    assert labels is None
    assert sketches.dtype == np.float32
    assert sketches.shape == (6, 9, 5) == (len(data), data.spec.max_length, 5)
    np.testing.assert_array_equal(data.lengths, [4, 5, 6, 7, 8, 9])
    for row, length in zip(sketches, data.lengths, strict=True):
        np.testing.assert_array_equal(row[:, 2:].sum(axis=1), 1)
        np.testing.assert_array_equal(row[:, 4], np.arange(9) >= length - 1)
        np.testing.assert_array_equal(row[length - 1 :], [[0, 0, 0, 0, 1]] * (10 - length))
        assert row[length - 2, 3] == 1


def test_length_and_scale_are_the_same_for_every_split_and_the_scale_is_that_of_train(tmp_path):
    path = npz(tmp_path / "a.npz", counts=(4, 9, 2))
    specs = {split: load_sketches(str(path), split=split) for split in ("train", "validation")}
    assert specs["train"].spec == specs["validation"].spec
    assert specs["train"].spec.max_length == 12  # the longest is one of validation
    with np.load(path, allow_pickle=True) as arrays:
        moves = np.concatenate(list(arrays["train"]))[:, :2]
    assert specs["train"].spec.scale_factor == pytest.approx(moves.std(), rel=1e-5)
    read = everything(specs["train"])[0]
    assert read[read[..., 4] == 0][:, :2].std() == pytest.approx(1, abs=1e-5)


def test_the_fingerprint_is_that_of_the_content(tmp_path):
    same, again = npz(tmp_path / "a.npz"), npz(tmp_path / "b.npz")
    other = npz(tmp_path / "c.npz", seed=1)
    prints = [load_sketches(str(p), split="train").fingerprint for p in (same, again, other)]
    assert prints[0] == prints[1] != prints[2]


def test_sketches_without_any_difference_between_moves_cannot_be_scaled():
    drawing = Drawing(np.array([[3, 3, 0], [3, 3, 1]], np.float32))
    with pytest.raises(DataError, match="All moves of the sketches in 'a' are the same one"):
        make_dataset("a", "train", {"train": [drawing]}, [])


# Splits and classes.


def test_the_splits_of_an_npz_file_are_its_own(tmp_path):
    path = npz(tmp_path / "a.npz")
    data = load(str(path), split="validation", kind="strokes")
    assert isinstance(data, ArraySketches)
    assert data.splits == ("train", "validation", "test")
    assert [len(load(str(path), split=s, kind="strokes")) for s in data.splits] == [6, 2, 3]


def test_each_npz_file_of_a_folder_is_a_class(tmp_path):
    npz(tmp_path / "dog.npz", counts=(2, 1, 1), seed=5)
    npz(tmp_path / "cat.npz")
    data = load_sketches(str(tmp_path), split="train")
    assert data.spec.class_names == ("cat", "dog")
    np.testing.assert_array_equal(everything(data)[1], [0] * 6 + [1] * 2)
    assert everything(data)[1].dtype == np.int32
    (tmp_path / "dog.npz").unlink()
    assert load_sketches(str(tmp_path), split="train").spec.class_names == ()


def test_the_words_of_quick_draw_are_the_classes(tmp_path):
    (tmp_path / "a.ndjson").write_text("\n".join(many(40)))
    words = [record(word="tree", key_id=str(n), drawing=[[[0, n], [9, 1]]]) for n in range(1, 40)]
    (tmp_path / "b.ndjson").write_text("\n".join(words))
    data = load_sketches(str(tmp_path), split="train")
    assert data.spec.class_names == ("house", "tree")
    assert data.splits == ("train", "test")
    _, labels = everything(data)
    assert labels.min() == 0
    assert labels.max() == 1
    alone = load_sketches(str(tmp_path / "a.ndjson"), split="train")
    assert alone.spec.class_names == ()
    assert everything(alone)[1] is None


def test_folders_of_svg_are_classes_and_splits_as_those_of_images(tmp_path):
    for split in ("train", "test"):
        for number in range(3):
            drawing_svg(tmp_path / split / "short", f"{number}" * (1 + number))
            drawing_svg(tmp_path / split / "long", f"{number}", corners=9)
    drawing_svg(tmp_path / "other", "x")
    data = load_sketches(str(tmp_path), split="test")
    assert data.spec.class_names == ("long", "short")
    np.testing.assert_array_equal(everything(data)[1], [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(data.lengths, [11] * 3 + [6] * 3)
    assert data.skipped == ("other/x.svg: outside test/, train/",)


def test_a_folder_of_svg_without_splits_is_split_by_name(tmp_path):
    for number in range(60):
        drawing_svg(tmp_path, f"{number}")
    (tmp_path / "bad.svg").write_text("no")
    train, test = (load_sketches(str(tmp_path), split=split) for split in ("train", "test"))
    assert len(train) + len(test) == 60
    assert 1 <= len(test) <= 14
    (skipped,) = train.skipped
    assert skipped.startswith("bad.svg: no XML")


def test_svg_beside_class_folders_is_refused(tmp_path):
    drawing_svg(tmp_path / "short", "a")
    drawing_svg(tmp_path, "b")
    with pytest.raises(DataError, match=r"has 1 sketches beside its class folders \(short\)"):
        load_sketches(str(tmp_path), split="train")


# What cannot be used.


def test_longer_sketches_are_left_out_and_named(tmp_path):
    path = npz(tmp_path / "a.npz")
    data = load_sketches(str(path), split="train", form=StrokesForm(max_length=5))
    assert data.spec.max_length == 6
    assert data.skipped == tuple(
        f"a.npz/train.npy {n}: {n + 2} points; expected at most 5" for n in (4, 5, 6)
    )
    assert load(str(path), split="train", kind="strokes", max_length=5).spec == data.spec
    with pytest.raises(DataError, match=r"holds no sketch to train on\. Left out: a.npz/train.npy"):
        load_sketches(str(path), split="train", form=StrokesForm(max_length=2))


def test_an_absent_split_is_refused(tmp_path):
    (tmp_path / "a.ndjson").write_text("\n".join(many(40)))
    with pytest.raises(DataError, match=r"no split 'validation'\. It has: train, test"):
        load_sketches(str(tmp_path / "a.ndjson"), split="validation")


def test_a_folder_of_several_kinds_or_of_none_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no sketches\. Expected: files that all end in one"):
        load_sketches(str(tmp_path), split="train")
    npz(tmp_path / "a.npz")
    drawing_svg(tmp_path, "b")
    with pytest.raises(DataError, match=r"holds files of several kinds \(.npz, .svg\)"):
        load_sketches(str(tmp_path), split="train")


@pytest.mark.parametrize("name", ["a.svg", "a.txt", "a"])
def test_a_file_of_another_kind_is_refused(tmp_path, name):
    (tmp_path / name).write_text("<svg/>")
    with pytest.raises(DataError, match=r"is no file of sketches\. Expected: \.npz of Sketch-RNN"):
        load_sketches(str(tmp_path / name), split="train")


def test_a_changed_file_is_read_anew(tmp_path):
    path = npz(tmp_path / "a.npz")
    before = load_sketches(str(path), split="train")
    os.utime(npz(path, counts=(3, 1, 1)), ns=(0, 0))
    assert len(before) == 6
    assert len(load_sketches(str(path), split="train")) == 3


# Real files.


@pytest.mark.skipif(REAL is None, reason="$ZOO_TEST_DATA names no folder of real data")
def test_ten_thousand_kanji_are_read_in_a_moment():
    began = time.process_time()
    data = load_sketches(str(Path(REAL) / "sketch" / "short_kanji.npz"), split="train")
    assert time.process_time() - began < 5
    assert (len(data), data.spec.max_length, data.skipped) == (10_000, 89, ())


@pytest.mark.skipif(REAL is None, reason="$ZOO_TEST_DATA names no folder of real data")
def test_a_real_folder_of_categories_has_their_words_as_classes(tmp_path):
    with tarfile.open(
        Path(REAL) / "quickdraw" / "quickdraw_simplified_25_per_category.tar.gz"
    ) as t:
        for name in ("cat", "bus", "The Mona Lisa"):
            t.extract(f"data/{name}.ndjson", tmp_path, filter="data")
    data = load_sketches(str(tmp_path), split="train")
    assert data.spec.class_names == ("The Mona Lisa", "bus", "cat")
    assert len(data) + len(load_sketches(str(tmp_path), split="test")) == 75
