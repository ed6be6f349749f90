"""Whether samples are of the class that they were asked for, in the eyes of a classifier."""

import dataclasses
import math
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from sounds import tone

from zoo.data import load
from zoo.data.arrays import ArrayImages
from zoo.data.dataset import VideoSpec
from zoo.data.waveforms import ArrayWaveforms
from zoo.errors import DataError, NonFiniteError
from zoo.metrics import MetricError, Settings
from zoo.metrics.evaluation import choose_metrics
from zoo.metrics.recognition import (
    BANDS,
    PARTS,
    measure_recognition,
    mel_filters,
    sound_recogniser,
    spectrogram_features,
)

REAL = os.environ.get("ZOO_TEST_DATA")
RATE, LENGTH = 8000, 800
PITCHES = (300, 700, 1500)  # Hz of each class
NAMES = ("low", "middle", "high")


def tones_of(labels, seed, length=LENGTH):
    """Return noisy tones (N, T) of any loudness, begun at any time; the label is the pitch."""
    random = np.random.default_rng(seed)
    sounds = []
    for label in labels:
        sound = random.uniform(0.1, 0.8) * tone(2 * length, hz=PITCHES[label], peak=1)
        begin = random.integers(length)
        sounds.append(sound[begin : begin + length] + random.normal(0, 0.02, length))
    return np.array(sounds, np.float32)


def sounds_as_data(sounds, labels, split, names=NAMES, length=LENGTH):
    return ArrayWaveforms(
        name="folder/of/my tones",
        split=split,
        splits=("train", "test"),
        samples=sounds.ravel(),
        ends=np.arange(1, len(sounds) + 1) * sounds.shape[1],
        sample_rate_hz=RATE,
        length=length,
        labels=None if labels is None else np.asarray(labels, np.int32),
        class_names=names,
    )


def tones(split, count=60, **changes):
    labels = np.arange(count) % 3
    return sounds_as_data(tones_of(labels, split == "train"), labels, split, **changes)


TRAIN, TEST = tones("train"), tones("test")


def settings(**changes):
    return dataclasses.replace(Settings(load_seen=lambda: TRAIN, samples=60), **changes)


class Tones:
    """Makes what it is asked for."""

    config = None
    conditions = ("class",)

    def __init__(self):
        self.asked = []

    def sample(self, count, *, seed=0, labels=None):
        self.asked.append((seed, tuple(labels)))
        return tones_of(labels, seed)


class Noise(Tones):
    def sample(self, count, *, seed=0, labels=None):
        return np.random.default_rng(seed).uniform(-1, 1, (count, LENGTH)).astype(np.float32)


class Swaps(Tones):
    """Takes the lowest class for the highest one, and that for the lowest."""

    def sample(self, count, *, seed=0, labels=None):
        return tones_of(2 - np.asarray(labels), seed)


def test_sounds_of_the_class_asked_for_are_recognised_as_often_as_real_ones():
    figures = measure_recognition(Tones(), TEST, settings())
    assert list(figures) == [
        "recognition/spectrogram-my-tones",
        "recognition_real/spectrogram-my-tones",
    ]
    made, real = figures.values()
    assert made.value == real.value == 1
    assert made.count == real.count == 60


def test_noise_is_recognised_at_chance():
    made, real = measure_recognition(Noise(), TEST, settings(samples=90)).values()
    # All noise sounds alike, so that it is taken for one or two of the three classes.
    assert made.value == pytest.approx(1 / 3, abs=4 * math.sqrt(2 / 9 / 90))
    assert made.standard_error == pytest.approx(
        math.sqrt(made.value * (1 - made.value) / 89), rel=1e-6
    )
    assert real.value == 1


def test_sounds_of_another_class_than_asked_for_are_not_counted():
    made, _ = measure_recognition(Swaps(), TEST, settings()).values()
    assert made.value == pytest.approx(1 / 3)


