"""What is asked for becomes a complete request; whatever does not fit is refused by name."""

import dataclasses

import keras
import numpy as np
import pytest
from small_runs import install_model, small_request, write_images

from zoo import planning
from zoo.card import ModelCard
from zoo.config import Preset
from zoo.errors import ConfigError, DataError, PluginError, RunError, ZooError
from zoo.planning import Asked, plan, plan_resume
from zoo.runs import Run


@dataclasses.dataclass(frozen=True, kw_only=True)
class LargeConfig:
    """Configuration of a model whose preset resizes images.

    Args:
        image_shape: (H, W, C) of one image.
        width: Units of a layer.
    """

    image_shape: tuple[int, int, int] = (28, 28, 1)
    width: int = 7


CARD = ModelCard(
    name="large",
    title="Large",
    summary="Wants larger images than the data have.",
    paper="A. Author, On Size",
    year=2001,
    url="https://example.org",
    kind="image",
    data="digits",
    model=f"{__name__}:LargeConfig",
    config=f"{__name__}:LargeConfig",
    presets=f"{__name__}:PRESETS",
)
PRESETS = {
    "laptop": Preset(
        summary="Digits, twice as large.",
        data="digits",
        steps=9,
        batch_size=5,
        form={"image_size": 16},
        precision="bfloat16",
        config={"width": 11},
    )
}


@pytest.fixture
def large(tmp_path, monkeypatch):
    """Install a model whose preset resizes its data."""
    install_model(tmp_path / "site", "genzoo-large", "large", f"{__name__}:CARD")
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.fixture
def run(tmp_path):
    return Run.create(small_request(), tmp_path / "run")


def test_a_request_is_complete():
    request = plan("vae", Asked())
    assert (request.model, request.package, request.preset) == ("vae", "genzoo-vae", "laptop")
    assert (request.data, request.epochs, request.steps, request.batch_size) == (
        "digits",
        200,
        None,
        64,
    )
    assert (request.seed, request.precision, request.augment) == (0, "float32", None)
    assert request.backend == keras.backend.backend()
    assert {"python", "zoo", "keras", "numpy", request.backend} == set(request.versions)
    assert len(request.fingerprint) >= 16


def test_a_preset_goes_before_the_defaults_and_set_before_the_preset():
    by_preset = plan("vae", Asked()).config
    by_hand = plan("vae", Asked(overrides=["latent_size=3"])).config
    assert by_preset["latent_size"] == 8  # the preset's; the default is 20
    assert by_hand["latent_size"] == 3
    assert by_hand["hidden_sizes"] == by_preset["hidden_sizes"] == [256]
    assert by_hand["beta"] == 1.0  # neither says anything of it


def test_run_settings_go_before_those_of_the_preset(large):
    request = plan("large", Asked())
    assert (request.steps, request.batch_size, request.precision) == (9, 5, "bfloat16")
    asked = plan("large", Asked(epochs=2, batch_size=6, precision="float32", seed=8))
    assert (asked.epochs, asked.steps, asked.batch_size) == (2, None, 6)
    assert (asked.precision, asked.seed) == ("float32", 8)


def test_the_data_decide_shape_and_classes(tmp_path):
    conditional = plan("vae", Asked(overrides=["class_conditional=true"]))
    assert conditional.config["image_shape"] == [8, 8, 1]
    assert conditional.config["class_count"] == 10
    images = write_images(tmp_path / "images")
    request = plan("vae", Asked(data=str(images), form={"image_size": (4, 12)}))
    assert request.config["image_shape"] == [4, 12, 1]
    assert request.config["class_count"] == 0
    assert request.form == {"image_size": (4, 12)}


@pytest.mark.parametrize("override", ["image_shape=28,28,1", "class_count=4"])
def test_what_the_data_decide_cannot_be_set(override):
    with pytest.raises(ConfigError, match=r"decided by the data: 'digits' has .*Received: "):
        plan("vae", Asked(overrides=[override]))


def test_what_the_data_decide_may_be_said_again():
    request = plan("vae", Asked(overrides=["image_shape=8,8,1"]))
    assert request.config["image_shape"] == [8, 8, 1]


def test_the_size_of_a_preset_belongs_to_its_data(large, tmp_path):
    assert plan("large", Asked()).config["image_shape"] == [16, 16, 1]
    images = write_images(tmp_path / "images")
    request = plan("large", Asked(data=str(images)))
    assert request.form == {}
    assert request.config["image_shape"] == [8, 8, 1]
    assert plan("large", Asked(form={"image_size": (12, 12)})).config["image_shape"] == [12, 12, 1]


def test_epochs_and_steps_exclude_each_other(run):
    with pytest.raises(ZooError, match=r"epochs or steps, not both.*epochs = 2, steps = 3"):
        plan("vae", Asked(epochs=2, steps=3))
    with pytest.raises(ZooError, match="epochs or steps, not both"):
        plan_resume(run, None, Asked(epochs=2, steps=3))
    assert (plan("vae", Asked(steps=3)).epochs, plan("vae", Asked(steps=3)).steps) == (None, 3)


