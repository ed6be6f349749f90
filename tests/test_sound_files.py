import os
import re
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile
from sounds import sounds_of_two_classes, tone, write_wav

from zoo.commands import run as zoo
from zoo.data import describe, load
from zoo.data.forms import SoundForm
from zoo.data.sound_files import load_sounds, read_sound
from zoo.data.summary import kind_of
from zoo.errors import DataError

REAL = os.environ.get("ZOO_TEST_DATA")


def everything(dataset):
    return dataset.read(np.arange(len(dataset)))


def whole(folder, **settings):
    """Return the clips of all splits of a folder."""
    splits = load_sounds(str(folder), split="train", **settings).splits
    parts = [everything(load_sounds(str(folder), split=s, **settings)) for s in splits]
    return np.concatenate([clips for clips, _ in parts])


@pytest.fixture
def folder(tmp_path):
    return sounds_of_two_classes(tmp_path / "set")


# Files.


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_pcm_of_every_width_is_read_to_its_last_bit(tmp_path, width):
    sound = tone(peak=1)
    read = read_sound(write_wav(tmp_path / "a.wav", sound, width=width), 8000)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, sound, atol=1.6 * 2.0 ** -(8 * width - 1) + 1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_samples_are_taken_as_they_are(tmp_path, dtype):
    sound = tone(peak=1).astype(dtype)
    wavfile.write(tmp_path / "a.wav", 8000, sound)
    np.testing.assert_array_equal(read_sound(tmp_path / "a.wav", 8000), sound.astype(np.float32))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("riff", [0, 836, 2**32 - 1])
@pytest.mark.parametrize("data", [0, None, 2**32 - 1])
def test_a_stream_is_read_whose_header_does_not_know_its_size(tmp_path, width, riff, data):
    path = write_wav(tmp_path / "a.wav", tone(), width=width)
    expected = read_sound(path, 8000)
    content = bytearray(path.read_bytes())
    known = riff == 836
    if known:
        riff = len(content) - 8
    content[4:8] = riff.to_bytes(4, "little")
    if data is not None:
        content[40:44] = data.to_bytes(4, "little")
    path.write_bytes(content)
    if known and data == 0:
        with pytest.raises(DataError, match="it has no samples"):
            read_sound(path, 8000)
        return
    np.testing.assert_array_equal(read_sound(path, 8000), expected)
    if data is None or known or width == 1:
        return
    path.write_bytes(content[:-1])  # ends within a sample, which is dropped
    np.testing.assert_array_equal(read_sound(path, 8000), expected[:-1])


def rf64(sound, promised):
    """Return a WAV file of the kind for large ones, whose header promises so many bytes."""
    samples = np.rint(sound * 32767).astype("<i2").tobytes()
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, 72 + len(samples), promised, len(sound), 0)
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16_000, 2, 16)
    header = b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + layout + b"data" + b"\xff" * 4
    return header + samples


def test_the_kind_of_file_for_large_sounds_is_read_and_cut_ones_are_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(rf64(tone(), 800))
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav", 8000), tone(), atol=1e-4)
    (tmp_path / "a.wav").write_bytes(rf64(tone(), 900))
    with pytest.raises(DataError, match="it is cut short: 800 of 900 bytes of samples"):
        read_sound(tmp_path / "a.wav", 8000)


def test_a_sound_of_another_rate_is_resampled_when_it_is_read(tmp_path):
    path = write_wav(tmp_path / "a.wav", tone(1600, rate=16_000), rate=16_000)
    read = read_sound(str(path), 8000)
    assert len(read) == 800
    np.testing.assert_allclose(read[80:-80], tone(800)[80:-80], atol=2e-3)


def text(path):
    path.write_text("hello")


def stereo(path):
    write_wav(path, np.stack([tone(), tone()], axis=1))


def empty_sound(path):
    write_wav(path, np.zeros(0))


