import json

import numpy as np
import pytest
from murmur import Murmur
from scipy.io import wavfile
from small_runs import install_model
from sounds import sounds_of_two_classes, tone, write_wav

from zoo.commands import run as zoo
from zoo.data import Dataset
from zoo.data.forms import SoundForm
from zoo.data.waveforms import ArrayWaveforms, resample, trim
from zoo.errors import ConfigError, DataError, RunError
from zoo.planning import Asked, load_dataset, plan, plan_resume
from zoo.runs import Run


def everything(dataset):
    return dataset.read(np.arange(len(dataset)))


@pytest.fixture
def folder(tmp_path):
    return sounds_of_two_classes(tmp_path / "set")


def test_long_sounds_become_clips_in_order_and_the_last_ends_in_silence():
    first, second = np.arange(1, 8, dtype=np.float32) / 10, np.full(2, -0.5, np.float32)
    data = ArrayWaveforms(
        name="x",
        split="train",
        splits=("train",),
        samples=np.concatenate([first, second]),
        ends=np.array([7, 9]),
        sample_rate_hz=8000,
        length=3,
        labels=np.array([4, 5], np.int32),
    )
    assert isinstance(data, Dataset)
    clips, labels = everything(data)
    expected = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0, 0], [-0.5, -0.5, 0]]
    np.testing.assert_array_equal(clips, np.array(expected, np.float32))
    np.testing.assert_array_equal(labels, [4, 4, 4, 5])
    np.testing.assert_array_equal(data.read(np.array([3, 1]))[0], clips[[3, 1]])


def test_the_fingerprint_follows_content_labels_rate_and_length():
    def print_of(**changes):
        settings = {
            "samples": np.zeros(4, np.float32),
            "ends": np.array([2, 4]),
            "labels": np.array([0, 1], np.int32),
            "sample_rate_hz": 8000,
            "length": 2,
        }
        about = {"name": "x", "split": "train", "splits": ("train",)}
        return ArrayWaveforms(**about, **settings | changes).fingerprint

    others = [
        {"samples": np.ones(4, np.float32)},
        {"ends": np.array([1, 4])},
        {"labels": np.array([1, 1], np.int32)},
        {"sample_rate_hz": 4000},
        {"length": 3},
    ]
    assert print_of() == print_of()
    assert len({print_of(), *(print_of(**other) for other in others)}) == 6


def test_trimming_cuts_what_is_40_decibels_below_the_peak_from_the_ends_alone():
    sound = np.array([0.0, 0.0049, 0.0051, 0, -0.5, 0, 0.004, 0.006, 0.001], np.float32)
    np.testing.assert_array_equal(trim(sound), sound[2:8])


@pytest.mark.parametrize(("rate", "hz"), [(16_000, 300), (4_000, 300), (44_100, 440)])
def test_a_resampled_tone_keeps_its_pitch_and_its_length_in_seconds(rate, hz):
    heard = resample(tone(8000, hz=hz).astype(np.float32), 8000, rate)
    assert heard.dtype == np.float32
    assert len(heard) == rate
    expected = tone(rate, hz=hz, rate=rate)
    middle = slice(rate // 10, -rate // 10)  # the ends ring
    np.testing.assert_allclose(heard[middle], expected[middle], atol=2e-3)


def test_resampling_downwards_lets_nothing_fold_back():
    heard = resample(tone(8000, hz=3000).astype(np.float32), 8000, 4000)
    assert np.abs(heard[400:-400]).max() < 0.01


def test_resampling_stays_within_full_scale():
    square = np.sign(tone(4000, peak=1)).astype(np.float32)
    assert np.abs(resample(square, 8000, 16_000)).max() == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_rate_hz": 10}, r"between 1,000 and 768,000\. Received: 10"),
        ({"clip_seconds": 0.0}, r"longer than 0 s and at most 600 s long\. Received: 0"),
        ({"clip_seconds": float("nan")}, r"Received: nan"),
        ({"clip_seconds": 1e9}, r"Received: 1e\+09"),
    ],
)
def test_an_impossible_form_is_refused(settings, message):
    with pytest.raises(DataError, match=message):
        SoundForm(**settings)


# The whole path.


