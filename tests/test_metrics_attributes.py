"""How often a classifier finds in images of text what the caption asks for."""

import json
import sys

import numpy as np
import pytest
from illustrators import install_illustrators
from patches import COLOURS, Blind, Mirrored, Obedient, captions_of, patches, settings
from PIL import Image

from zoo.checkpoints import save_checkpoint
from zoo.commands import run
from zoo.data.dataset import Attribute
from zoo.engine.state import read_state
from zoo.metrics import Settings, UnsuitableError
from zoo.metrics.attributes import VERSION, attribute_classifier, measure_attributes
from zoo.metrics.learning import cache_path
from zoo.metrics.recognition import image_recogniser
from zoo.planning import Asked, build_model, plan
from zoo.runs import Run

TEST = patches(count=100)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def one_cache(cache, monkeypatch):
    """Keep the networks that one test has trained for the others."""
    monkeypatch.setenv("ZOO_CACHE_DIR", str(cache))


def test_what_does_as_it_is_told_is_right_in_every_attribute():
    figures = measure_attributes(Obedient(), TEST, settings())
    assert list(figures) == [
        f"{name}_{part}"
        for name in ("left", "right", "all")
        for part in ("accuracy", "accuracy_real", "chance")
    ]
    for name in ("left", "right", "all"):
        assert figures[f"{name}_accuracy"].value > 0.97
        assert figures[f"{name}_accuracy_real"].value > 0.97
        assert figures[f"{name}_accuracy"].count == 100
    values = TEST.attributes["left"].values
    assert figures["left_chance"].value == np.bincount(values).max() / 100
    _, counts = np.unique(captions_of_all(), return_counts=True)
    assert figures["all_chance"].value == counts.max() / 100


def captions_of_all():
    return [TEST.texts(index)[0] for index in range(len(TEST))]


def test_what_is_told_nothing_is_right_by_chance():
    figures = measure_attributes(Blind(), TEST, settings(samples=400))
    for name, chance in (("left", 1 / 3), ("right", 1 / 3), ("all", 1 / 9)):
        made = figures[f"{name}_accuracy"]
        assert made.count == 400
        assert abs(made.value - chance) < 4 * made.standard_error
        assert figures[f"{name}_accuracy_real"].count == 100


def test_attributes_are_told_apart_by_where_they_are():
    left, right = (TEST.attributes[name].values for name in ("left", "right"))
    figures = measure_attributes(Mirrored(), TEST, settings())
    assert figures["left_accuracy"].value == pytest.approx((left == right).mean(), abs=0.03)
    assert figures["all_accuracy"].value == pytest.approx((left == right).mean(), abs=0.03)


def test_the_class_is_seen_by_the_classifier_of_the_distances():
    generator = np.random.default_rng(3)
    colours = {
        split: generator.integers(0, 3, (n, 2)) for split, n in (("train", 300), ("test", 90))
    }
    data = {s: patches(s, colours=both, labels=both[:, 0]) for s, both in colours.items()}
    asked = Settings(load_train=lambda: data["train"], load_seen=lambda: data["train"])
    figures = measure_attributes(Obedient(), data["test"], asked)
    assert list(figures) == ["class_accuracy", "class_accuracy_real", "class_chance"]
    assert figures["class_accuracy"].value > 0.95
    images = data["test"].images.read(np.arange(90))[0]
    known = image_recogniser(data["train"].images, asked).classify(images)
    told = attribute_classifier(data["train"], asked)(images)
    np.testing.assert_array_equal(told[:, 0], known)
    assert not cache_path("attributes", data["train"], VERSION).exists()


def test_what_the_data_do_not_know_is_not_measured():
    with pytest.raises(UnsuitableError, match=r"Nothing is known .* labelled images with captions"):
        measure_attributes(Obedient(), patches(attributes=False), settings())
    one = patches(labels=np.zeros(60), colours=np.zeros((60, 2), int))
    one.attributes = {"class": Attribute(names=("only",), values=np.zeros(60, np.int32))}
    with pytest.raises(UnsuitableError, match="Nothing is known"):
        measure_attributes(Obedient(), one, settings())


