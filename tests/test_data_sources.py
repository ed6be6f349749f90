import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from zoo.card import KINDS, DatasetCard, resolve
from zoo.data import Dataset, dataset_cards, load
from zoo.data.cards import DIGITS
from zoo.data.forms import ImageForm, TextForm
from zoo.errors import DataError


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """Install a distribution that registers data sets; give its module and entry points."""

    def install(module: str, **points: str) -> None:
        (tmp_path / "site" / "thing-1.0.dist-info").mkdir(parents=True)
        (tmp_path / "site" / "thing_data.py").write_text(module)
        metadata = tmp_path / "site" / "thing-1.0.dist-info"
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {value}" for name, value in points.items())
        (metadata / "entry_points.txt").write_text(f"[zoo.datasets]\n{lines}\n")
        monkeypatch.syspath_prepend(tmp_path / "site")
        monkeypatch.delitem(sys.modules, "thing_data", raising=False)

    return install


CARD = """
from zoo.card import DatasetCard
CARD = DatasetCard(name="{name}", kind="{kind}", summary="s", source="s", licence="l",
                   load="thing_data:load_it")
def load_it(**settings):
    return settings
"""


def test_digits_are_scikit_learns_in_two_stratified_parts():
    train, test = load("digits"), load("digits", split="test")
    assert isinstance(train, Dataset)
    assert (len(train), len(test)) == (1437, 360)
    assert train.spec.image_shape == (8, 8, 1)
    assert train.spec.class_names == tuple("0123456789")
    parts = [dataset.read(np.arange(len(dataset))) for dataset in (train, test)]
    found = sorted(
        (label, image.tobytes())
        for images, labels in parts
        for image, label in zip(images, labels, strict=True)
    )
    bunch = load_digits()
    expected = sorted(
        (label, (image / 16).astype(np.float32).tobytes())
        for image, label in zip(bunch.images, bunch.target, strict=True)
    )
    assert found == expected
    shares = [np.bincount(labels) / len(labels) for _, labels in parts]
    np.testing.assert_allclose(*shares, atol=0.003)


def test_digits_are_resized_on_request():
    small, large = load("digits"), load("digits", image_size=(16, 24))
    assert large.spec.image_shape == (16, 24, 1)
    images, labels = large.read(np.arange(100))
    assert 0 <= images.min() < 0.01
    assert 0.99 < images.max() <= 1
    np.testing.assert_array_equal(labels, small.read(np.arange(100))[1])
    assert small.fingerprint != large.fingerprint


def test_the_fingerprint_is_the_same_each_time_and_differs_by_split():
    assert load("digits").fingerprint == load("digits").fingerprint
    assert load("digits").fingerprint != load("digits", split="test").fingerprint


def test_a_split_that_is_absent_names_those_that_are_there():
    with pytest.raises(DataError, match=r"no split 'validation'. It has: train, test\."):
        load("digits", split="validation")


@pytest.mark.parametrize(("setting", "value"), [("split", "dev"), ("kind", "sound")])
def test_an_unknown_split_or_kind_names_the_valid_ones(setting, value):
    with pytest.raises(DataError, match=f"{setting} must be one of .*Received: '{value}'"):
        load("digits", **{setting: value})


def test_a_registered_set_of_another_kind_is_refused():
    with pytest.raises(DataError, match=r"'digits' holds image data. Expected: tokens data"):
        load("digits", kind="tokens")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_from_a_path(tmp_path, kind):
    with pytest.raises(DataError, match="holds no "):
        load(str(tmp_path), kind=kind)


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "~/no where", "picture.png", ".\n"])
def test_a_path_to_nothing_is_called_a_path(name):
    with pytest.raises(DataError, match="There is no file or folder") as caught:
        load(name)
    assert str(caught.value).isprintable()


def test_a_misspelt_name_is_corrected():
    with pytest.raises(DataError, match=r"Unknown data set 'digit'. Did you mean 'digits'\?"):
        load("digit")


@pytest.mark.parametrize("name", ["mnits", "tfds:mnits"])
def test_a_misspelt_tfds_name_is_corrected(name):
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(DataError, match=r"Did you mean 'mnist'\?"):
        load(name)


def test_a_tfds_set_of_a_kind_that_is_not_read_from_there_is_refused():
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(
        DataError, match="is a TensorFlow Datasets set, and strokes data are not read"
    ):
        load("mnist", kind="strokes")


def test_digits_come_before_a_folder_of_that_name_which_a_path_still_reaches(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(load("digits")) == 1437
    with pytest.raises(DataError, match="holds no images"):
        load("./digits")


def test_the_cards_hold_digits_and_its_loader_resolves():
    cards, problems = dataset_cards()
    assert cards["digits"] is DIGITS
    assert isinstance(cards["digits"], DatasetCard)
    assert callable(resolve(DIGITS.load))
    assert problems == ()


def test_a_set_of_a_plugin_is_loaded_with_what_its_kind_needs(registered):
    registered(CARD.format(name="words", kind="tokens"), words="thing_data:CARD")
    found = load("words", kind="tokens", split="test", tokens="character")
    assert found == {"split": "test", "form": TextForm(tokens="character")}


def test_an_image_set_of_a_plugin_is_given_the_size(registered):
    registered(CARD.format(name="cats", kind="image"), cats="thing_data:CARD")
    assert load("cats", image_size=9) == {"split": "train", "form": ImageForm(image_size=9)}


def test_a_broken_plugin_is_reported_and_the_rest_goes_on(registered):
    registered("raise RuntimeError('no licence key')", cats="thing_data:CARD")
    cards, (problem,) = dataset_cards()
    assert "digits" in cards
    assert "cats" in problem
    assert "no licence key" in problem
    assert len(load("digits")) == 1437
    with pytest.raises(DataError, match=r"Unknown data set 'cats'.*no licence key"):
        load("cats")


def test_importing_the_package_and_the_cards_imports_neither_numpy_nor_keras():
    code = (
        "import sys, zoo.data, zoo.data.cards, zoo.commands.data;"
        "print([name for name in ('numpy', 'keras', 'tensorflow', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_every_public_name_can_be_imported():
    import zoo.data

    for name in zoo.data.__all__:
        assert getattr(zoo.data, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        zoo.data.nothing  # noqa: B018
