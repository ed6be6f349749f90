import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_tfds import write_sets

from zoo.data.forms import TextForm
from zoo.data.summary import kind_of
from zoo.data.tfds_texts import load_tfds_texts
from zoo.data.vocabulary import text_of
from zoo.errors import DataError

PLAY = "First:\nSpeak, speak.\n\nSecond:\nSpeak \u00e9.\n"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A TFDS folder with small sets of text, made by this test."""
    return write_sets(tmp_path_factory.mktemp("tfds"), sets)


@pytest.fixture(autouse=True)
def data_dir(tiny, tmp_path, monkeypatch) -> Path:
    shutil.copytree(tiny, tmp_path / "data")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def sets(tfds):
    text, label = tfds.features.Text(), tfds.features.ClassLabel(names=["no", "yes"])
    yield (
        "tiny_reviews",
        {"text": text, "title": text, "label": label},
        {"train": [{"text": f"good {k}", "title": "t", "label": 1} for k in range(20)]},
    )
    yield (
        "tiny_play",
        {"script": text},
        {"train": [{"script": PLAY}], "test": [{"script": "Speak.\n"}, {"script": b"\xff"}]},
    )
    yield ("tiny_pair", {"a": text, "b": text}, {"train": [{"a": "x", "b": "y"}] * 2})
    yield ("tiny_numbers", {"label": label}, {"train": [{"label": 1}] * 2})
    image = tfds.features.Image(shape=(2, 2, 1))
    yield (
        "tiny_captions",
        {"image": image, "text": text},
        {"train": [{"image": np.ones((2, 2, 1), np.uint8), "text": "x"}] * 2},
    )


def read(name, split="train", **form):
    data = load_tfds_texts(name, split=split, form=TextForm(**form))
    tokens, _ = data.read(np.arange(len(data)))
    return [text_of(row, data.spec.vocabulary) for row in tokens]


def test_the_feature_text_is_read_and_a_test_split_is_cut_off():
    train, test = read("tiny_reviews", tokens="character"), read("tiny_reviews", "test")
    assert (len(train), len(test)) == (18, 2)
    assert len(set(train)) == 18
    assert test == ["good <unknown>"] * 2


def test_a_whole_play_in_one_text_is_cut_into_lines_or_paragraphs():
    assert read("tiny_play") == ["First:", "Speak, speak.", "Second:", "Speak é."]
    assert read("tfds:tiny_play", passages="paragraph") == [
        "First:\nSpeak, speak.",
        "Second:\nSpeak é.",
    ]
    assert sorted(read("tiny_play", "test")) == ["<unknown>", "Speak."]  # a byte that is no UTF-8


def test_the_second_load_needs_neither_tfds_nor_tensorflow(data_dir):
    first = load_tfds_texts("tiny_play", split="train").fingerprint
    code = (
        "import sys; sys.modules |= {'tensorflow': None, 'tensorflow_datasets': None}\n"
        "from zoo.data.tfds_texts import load_tfds_texts; from zoo.data.summary import kind_of\n"
        "print(kind_of('tiny_play'), load_tfds_texts('tiny_play', split='train').fingerprint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["tokens", first]
    copy = data_dir / "zoo-cache" / "tiny_play" / "texts" / "train.jsonl"
    copy.write_bytes(copy.read_bytes()[:9])  # damaged: made anew
    assert load_tfds_texts("tiny_play", split="train").fingerprint == first
    assert copy.stat().st_size > 9


def test_one_of_several_texts_is_named_after_the_set():
    with pytest.raises(DataError, match=r"no text called 'text'.*'tfds:tiny_pair#a'.* texts: a, b"):
        read("tiny_pair")
    assert read("tfds:tiny_pair#b") == ["y", "y"]
    assert read("tiny_pair#a") == ["x", "x"]
    with pytest.raises(DataError, match="no text called 'c'"):
        read("tiny_pair#c")


def test_kinds_are_known_before_and_after_reading():
    assert [kind_of(f"tiny_{name}") for name in ("reviews", "captions", "numbers")] == [
        *("tokens", "captioned", "image")
    ]
    read("tiny_reviews")
    assert kind_of("tfds:tiny_reviews") == "tokens"


def test_sets_of_other_kinds_are_refused(data_dir):
    with pytest.raises(DataError, match=r"'tiny_numbers' has no feature of text\. Its .*: label"):
        read("tiny_numbers")
    with pytest.raises(DataError, match="'tiny_captions' holds images"):
        read("tiny_captions")
    with pytest.raises(DataError, match="TensorFlow Datasets has no set 'tiny_playy'"):
        read("tiny_playy")
    with pytest.raises(DataError, match="no split 'validation'"):
        read("tiny_play", "validation")