@pytest.mark.parametrize(
    ("model", "asked", "error", "message"),
    [
        ("vea", {}, PluginError, r"Unknown model 'vea'\. Did you mean 'vae'\?"),
        ("vae", {"preset": "labtop"}, ConfigError, r"no preset 'labtop'\. Did you mean 'laptop'\?"),
        ("vae", {"data": "digit"}, DataError, r"Unknown data set 'digit'\. Did you mean 'digits'"),
        ("vae", {"overrides": ["latent=3"]}, ConfigError, r"no field 'latent'\. Did you mean"),
        ("vae", {"overrides": ["beta=-1"]}, ConfigError, r"beta must be at least 0.*-1"),
        ("vae", {"backend": "theano"}, ZooError, r"must be one of tensorflow, jax, torch"),
    ],
)
def test_what_is_unknown_is_refused_by_name(model, asked, error, message):
    with pytest.raises(error, match=message):
        plan(model, Asked(**asked))


def test_an_unknown_precision_is_refused():
    request = dataclasses.replace(small_request(), precision="float8")
    with pytest.raises(ConfigError, match=r"float32, bfloat16, float16\. Received: 'float8'"):
        planning.build_model(request)


def test_the_seed_decides_the_first_weights():
    def weights(seed):
        model = planning.build_model(small_request(seed=seed))
        return [keras.ops.convert_to_numpy(v.value) for v in model.variables]

    first, again, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_precision_of_a_model_is_not_that_of_the_next():
    model = planning.build_model(small_request(precision="bfloat16"))
    assert model.compute_dtype == "bfloat16"
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_resuming_asks_for_what_the_run_was_asked_for(run):
    assert plan_resume(run, None, Asked()) == run.request
    again = Asked(
        preset="laptop", data="digits", batch_size=run.request.batch_size, seed=3, epochs=1
    )
    assert plan_resume(run, "vae", again) == run.request


def test_resuming_may_take_longer(run):
    assert plan_resume(run, None, Asked(epochs=5)).epochs == 5
    longer = plan_resume(run, None, Asked(steps=50))
    assert (longer.epochs, longer.steps) == (None, 50)


@pytest.mark.parametrize(
    ("model", "asked", "line"),
    [
        ("autoencoder", {}, "model: run has vae, asked autoencoder"),
        (None, {"seed": 4}, "seed: run has 3, asked 4"),
        (None, {"data": "mnist"}, "data: run has digits, asked mnist"),
        (None, {"batch_size": 7}, "batch_size: run has 320, asked 7"),
        (None, {"form": {"image_size": 16}}, "image_size: run has nothing, asked 16"),
        (None, {"augment": "flip"}, "augment: run has null, asked flip"),
        (None, {"precision": "float16"}, "precision: run has float32, asked float16"),
        (None, {"preset": "paper"}, "preset: run has laptop, asked paper"),
        (None, {"overrides": ["latent_size=9"]}, "config.latent_size: run has 2, asked 9"),
    ],
)
def test_resuming_as_another_training_is_refused_with_the_difference(run, model, asked, line):
    before = (run.path / "run.json").read_bytes()
    with pytest.raises(RunError, match=line):
        plan_resume(run, model, Asked(**asked))
    assert (run.path / "run.json").read_bytes() == before


def test_a_preset_brings_augmentations_that_can_be_left_out():
    sizes = ("encoder_units=4", "decoder_units=4")
    asked = Asked(preset="kanji", overrides=sizes)
    assert plan("sketch-rnn", asked).augment == "scale,drop-points"
    other = dataclasses.replace(asked, augment="scale")
    assert plan("sketch-rnn", other).augment == "scale"
    assert plan("sketch-rnn", dataclasses.replace(asked, augment="none")).augment is None


def test_every_difference_is_named(run):
    with pytest.raises(RunError, match=r"seed: run has 3, asked 4; config\.beta: .*2\.0\. Leave"):
        plan_resume(run, None, Asked(seed=4, overrides=["beta=2"]))


def test_a_run_keeps_its_backend(run):
    other = "jax" if run.request.backend != "jax" else "torch"
    with pytest.raises(RunError, match=f"backend: run has .*, asked {other}"):
        plan_resume(run, None, Asked(backend=other))


def test_changed_data_are_refused_when_resuming_and_when_reading(tmp_path):
    images = write_images(tmp_path / "images")
    request = small_request(data=str(images), batch_size=4)
    run = Run.create(request, tmp_path / "run")
    assert len(planning.load_dataset(run, "train")) > 0
    (images / "00.png").write_bytes((images / "01.png").read_bytes())
    with pytest.raises(RunError, match="fingerprint: run has"):
        plan_resume(run, None, Asked())
    with pytest.raises(RunError, match="have changed since"):
        planning.load_dataset(run, "train")


def test_data_are_found_from_another_folder_and_known_by_either_name(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    photos = write_images(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    run = Run.create(small_request(data="photos", batch_size=4), tmp_path / "run")
    assert run.request.data == str(photos)
    assert plan_resume(run, None, Asked(data="photos")) == run.request
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert planning.load_dataset(run, "train").name == str(photos)
    assert plan_resume(run, None, Asked(data="../photos")) == run.request
    with pytest.raises(RunError, match=r"data: run has .*photos, asked photos"):
        plan_resume(run, None, Asked(data="photos"))


def test_a_run_is_measured_on_its_test_split_or_else_on_what_it_was_trained_on(run, tmp_path):
    assert planning.held_out(run).split == "test"
    (tmp_path / "images").mkdir()
    write_images(tmp_path / "images" / "train")
    request = small_request(data=str(tmp_path / "images"), batch_size=4)
    alone = Run.create(request, tmp_path / "alone")
    assert planning.held_out(alone).split == "train"
    loaded = planning.load_dataset(alone, "train")
    assert planning.held_out(alone, loaded) is loaded
