import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sounds import tone
from tiny_tfds import write_sets

from zoo.data import describe, load
from zoo.data.summary import kind_of
from zoo.errors import DataError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A TFDS folder with small sets of sounds, made by this test."""
    return write_sets(tmp_path_factory.mktemp("tfds"), sets)


@pytest.fixture(autouse=True)
def data_dir(tiny, tmp_path, monkeypatch) -> Path:
    shutil.copytree(tiny, tmp_path / "data")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def sets(tfds):
    audio, label = tfds.features.Audio, tfds.features.ClassLabel(names=["no", "yes"])
    yield (
        "tiny_spoken",
        {"audio": audio(sample_rate=8000), "label": label},
        {"train": [*spoken(20), {"audio": np.zeros(9, np.int64), "label": 0}], "test": spoken(3)},
    )
    yield (
        "tiny_floats",
        {"audio": audio(shape=(50,), dtype=np.float32, sample_rate=16_000)},
        {"train": [{"audio": tone(50, peak=0.1 * k).astype(np.float32)} for k in range(1, 11)]},
    )
    yield (
        "tiny_stereo",
        {"audio": audio(shape=(None, 2), sample_rate=8000)},
        {"train": [{"audio": np.ones((9, 2), np.int64)}]},
    )
    yield ("tiny_rateless", {"audio": audio()}, {"train": [{"audio": np.ones(9, np.int64)}]})


def levels(number: int) -> np.ndarray:
    return np.rint(tone(100 + number, peak=0.04 * (number + 1)) * 2**15).astype(np.int64)


def spoken(count: int) -> list[dict]:
    return [{"audio": levels(k), "label": k % 2} for k in range(count)]


def everything(dataset):
    return dataset.read(np.arange(len(dataset)))


def test_sounds_labels_and_rate_are_those_of_the_set():
    data = load("tiny_spoken", kind="waveform")
    assert data.spec.sample_rate_hz == 8000
    assert data.spec.length == 119
    assert data.spec.class_names == ("no", "yes")
    assert [reason.partition(": ")[2] for reason in data.skipped] == ["nothing but silence"]
    clips, labels = everything(data)
    found = {
        tuple(np.rint(clip * 2**15).astype(int)): int(label)
        for clip, label in zip(clips, labels, strict=True)
    }
    padded = [tuple(np.pad(levels(k), (0, 119 - len(levels(k))))) for k in range(20)]
    assert found == {sound: number % 2 for number, sound in enumerate(padded)}
    test = load("tiny_spoken", split="test", kind="waveform")
    assert (len(test), test.spec.length) == (3, 119)


def test_the_second_load_needs_neither_tfds_nor_tensorflow():
    first = load("tiny_spoken", kind="waveform")
    code = (
        "import sys; sys.modules |= {'tensorflow': None, 'tensorflow_datasets': None}\n"
        "from zoo.data import load; from zoo.data.summary import kind_of\n"
        "print(kind_of('tiny_spoken'), load('tiny_spoken', kind='waveform').fingerprint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["waveform", first.fingerprint]


def test_every_form_has_decoded_sounds_of_its_own(data_dir):
    form = {"sample_rate_hz": 4000, "clip_seconds": 0.01, "trim_silence": True}
    data = load("tiny_spoken", kind="waveform", **form)
    assert (data.spec.sample_rate_hz, data.spec.length) == (4000, 40)
    assert load("tiny_spoken", kind="waveform").spec.sample_rate_hz == 8000
    names = {path.name for path in (data_dir / "zoo-cache" / "tiny_spoken").iterdir()}
    assert names == {"train-sounds-4000hz-trimmed", "train-sounds-native"}


def test_floats_are_taken_as_they_are_and_a_test_split_is_cut_off():
    parts = [load("tiny_floats", kind="waveform", split=split) for split in ("train", "test")]
    assert [len(part) for part in parts] == [9, 1]
    clips = np.concatenate([everything(part)[0] for part in parts])
    peaks = np.sort(np.abs(clips).max(axis=1)) / np.abs(tone(50, peak=1)).max()
    np.testing.assert_allclose(peaks, np.arange(1, 11) / 10, rtol=1e-5)


@pytest.mark.parametrize("damage", ["samples.f32", "ends.npy", "labels.npy", "about.json"])
def test_damaged_decoded_sounds_are_made_anew(data_dir, damage):
    fingerprint = load("tiny_spoken", kind="waveform").fingerprint
    path = data_dir / "zoo-cache" / "tiny_spoken" / "train-sounds-native" / damage
    path.write_bytes(path.read_bytes()[:16])
    assert load("tiny_spoken", kind="waveform").fingerprint == fingerprint
    assert path.stat().st_size > 16


def test_stereo_and_a_missing_rate_are_errors_that_leave_nothing_behind(data_dir):
    with pytest.raises(DataError, match=r"None of the 1 sounds of 'tiny_stereo' .*mono"):
        load("tiny_stereo", kind="waveform")
    assert not list((data_dir / "zoo-cache" / "tiny_stereo").iterdir())
    with pytest.raises(DataError, match="does not say the sample rate of 'tiny_rateless'"):
        load("tiny_rateless", kind="waveform")


def test_sounds_are_no_images_and_are_described_as_what_they_are():
    with pytest.raises(DataError, match="'tiny_spoken' has no feature 'image'"):
        load("tiny_spoken")
    assert kind_of("tiny_spoken") == "waveform"
    facts = describe("tfds:tiny_spoken", clip_seconds=0.005)
    assert (facts["kind"], facts["length"]) == ("waveform", 40)
    assert facts["splits"]["test"]["count"] == 9