def silence(path):
    write_wav(path, np.zeros(100))


def not_a_number(path):
    wavfile.write(path, 8000, np.array([0.1, np.nan, np.inf], np.float32))


def loud(path):
    wavfile.write(path, 8000, np.array([0.1, 1.5], np.float32))


def cut_in_header(path):
    path.write_bytes(write_wav(path, tone()).read_bytes()[:20])


def cut_in_data(path):
    path.write_bytes(write_wav(path, tone()).read_bytes()[:400])


def no_channels(path):
    content = bytearray(write_wav(path, tone()).read_bytes())
    content[22:24] = content[32:34] = b"\0\0"
    path.write_bytes(content)


def no_data(path):
    content = write_wav(path, tone()).read_bytes().replace(b"data", b"atad")
    path.write_bytes(content)


def fast(path):
    content = bytearray(write_wav(path, tone()).read_bytes())
    content[24:32] = (4_000_000).to_bytes(4, "little") + (8_000_000).to_bytes(4, "little")
    path.write_bytes(content)


def cut_behind_a_header_that_fits(path):
    content = bytearray(write_wav(path, tone()).read_bytes())
    content[40:44] = (1300).to_bytes(4, "little")
    path.write_bytes(content)


def cut_in_data_of_a_stream(path):
    content = bytearray(write_wav(path, tone()).read_bytes()[:400])
    content[4:8] = b"\0" * 4
    path.write_bytes(content)


BAD = {
    text: "it is not a WAV file",
    Path.touch: "it is empty",
    stereo: "2 channels; expected mono",
    empty_sound: "it has no samples",
    silence: "nothing but silence",
    not_a_number: "2 samples that are NaN or infinite",
    loud: "a peak of 1.5; expected at most 1",
    cut_in_header: "it is cut short: 20 of 844 bytes",
    cut_in_data: "it is cut short: 400 of 844 bytes",
    cut_behind_a_header_that_fits: "it is cut short: 800 of 1300 bytes of samples",
    cut_in_data_of_a_stream: "it is cut short: 356 of 800 bytes of samples",
    no_channels: "its header cannot be read",
    no_data: "its header cannot be read (it has no part 'data')",
    fast: "a sample rate of 4000000 Hz; expected 1000 to 768000",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_file_without_a_usable_sound_is_refused_with_the_reason(tmp_path, make):
    make(tmp_path / "bad.wav")
    with pytest.raises(DataError, match=f"'.*bad.wav' cannot be used: {re.escape(BAD[make])}"):
        read_sound(tmp_path / "bad.wav", 8000)


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_in_a_folder_such_a_file_is_skipped_and_named(folder, make):
    make(folder / "low" / "bad.wav")
    data = load_sounds(str(folder), split="train")
    (skipped,) = data.skipped
    assert skipped.startswith(f"low/bad.wav: {BAD[make]}")
    assert len(whole(folder)) == 12


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"'.*nowhere.wav' cannot be read: No such file"):
        read_sound(tmp_path / "nowhere.wav", 8000)


def test_random_bytes_in_a_header_give_a_sound_or_a_reason(tmp_path):
    content = write_wav(tmp_path / "a.wav", tone(50)).read_bytes()
    draw = np.random.default_rng(0)
    for _ in range(2000):
        changed = bytearray(content)
        changed[draw.integers(48)] = draw.integers(256)
        (tmp_path / "a.wav").write_bytes(changed)
        try:
            sound = read_sound(tmp_path / "a.wav", 8000)
        except DataError:
            continue
        assert np.abs(sound).max() <= 1


# Folders.


