import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_tfds import write_sets

from zoo.data import load
from zoo.data.summary import kind_of
from zoo.data.tfds_captions import load_tfds_captioned
from zoo.errors import DataError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A TFDS folder with small sets of images and what is said of them."""
    return write_sets(tmp_path_factory.mktemp("tfds-captions"), sets)


@pytest.fixture(autouse=True)
def data_dir(tiny, tmp_path, monkeypatch) -> Path:
    shutil.copytree(tiny, tmp_path / "data")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def sets(tfds):
    text, image = tfds.features.Text(), tfds.features.Image(shape=(4, 4, 3))
    label = tfds.features.ClassLabel(names=["bird_of_paradise", "Rose"])
    yield (
        "tiny_coco",  # as `coco_captions` is
        {
            "image": image,
            "image/filename": text,
            "captions": tfds.features.Sequence({"id": np.int64, "text": text}),
        },
        {
            "train": [
                {
                    "image": grey(level),
                    "image/filename": f"{level}.jpg",
                    "captions": [
                        {"id": 2 * level + k, "text": f"Level {word} {level}"}
                        for k, word in enumerate(["of", "about"][: 1 + level % 2])
                    ],
                }
                for level in range(20)
            ],
            "test": [{"image": grey(7), "image/filename": "t.jpg", "captions": []}] * 2
            + [
                {
                    "image": grey(3),
                    "image/filename": "u.jpg",
                    "captions": [{"id": 0, "text": b"level \xff"}],
                }
            ],
        },
    )
    yield (
        "tiny_flowers",
        {"image": image, "label": label, "file_name": text},
        {
            "train": [{"image": grey(k), "label": k % 2, "file_name": f"{k}"} for k in range(4)],
            "test": [{"image": grey(9), "label": 1, "file_name": "t"}],
        },
    )
    yield (
        "tiny_told",
        {"image": image, "caption": tfds.features.Sequence(text), "title": text},
        {"train": [{"image": grey(k), "caption": ["a", "b"], "title": "t"} for k in range(2)]},
    )
    yield "tiny_bare", {"image": image}, {"train": [{"image": grey(0)}] * 2}
    yield "tiny_files", {"image": image, "name": text}, {"train": [{"image": grey(0), "name": "x"}]}
    yield "tiny_words", {"text": text}, {"train": [{"text": "word"}] * 2}


def grey(level: int) -> np.ndarray:
    return np.full((4, 4, 3), level, np.uint8)


def texts(name: str, split: str = "train") -> list[tuple[str, ...]]:
    data = load_tfds_captioned(name, split=split)
    return [data.texts(index) for index in range(len(data))]


def test_every_image_keeps_its_own_captions():
    data = load("tiny_coco", kind="captioned")
    examples, labels = data.read(np.arange(20))
    levels = np.rint(examples["image"][:, 0, 0, 0] * 255).astype(int)
    assert sorted(levels) == list(range(20))
    for index, level in enumerate(levels):
        assert data.texts(index) == tuple(
            f"level {word} {level}" for word in ["of", "about"][: 1 + level % 2]
        )
    assert labels is None
    assert data.splits == ("train", "test")


def test_images_without_captions_are_left_out_and_counted():
    data = load("tiny_coco", kind="captioned", split="test")
    assert (len(data), data.texts(0)) == (1, ("level \ufffd",))
    assert data.skipped == ("tiny_coco, test: 2 images have no usable caption",)


def test_where_there_are_labels_alone_their_names_are_the_captions():
    data = load("tiny_flowers", kind="captioned")
    _, labels = data.read(np.arange(4))
    names = ("bird of paradise", "rose")
    assert [data.texts(index) for index in range(4)] == [(names[label],) for label in labels]
    assert data.attributes["class"].names == ("bird_of_paradise", "Rose")
    assert data.attributes["class"].values.tolist() == labels.tolist()
    assert texts("tiny_flowers", "test") == [("rose",)]


def test_another_text_is_named_after_the_set():
    assert set(texts("tiny_told")) == {("a", "b")}
    assert texts("tiny_told#title") == [("t",)] * 2
    assert set(texts("tfds:tiny_flowers#file_name")) == {("0",), ("1",), ("2",), ("3",)}
    with pytest.raises(DataError, match=r"no captions called 'titel'.*texts: caption, title"):
        texts("tiny_told#titel")
    with pytest.raises(DataError, match=r"no captions called 'captions'.*tfds:tiny_files#name"):
        texts("tiny_files")
    with pytest.raises(DataError, match="no captions, and no labels with names"):
        texts("tiny_bare")
    with pytest.raises(DataError, match="has no feature 'image'"):
        texts("tiny_words")
    with pytest.raises(DataError, match="no split 'validation'"):
        texts("tiny_told", "validation")


def test_kinds_are_known_before_and_after_reading():
    names = ("coco", "told", "flowers", "bare", "files")
    kinds = ["captioned", "captioned", "image", "image", "image"]
    assert [kind_of(f"tiny_{name}") for name in names] == kinds
    for name in names[:3]:
        texts(f"tiny_{name}")
    assert [kind_of(f"tiny_{name}") for name in names[:3]] == kinds[:3]


def test_the_second_load_needs_neither_tfds_nor_tensorflow(data_dir):
    first = load_tfds_captioned("tiny_coco", split="train").fingerprint
    code = (
        "import sys; sys.modules |= {'tensorflow': None, 'tensorflow_datasets': None}\n"
        "from zoo.data.tfds_captions import load_tfds_captioned as load\n"
        "from zoo.data.summary import kind_of\n"
        "print(kind_of('tiny_coco'), load('tiny_coco', split='train').fingerprint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["captioned", first]
    copy = data_dir / "zoo-cache" / "tiny_coco" / "captions" / "train.jsonl"
    copy.write_bytes(copy.read_bytes()[:9])  # damaged: made anew
    assert load_tfds_captioned("tiny_coco", split="train").fingerprint == first