@pytest.fixture
def murmur(tmp_path, monkeypatch):
    """Install the model `murmur`, of sounds."""
    install_model(tmp_path / "site", "genzoo-murmur", "murmur", "murmur:CARD")
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.mark.usefixtures("murmur")
def test_a_model_of_sounds_is_trained_sampled_and_reported(folder, tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["--data", str(folder), "--sample-rate", "4000", "--clip-seconds", "0.1"]
    assert zoo(["train", "murmur", *arguments, "--trim-silence", "--out", str(out)]) == 0
    assert (out / "samples" / "epoch-0001.png").exists()
    assert len(list((out / "samples" / "epoch-0001-wav").glob("*.wav"))) == 8
    request = json.loads((out / "run.json").read_text())
    assert request["form"] == {"sample_rate_hz": 4000, "clip_seconds": 0.1, "trim_silence": True}
    assert request["config"] == {"sample_rate_hz": 4000, "length": 400}
    report = (out / "report.html").read_text()
    assert "--sample-rate 4000 --clip-seconds 0.1" in report
    assert "--trim-silence" in report
    assert "Form of the data" in report
    assert report.count("<audio ") == 8
    assert 'src="samples/epoch-0001-wav/0008.wav"' in report
    capsys.readouterr()
    assert zoo(["sample", str(out), "-n", "3"]) == 0
    assert capsys.readouterr().out == f"Samples: {out / 'samples.png'}, {out / 'samples-wav'}\n"
    rate, heard = wavfile.read(out / "samples-wav" / "0003.wav")
    assert (rate, heard.shape) == (4000, (400,))
    assert zoo(["sample", str(out), "-n", "1", "--out", str(tmp_path / "one")]) == 0
    assert (tmp_path / "one.wav").exists()


@pytest.mark.usefixtures("murmur")
def test_a_sample_needs_no_data(folder, tmp_path):
    out = tmp_path / "run"
    assert zoo(["train", "murmur", "--data", str(folder), "--out", str(out)]) == 0
    folder.rename(tmp_path / "elsewhere")
    assert zoo(["sample", str(out)]) == 0


@pytest.mark.usefixtures("murmur")
def test_a_preset_says_the_form_of_its_own_data_alone(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder.rename(tmp_path / "sounds")
    request = plan("murmur", Asked())
    assert request.form == {"sample_rate_hz": 4000, "clip_seconds": 0.05}
    assert request.config == {"sample_rate_hz": 4000, "length": 200}
    assert plan("murmur", Asked(form={"sample_rate_hz": 2000})).config["length"] == 100
    (tmp_path / "sounds").rename(tmp_path / "others")
    request = plan("murmur", Asked(data="others"))
    assert request.form == {}
    assert request.config["length"] == 410


@pytest.mark.usefixtures("murmur")
def test_a_run_goes_on_in_its_own_form_only(folder, tmp_path):
    request = plan(
        "murmur", Asked(data=str(folder), form={"clip_seconds": 0.02, "trim_silence": True})
    )
    run = Run.create(request, out=tmp_path / "run")
    assert plan_resume(run, None, Asked(form={"trim_silence": True})) == request
    assert load_dataset(run, "test").spec.length == 160
    with pytest.raises(RunError, match=r"clip_seconds: run has 0\.02, asked 0\.05"):
        plan_resume(run, None, Asked(form={"clip_seconds": 0.05}))
    with pytest.raises(RunError, match="sample_rate_hz: run has nothing, asked 4000"):
        plan_resume(run, None, Asked(form={"sample_rate_hz": 4000}))


@pytest.mark.usefixtures("murmur")
def test_augmentations_are_not_for_sounds(folder):
    with pytest.raises(
        ConfigError, match=r"kinds image, strokes, domains, captioned\. 'murmur' models waveform"
    ):
        plan("murmur", Asked(data=str(folder), augment="flip"))


@pytest.mark.usefixtures("murmur")
def test_other_sounds_are_measured_in_the_form_of_the_model(folder, tmp_path):
    from zoo.metrics.evaluation import load_examples
    from zoo.planning import build_model

    run = Run.create(plan("murmur", Asked(data=str(folder))), out=tmp_path / "run")
    write_wav(tmp_path / "other" / "a.wav", tone(4000, rate=16_000), rate=16_000)
    model = build_model(run.request)
    assert isinstance(model, Murmur)
    found = load_examples(run, model, str(tmp_path / "other"), None)
    assert (found.spec.sample_rate_hz, found.spec.length) == (8000, 410)
    assert len(found) == 5


def test_data_show_writes_sounds_beside_a_picture(folder, tmp_path, capsys):
    assert zoo(["data", "show", str(folder), "-n", "2", "--out", str(tmp_path / "s.png")]) == 0
    assert capsys.readouterr().out == f"Examples: {tmp_path / 's.png'}, {tmp_path / 's-wav'}\n"
    assert zoo(["data", "info", str(folder), "--clip-seconds", "0.01"]) == 0
    assert "length: 80" in capsys.readouterr().out