def test_every_sound_of_a_folder_is_there_once_with_its_class(folder):
    train, test = (load(str(folder), split=s, kind="waveform") for s in ("train", "test"))
    assert train.splits == ("train", "test")
    assert train.spec.class_names == ("high", "low")
    assert (train.spec.sample_rate_hz, train.spec.length) == (8000, 410)
    found = {}
    for part in (train, test):
        for clip, label in zip(*everything(part), strict=True):
            number = round(float(np.abs(clip).max()) / 0.05) - 1
            found[number] = label
            np.testing.assert_allclose(
                clip[: 300 + 10 * number],
                tone(300 + 10 * number, peak=0.05 * (number + 1)),
                atol=1e-4,
            )
            assert not clip[300 + 10 * number :].any()
    assert found == {number: 1 - number % 2 for number in range(12)}


def test_sounds_stay_whole_up_to_4_seconds_and_become_clips_of_1_beyond(tmp_path):
    write_wav(tmp_path / "set" / "a.wav", tone(4000, rate=1000), rate=1000)
    write_wav(tmp_path / "set" / "b.wav", tone(1500, rate=1000), rate=1000)
    assert whole(tmp_path / "set").shape == (2, 4000)
    write_wav(tmp_path / "set" / "a.wav", tone(4001, rate=1000), rate=1000)
    assert whole(tmp_path / "set").shape == (5 + 2, 1000)
    assert whole(tmp_path / "set", form=SoundForm(clip_seconds=0.5)).shape == (9 + 3, 500)