def test_classes_are_asked_for_equally_often_and_in_batches_of_their_own_seeds(monkeypatch):
    monkeypatch.setattr("zoo.metrics.recognition.SAMPLES_PER_CALL", 8)
    model = Tones()
    measure_recognition(model, TEST, settings(samples=20))
    asked = [label for _, labels in model.asked for label in labels]
    assert np.bincount(asked).tolist() == [6, 6, 6]
    assert len({seed for seed, _ in model.asked}) == len(model.asked) == 3


def test_the_seed_decides_the_figures():
    one, again = (measure_recognition(Noise(), TEST, settings(seed=4)) for _ in range(2))
    assert one == again


def test_there_are_500_samples_where_nothing_else_is_asked_or_one_of_each_class(monkeypatch):
    made, _ = measure_recognition(Noise(), TEST, settings(samples=None)).values()
    assert made.count == 498
    monkeypatch.setattr("zoo.metrics.recognition.SAMPLES", 2)
    made, _ = measure_recognition(Noise(), TEST, settings(samples=None)).values()
    assert made.count == 3


def test_the_features_say_which_band_sounds_when_and_not_how_loud():
    silence = np.zeros(4000)
    sound = np.concatenate([silence, tone(4000, hz=1000, rate=RATE)])
    loud, soft = spectrogram_features(np.stack([sound, 0.1 * sound]), RATE)
    np.testing.assert_allclose(loud, soft, atol=1e-9)
    energies = loud.reshape(PARTS, BANDS)
    assert np.ptp(energies[: PARTS // 2 - 1]) == 0
    # Centres are evenly spaced in mel: 1000 Hz are 1000 mel, 4000 Hz are 2146.
    expected = round(1000 / (2146 / (BANDS + 1))) - 1
    assert set(energies[PARTS // 2 + 1 :].argmax(axis=1)) == {expected}


@pytest.mark.parametrize("rate", [1000, 8000, 48_000])
def test_every_band_sees_a_frequency_and_short_sounds_have_features(rate):
    filters = mel_filters(max(16, 2 * round(0.016 * rate)), rate)
    assert filters.shape[1] == BANDS
    assert filters.max(axis=0).min() > 0
    for length in (1, 30, 5000):
        features = spectrogram_features(np.random.default_rng(0).normal(size=(2, length)), rate)
        assert np.isfinite(features).all()
        assert features.shape[1] <= BANDS * PARTS


def images(split, labels=True, count=120):
    """Return black and white images of 8x8 pixels; the class is which half is white."""
    sides = np.arange(count) % 2
    return ArrayImages(
        name="halves",
        split=split,
        splits=("train", "test"),
        pixels=(halves(sides, split == "train") * 255).astype(np.uint8),
        labels=sides.astype(np.int32) if labels else None,
        class_names=("left", "right") if labels else (),
    )


def halves(sides, seed):
    images = np.random.default_rng(seed).uniform(0, 0.3, (len(sides), 8, 8, 1)).astype(np.float32)
    for image, side in zip(images, sides, strict=True):
        image[:, 4 * side : 4 * side + 4] += 0.7
    return images


def test_images_are_seen_by_the_classifier_that_distances_use(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path))

    class Halves(Tones):
        def sample(self, count, *, seed=0, labels=None):
            return halves(labels, seed)

    asked = settings(load_seen=lambda: images("train"), samples=40)
    figures = measure_recognition(Halves(), images("test"), asked)
    assert set(figures) == {"recognition/classifier-halves", "recognition_real/classifier-halves"}
    assert all(figure.value > 0.95 for figure in figures.values())
    assert list((tmp_path / "features").glob("classifier-*"))


def test_a_model_without_a_class_condition_is_told_so():
    class Deaf(Tones):
        conditions = ()

    with pytest.raises(MetricError, match=r"Deaf is not class-conditional\. Expected"):
        measure_recognition(Deaf(), TEST, settings())


def test_it_is_measured_when_asked_for_alone():
    assert choose_metrics(Tones(), ("recognition",), "tones", "waveform") == ["recognition"]
    with pytest.raises(MetricError, match="No metric suits 'tones' unasked"):
        choose_metrics(Tones(), (), "tones", "waveform")


def test_data_without_classes_to_tell_apart_are_named():
    unlabelled = sounds_as_data(tones_of([0, 1], 0), None, "train", names=())
    with pytest.raises(DataError, match=r"'folder/of/my tones' has no labels, and recognition"):
        measure_recognition(Tones(), TEST, settings(load_seen=lambda: unlabelled))
    single = sounds_as_data(tones_of([0, 0], 0), [0, 0], "train", names=("low",))
    with pytest.raises(DataError, match=r"has one class, and recognition is of classes"):
        measure_recognition(Tones(), TEST, settings(load_seen=lambda: single))
    of_one = sounds_as_data(tones_of([1] * 4, 0), [1] * 4, "train")
    with pytest.raises(DataError, match=r"4 training examples of .* are of one class"):
        measure_recognition(Tones(), TEST, settings(load_seen=lambda: of_one))


def test_data_unlike_those_of_the_training_are_named():
    other = tones("test", names=("do", "re", "mi"))
    with pytest.raises(DataError, match=r"is not like .*'do', 're', 'mi'.*Expected: .*'low'"):
        measure_recognition(Tones(), other, settings())
    with pytest.raises(DataError, match=r"is not like .*length=400.*Expected: .*length=800"):
        measure_recognition(Tones(), tones("test", length=400), settings())


def test_the_classifier_is_not_judged_on_what_it_learnt():
    with pytest.raises(MetricError, match=r"judged on another.*Received: 'train'"):
        measure_recognition(Tones(), TRAIN, settings())


def test_broken_samples_are_not_recognised():
    class Shorter(Tones):
        def sample(self, count, *, seed=0, labels=None):
            return tones_of(labels, seed, length=400)

    class Diverged(Tones):
        def sample(self, count, *, seed=0, labels=None):
            return np.full((count, LENGTH), np.nan, np.float32)

    with pytest.raises(DataError, match=r"shape \(60, 400\); the data are \(60, 800\)"):
        measure_recognition(Shorter(), TEST, settings())
    with pytest.raises(NonFiniteError, match="values that are NaN or infinite"):
        measure_recognition(Diverged(), TEST, settings())


def test_fewer_samples_than_classes_are_too_few():
    with pytest.raises(MetricError, match=r"each of the 3 classes\. Received: 2 samples"):
        measure_recognition(Tones(), TEST, settings(samples=2))


def test_only_images_and_sounds_are_recognised():
    class Films:
        name, split, splits = "films", "test", ("train", "test")
        spec = VideoSpec(video_shape=(2, 8, 8, 1))

    with pytest.raises(MetricError, match=r"of images and of sounds\. Received: 'films'"):
        measure_recognition(Tones(), Films(), settings(load_seen=Films))


@pytest.mark.skipif(not REAL, reason="ZOO_TEST_DATA names no folder")
def test_spoken_digits_are_told_apart(tmp_path):
    with tarfile.open(Path(REAL) / "fsdd" / "free-spoken-digit-dataset.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    for split in ("train", "test"):
        (tmp_path / "some" / split).mkdir(parents=True)
    for path in (tmp_path / "recordings").glob("*.wav"):
        number = int(path.stem.rpartition("_")[2])  # of the recordings of a digit by a speaker
        if number < 20:
            path.rename(tmp_path / "some" / ("test" if number < 5 else "train") / path.name)
    form = {"clip_seconds": 1.0, "trim_silence": True}
    train, test = (
        load(str(tmp_path / "some"), kind="waveform", split=split, **form)
        for split in ("train", "test")
    )
    assert len(train) >= 900
    sounds, labels = test.read(np.arange(len(test)))
    accuracy = np.mean(sound_recogniser(train, Settings()).classify(sounds) == labels)
    assert accuracy > 0.95