def test_attributes_must_be_those_of_the_training_examples():
    other = patches("train", attributes=False)
    with pytest.raises(UnsuitableError, match=r"examples: left, right\. Expected: none, with"):
        measure_attributes(Obedient(), TEST, settings(load_train=lambda: other))
    with pytest.raises(UnsuitableError, match="judged on another"):
        measure_attributes(Obedient(), patches("train"), settings())


def test_the_colours_of_patches_are_what_their_captions_say():
    [[first, second]] = captions_of(np.array([[0, 2]]))
    assert (first, second) == ("red to the left of blue", "blue beside red")
    image = patches(colours=np.array([[0, 2]])).images.read(np.array([0]))[0][0]
    assert image[:, :4].mean(axis=(0, 1)).argmax() == COLOURS.index("red")
    assert image[:, 4:].mean(axis=(0, 1)).argmax() == COLOURS.index("blue")


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A run of a model that illustrates, as it is made, on digits with captions."""
    site, folder = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("runs") / "run"
    install_illustrators(site)
    sys.path.insert(0, str(site))
    created = Run.create(plan("painter", Asked(steps=1)), out=folder)
    model = build_model(created.request)
    model.compile()
    position = {"step": 0, "steps_per_epoch": 1}
    save_checkpoint(created.checkpoints_path, 0, read_state(model), position)
    yield folder
    sys.path.remove(str(site))


def evaluate(capsys, *arguments):
    """Return the exit code, the figures, and what was said of an error."""
    capsys.readouterr()
    code = run(["evaluate", *map(str, arguments), "--json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out)["metrics"] if code == 0 else {}, printed.err


def test_a_run_of_digits_with_captions_has_all_figures_unasked(painted, capsys, monkeypatch):
    monkeypatch.setattr("zoo.metrics.learning.MAX_EPOCHS", 3)
    code, figures, error = evaluate(capsys, painted, "--count", "40")
    assert code == 0, error
    expected = {
        *("frechet_distance/classifier-digits", "kernel_distance/classifier-digits"),
        *("r_precision/matching-captioned-digits", "r_precision_real/matching-captioned-digits"),
        *("r_precision_chance/matching-captioned-digits", "class_accuracy_real", "class_chance"),
        *("class_accuracy", "feature_accuracy/classifier-digits"),
    }
    assert set(figures) == expected
    assert figures["class_accuracy"]["value"] < 0.5 < figures["class_accuracy_real"]["value"]
    assert (painted / "report.html").read_text().count("r_precision_real") >= 1


def test_a_run_with_captions_has_the_metrics_of_images_and_its_terms(painted, capsys):
    asked = "precision-recall,neighbours,terms"
    code, figures, error = evaluate(capsys, painted, "--metrics", asked, "--features", "pixels")
    assert code == 0, error
    assert {"precision/pixels", "nearest_neighbour_ratio/pixels", "image_l2"} <= set(figures)
    assert (painted / "neighbours.png").exists()
    code, _, error = evaluate(capsys, painted, "--metrics", "recognition")
    assert code == 1
    assert "not class-conditional" in error


def test_other_data_are_measured_in_the_words_of_the_model(painted, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    lines = []
    for number in range(20):
        pixels = random.integers(0, 256, (8, 8), "uint8")
        Image.fromarray(pixels).save(folder / f"{number}.png")
        lines.append(f"{number}.png\tthe sun, number seven\n")
    (folder / "captions.tsv").write_text("".join(lines))
    asked = (painted, "--data", folder, "--split", "train", "--count", "10")
    metrics = ("--metrics", "terms,distance", "--features", "pixels")
    code, figures, error = evaluate(capsys, *asked, *metrics)
    assert code == 0, error
    assert figures["image_l2"]["count"] == figures["frechet_distance/pixels"]["count"] == 10
    code, _, error = evaluate(capsys, *asked, "--metrics", "matching")
    assert code == 1
    assert "judged on another" in error