def test_the_clips_of_a_file_stay_in_one_split(folder):
    form = SoundForm(clip_seconds=0.01)
    train = load_sounds(str(folder), split="train", form=form)
    test = load_sounds(str(folder), split="test", form=form)
    whole_train = load_sounds(str(folder), split="train")
    lengths = [np.flatnonzero(clip)[-1] + 1 for clip in everything(whole_train)[0]]
    assert len(train) == sum(-(-length // 80) for length in lengths)
    assert len(test) > 0


@pytest.mark.parametrize("memory_bytes", [2**20, 0])
def test_sounds_beyond_memory_are_the_same_from_a_file(folder, memory_bytes):
    form = SoundForm(sample_rate_hz=4000, trim_silence=True)
    expected = load_sounds(str(folder), split="train", form=form)
    found = load_sounds(str(folder), split="train", form=form, memory_bytes=memory_bytes)
    np.testing.assert_array_equal(everything(found)[0], everything(expected)[0])
    assert found.fingerprint == expected.fingerprint
    assert found.spec == expected.spec


def test_files_of_several_rates_need_one_to_be_given(folder):
    write_wav(folder / "low" / "odd.wav", tone(rate=16_000), rate=16_000)
    rates = r"2 rates: 8000 Hz \(12, .*'\), 16000 Hz \(1, such as 'low/odd.wav'\).*--sample-rate"
    with pytest.raises(DataError, match=rates):
        load_sounds(str(folder), split="train")
    data = load_sounds(str(folder), split="train", form=SoundForm(sample_rate_hz=4000))
    assert (data.spec.sample_rate_hz, data.spec.length) == (4000, 205)


def test_silence_at_the_ends_is_trimmed_on_request(tmp_path):
    padded = np.concatenate([np.zeros(500), tone(400), np.zeros(300)])
    write_wav(tmp_path / "set" / "a.wav", padded)
    data = load_sounds(str(tmp_path / "set"), split="train", form=SoundForm(trim_silence=True))
    assert data.spec.length == 400
    np.testing.assert_allclose(everything(data)[0][0], tone(400), atol=1e-4)


def test_labels_come_from_the_names_of_files_where_there_are_no_folders(tmp_path):
    for number, name in enumerate(["7_ann_0", "7_ben_1", "3_ann_0", "3_ben_1"]):
        write_wav(tmp_path / "set" / f"{name}.wav", tone(peak=0.1 * (number + 1)))
    data = load_sounds(str(tmp_path / "set"), split="train")
    assert data.spec.class_names == ("3", "7")
    for clip, label in zip(*everything(data), strict=True):
        assert label == (np.abs(clip).max() < 0.25)  # the first two are sevens
    write_wav(tmp_path / "set" / "stray.wav", tone())
    assert load_sounds(str(tmp_path / "set"), split="train").spec.class_names == ()


def test_one_label_for_all_is_none(tmp_path):
    for number in range(3):
        write_wav(tmp_path / "set" / f"track_{number}.wav", tone())
    data = load_sounds(str(tmp_path / "set"), split="train")
    assert data.spec.class_names == ()
    assert everything(data)[1] is None


def test_folders_of_splits_hold_labels_in_file_names_too(tmp_path):
    for split in ("train", "test"):
        for label in ("no", "yes"):
            write_wav(tmp_path / "set" / split / f"{label}_{split}.WAV", tone())
    write_wav(tmp_path / "set" / "stray.wav", tone())
    data = load_sounds(str(tmp_path / "set"), split="test")
    assert (len(data), data.spec.class_names) == (2, ("no", "yes"))
    assert data.skipped == ("stray.wav: outside test/, train/",)


def test_sounds_beside_class_folders_are_an_error(folder):
    write_wav(folder / "stray.wav", tone())
    with pytest.raises(DataError, match=r"1 sounds beside its class folders \(high, low\)"):
        load_sounds(str(folder), split="train")


def test_a_folder_without_sounds_and_a_file_are_errors(tmp_path):
    with pytest.raises(DataError, match=r"holds no sounds \(\.wav, \.wave\)"):
        load_sounds(str(tmp_path), split="train")
    text(tmp_path / "a.wav")
    with pytest.raises(DataError, match=r"None of the 1 sound files .*a\.wav: it is not a WAV"):
        load_sounds(str(tmp_path), split="train")
    with pytest.raises(DataError, match=r"is a file. Expected: a folder of sounds"):
        load_sounds(str(tmp_path / "a.wav"), split="train")


def test_the_kind_of_a_path_is_what_its_files_are(folder, tmp_path):
    assert kind_of(str(folder)) == "waveform"
    assert kind_of(str(folder / "low" / "0.wav")) == "waveform"
    (folder / "cover.png").touch()
    assert kind_of(str(folder)) == "image"
    assert kind_of(str(tmp_path / "nowhere")) == "image"


def test_options_of_another_kind_are_refused(folder, capsys):
    with pytest.raises(DataError, match="holds waveform data; --image-size is for image and video"):
        load(str(folder), kind="waveform", image_size=8)
    with pytest.raises(DataError, match="'digits' holds image data; --sample-rate is for waveform"):
        load("digits", sample_rate_hz=8000)
    assert zoo(["data", "info", "digits", "--clip-seconds", "2"]) == 1
    assert "--clip-seconds is for waveform data" in capsys.readouterr().err


@pytest.mark.skipif(not REAL, reason="ZOO_TEST_DATA names no folder")
def test_spoken_digits_are_read_with_their_labels(tmp_path):
    with tarfile.open(Path(REAL) / "fsdd" / "free-spoken-digit-dataset.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    name = str(tmp_path / "recordings")
    facts = describe(name)
    assert facts["class_names"] == tuple("0123456789")
    assert facts["sample_rate_hz"] == 8000
    assert facts["skipped"] == []
    counts = [split["count"] for split in facts["splits"].values()]
    assert sum(counts) == 3000
    assert 200 < counts[1] < 400
    data = load(name, kind="waveform", split="test")
    clips, labels = data.read(np.arange(5))
    files = sorted(path.name for path in (tmp_path / "recordings").iterdir())
    for clip, label in zip(clips, labels, strict=True):
        length = np.flatnonzero(clip)[-1] + 1
        begun = [f for f in files if f.startswith(f"{label}_")]
        matches = [
            f
            for f in begun
            if np.array_equal(
                wavfile.read(tmp_path / "recordings" / f)[1][:length], clip[:length] * 2**15
            )
        ]
        assert matches
