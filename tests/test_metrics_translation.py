"""How well images are translated where no pairs are needed, and the choice among such metrics."""

import json
import sys

import numpy as np
import pytest
from halves import Cuts, Diverged, Exact, Lazy, Mirrors, halves, settings
from PIL import Image
from small_runs import install_model
from throwaway import Tint, TintConfig

from zoo.checkpoints import save_checkpoint
from zoo.commands import run
from zoo.data.domains import luminance
from zoo.doctor import TrainingDoctor
from zoo.engine.state import read_state
from zoo.errors import DataError, NonFiniteError
from zoo.metrics import MetricError, UnsuitableError
from zoo.metrics.distance import frechet_distance, kernel_distance
from zoo.metrics.evaluation import choose_metrics, load_examples
from zoo.metrics.pairs import measure_pairs
from zoo.metrics.terms import measure_terms
from zoo.metrics.translation import (
    adapted,
    measure_cycle,
    measure_label_accuracy,
    measure_translation_distance,
)
from zoo.planning import Asked, build_model, plan
from zoo.runs import Run

CHEAP = ["pairs", "cycle", "label-accuracy"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def one_cache(cache, monkeypatch):
    """Keep the classifiers that one test has trained for the others."""
    monkeypatch.setenv("ZOO_CACHE_DIR", str(cache))


@pytest.fixture
def few_resamples(monkeypatch):
    """Make the errors of distances between clouds of pixels quick, and rough."""
    monkeypatch.setattr("zoo.metrics.distance.RESAMPLES", 2)


def everything(data):
    return data.read(np.arange(len(data)))[0]


def flat(images):
    return images.reshape(len(images), -1)


def test_there_and_back_is_what_it_was_where_one_way_undoes_the_other():
    figures = measure_cycle(Exact(), halves(), settings())
    assert list(figures) == ["cycle_a_l1", "cycle_b_l1"]
    assert all(figure.value == pytest.approx(0, abs=1e-4) for figure in figures.values())


def test_the_cycle_error_is_the_mean_absolute_difference_of_each_domain():
    data = halves()
    figures = measure_cycle(Lazy(), data, settings())
    assert figures["cycle_a_l1"].value == 0  # grey to colour and back
    images = everything(data)["B"]
    errors = np.abs(np.repeat(images[..., :1], 3, axis=3) - images).mean(axis=(1, 2, 3))
    assert figures["cycle_b_l1"].value == pytest.approx(errors.mean(), rel=1e-5)
    assert figures["cycle_b_l1"].standard_error == pytest.approx(
        errors.std(ddof=1) / np.sqrt(60), rel=1e-4
    )


def test_labels_are_seen_in_exact_translations_as_often_as_in_real_images():
    figures = measure_label_accuracy(Exact(), halves(), settings())
    assert list(figures) == [
        f"label_accuracy_{direction}{suffix}"
        for direction in ("a_to_b", "b_to_a")
        for suffix in ("", "_untranslated", "_real")
    ]
    for direction in ("a_to_b", "b_to_a"):
        translated, real = (figures[f"label_accuracy_{direction}{s}"] for s in ("", "_real"))
        assert translated.value == real.value > 0.95
        assert translated.count == real.count == 60


def test_translations_into_another_class_are_not_counted():
    figures = measure_label_accuracy(Mirrors(), halves(), settings())
    assert figures["label_accuracy_a_to_b"].value < 0.05
    assert figures["label_accuracy_b_to_a"].value < 0.05
    assert figures["label_accuracy_a_to_b_real"].value > 0.95


def test_a_translator_that_changes_nothing_is_as_good_as_no_translation():
    figures = measure_label_accuracy(Lazy(), halves(), settings())
    assert figures["label_accuracy_a_to_b"] == figures["label_accuracy_a_to_b_untranslated"]
    # What is bright in A is dark in B: the classifier sees the other half.
    assert figures["label_accuracy_a_to_b"].value < 0.05


@pytest.mark.usefixtures("few_resamples")
def test_the_distance_is_that_of_the_clouds_of_pixels():
    data, train = halves(counts=(40, 50), paired=False), halves("train", counts=(70, 80))
    asked = settings(load_seen=lambda: train)
    figures = measure_translation_distance(Lazy(), data, asked)
    images_a = data.a.read(np.arange(40))[0]
    images_b = data.b.read(np.arange(50))[0]
    clouds = (flat(images_b), flat(np.repeat(images_a, 3, axis=3)))
    assert figures["frechet_distance_a_to_b/pixels"].value == pytest.approx(
        frechet_distance(*clouds), rel=1e-6
    )
    assert figures["kernel_distance_a_to_b/pixels"].value == pytest.approx(
        kernel_distance(*clouds), rel=1e-5
    )
    untranslated = figures["kernel_distance_b_to_a_untranslated/pixels"].value
    expected = kernel_distance(flat(images_a), flat(luminance(images_b)))
    assert untranslated == pytest.approx(expected, rel=1e-5)
    assert figures["frechet_distance_b_to_a/pixels"].count == 40


def test_an_exact_translator_comes_as_near_as_training_images_do():
    figures = measure_translation_distance(Exact(), halves(), settings(features="classifier"))
    for direction, target in (("a_to_b", "b"), ("b_to_a", "a")):
        made, untranslated, real = (
            figures[f"frechet_distance_{direction}{suffix}/classifier-halves"]
            for suffix in ("", "_untranslated", "_real")
        )
        assert made.value < real.value < untranslated.value / 10  # the test images are paired
        assert real.count == 60
        assert figures[f"feature_accuracy_{target}/classifier-halves"].value > 0.9


@pytest.mark.usefixtures("few_resamples")
def test_training_images_are_not_compared_with_themselves():
    figures = measure_translation_distance(Exact(), halves("train"), settings())
    assert not [name for name in figures if "_real" in name]
    assert len(figures) == 8


@pytest.mark.usefixtures("few_resamples")
def test_the_metrics_of_one_evaluation_translate_each_image_once():
    model, data, asked = Exact(), halves(), settings()
    for measure in (measure_pairs, measure_label_accuracy, measure_translation_distance):
        measure(model, data, asked)
    assert model.translated == {"A": 60, "B": 60}
    measure_cycle(model, data, asked)
    assert model.translated == {"A": 120, "B": 120}  # and back


def test_translations_that_fill_the_memory_are_made_anew(monkeypatch):
    expected = measure_pairs(Lazy(), halves(), settings())
    monkeypatch.setattr("zoo.metrics.translation.KEPT_BYTES", 1000)
    model, data, asked = Lazy(), halves(), settings()
    assert measure_pairs(model, data, asked) == expected
    measure_label_accuracy(model, data, asked)
    assert model.translated == {"A": 120, "B": 120}


def test_a_domain_that_has_fewer_images_than_are_asked_for_gives_all():
    data = halves(counts=(20, 50), paired=False)
    counts = [figure.count for figure in measure_cycle(Exact(), data, settings(count=30)).values()]
    assert counts == [20, 30]
    with pytest.raises(DataError, match=r"has 20 examples\. Received: a count of 51"):
        measure_cycle(Exact(), data, settings(count=51))


def test_labels_must_be_of_the_same_classes_everywhere():
    names = {"names": (("left", "right"), ("links", "rechts"))}
    foreign = settings(load_train=lambda: halves("train", **names))
    with pytest.raises(UnsuitableError, match=r"same classes.*A of test: left, right; B of test"):
        measure_label_accuracy(Exact(), halves(**names), settings())
    with pytest.raises(UnsuitableError, match=r"B of train: links, rechts"):
        measure_label_accuracy(Exact(), halves(), foreign)
    with pytest.raises(UnsuitableError, match=r"A of test: none"):
        measure_label_accuracy(Exact(), halves(labels=False), settings())


def test_the_classifier_is_not_judged_on_what_it_learnt():
    with pytest.raises(UnsuitableError, match=r"judged on another\. 'halves' has: train, test"):
        measure_label_accuracy(Exact(), halves("train"), settings())


@pytest.mark.parametrize("measure", [measure_label_accuracy, measure_translation_distance])
def test_without_training_images_nothing_sees_the_images(measure):
    with pytest.raises(MetricError, match="learns from the training images"):
        measure(Exact(), halves(), settings(load_train=None, load_seen=None))


def test_broken_translations_are_not_measured():
    with pytest.raises(NonFiniteError, match="pixels that are NaN or infinite"):
        measure_label_accuracy(Diverged(), halves(), settings())
    with pytest.raises(DataError, match=r"shape \(60, 11, 12, 3\); those of domain B are"):
        measure_pairs(Cuts(), halves(), settings())


def test_images_are_given_the_channels_and_the_size_of_the_other_domain():
    grey = np.full((2, 4, 6, 1), 0.25, np.float32)
    colour = adapted(grey, (8, 12, 3))
    assert (colour.shape, colour.dtype) == ((2, 8, 12, 3), np.float32)
    np.testing.assert_allclose(colour, 0.25, atol=1 / 255)
    red = np.zeros((1, 4, 4, 3), np.float32)
    red[..., 0] = 1
    np.testing.assert_allclose(adapted(red, (4, 4, 1)), 0.299, atol=1e-6)
    np.testing.assert_array_equal(adapted(red, (4, 4, 3)), red)
    step = np.zeros((1, 8, 8, 1), np.float32)
    step[:, 4:] = 1
    assert np.all(np.diff(adapted(step, (4, 4, 1))[0, :, 0, 0]) >= 0)


def test_the_terms_of_a_translator_are_those_of_its_losses():
    data = halves(counts=(130, 110), paired=False)
    model = Tint(TintConfig(image_shape_a=(12, 12, 1), image_shape_b=(12, 12, 3)))
    model.compile()
    figures = measure_terms(model, data, settings())
    x = everything(data)
    there = {"B": model.translate(x["A"], "B"), "A": model.translate(x["B"], "A")}
    back = {"A": model.translate(there["B"], "A"), "B": model.translate(there["A"], "B")}
    cycle = sum(np.abs(back[domain] - x[domain]).mean() for domain in ("A", "B"))
    assert figures["cycle_l1"].value == pytest.approx(cycle, rel=1e-4)
    assert figures["judges_score"].count == 130


def test_what_is_measured_of_a_translator_unasked_is_cheap():
    assert choose_metrics(Exact(), (), "exact", "domains") == CHEAP
    asked = ("translation-distance", "cycle")
    assert choose_metrics(Exact(), asked, "exact", "domains") == list(asked)
    with pytest.raises(MetricError, match=r"'distance' needs .*'exact' has: Translates"):
        choose_metrics(Exact(), ("distance",), "exact", "domains")
    with pytest.raises(MetricError, match=r"'pairs' is of data of kind 'domains'"):
        choose_metrics(Exact(), ("pairs",), "exact", "image")


def test_the_doctor_watches_a_translator_without_looking_at_samples():
    model = Tint(TintConfig(image_shape_a=(12, 12, 1), image_shape_b=(12, 12, 3)))
    model.compile()
    found = []
    doctor = TrainingDoctor(None, on_finding=found.append)
    x = {name: images[:8] for name, images in everything(halves()).items()}
    model.fit(x, batch_size=4, epochs=2, verbose=0, callbacks=[doctor])
    assert doctor.step == 4
    assert found == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of a translator as it is made, on the embedded digits in two styles."""
    site, folder = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("runs") / "run"
    install_model(site, "genzoo-tint", "tint", "throwaway:TINT")
    sys.path.insert(0, str(site))
    created = Run.create(plan("tint", Asked(steps=1)), out=folder)
    model = build_model(created.request)
    model.compile()
    position = {"step": 0, "steps_per_epoch": 1}
    save_checkpoint(created.checkpoints_path, 0, read_state(model), position)
    yield folder
    sys.path.remove(str(site))


def evaluate(capsys, *arguments):
    """Return the exit code, the figures, and what was said of an error."""
    capsys.readouterr()
    code = run(["evaluate", *map(str, arguments), "--count", "12", "--json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out)["metrics"] if code == 0 else {}, printed.err


def write_domains(folder, size=16, count=20):
    """Write two folders of pictures of one class that are no pairs."""
    random = np.random.default_rng(0)
    for domain in ("A", "B"):
        (folder / domain).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 256, (size, size, 3), "uint8")
            Image.fromarray(pixels).save(folder / domain / f"{number}.png")
    return folder


def test_digits_in_two_styles_have_all_figures_unasked(trained, capsys, monkeypatch):
    monkeypatch.setattr("zoo.metrics.learning.MAX_EPOCHS", 1)
    code, figures, _ = evaluate(capsys, trained)
    assert code == 0
    of_labels = {name for name in figures if name.startswith("label_accuracy")}
    assert len(of_labels) == 6
    assert {"cycle_a_l1", "l1_a_to_b", "psnr_b_to_a_db", "ssim_a_to_b"} <= set(figures)
    assert (trained / "report.html").read_text().count("cycle_a_l1") >= 1


def test_what_the_data_cannot_give_is_left_out_unless_it_is_asked_for(trained, tmp_path, capsys):
    photos = write_domains(tmp_path / "photos", size=20)  # resized to what it takes
    asked = (trained, "--data", photos, "--split", "train")
    code, figures, error = evaluate(capsys, *asked)
    assert (code, list(figures)) == (0, ["cycle_a_l1", "cycle_b_l1"]), error
    for name, reason in (("pairs", "has no pairs"), ("label-accuracy", "judged on another")):
        code, _, error = evaluate(capsys, *asked, "--metrics", name)
        assert code == 1
        assert reason in error


def test_the_form_of_other_data_is_that_of_the_model(trained):
    opened = Run.open(trained)
    model = build_model(opened.request)
    for form in ({"data_b": "digits"}, {"pair": "super-resolution"}):
        with pytest.raises(DataError, match=r"image_shape_a is \(16, 16, 3\)"):
            load_examples(opened, model, "digits", "test", form)
    with pytest.raises(DataError, match="--data-b digits is for other data than the run's own"):
        load_examples(opened, model, None, None, {"data_b": "digits"})
    small = Tint(TintConfig(image_shape_a=(4, 4, 1), image_shape_b=(16, 16, 1)))
    found = load_examples(opened, small, "digits", "test", {"pair": "super-resolution"})
    assert found.spec.image_shape_b == (16, 16, 1)


def test_figures_of_another_domain_b_take_the_place_of_the_old_ones(trained, tmp_path, capsys):
    photos = write_domains(tmp_path / "photos")
    asked = (trained, "--data", photos / "A", "--split", "train", "--data-b")
    assert evaluate(capsys, *asked, photos / "B", "--metrics", "cycle")[0] == 0
    assert evaluate(capsys, *asked, photos / "B", "--metrics", "terms")[0] == 0
    kept = json.loads((trained / "evaluation.json").read_text())
    assert {"cycle_a_l1", "judges_score"} <= set(kept["metrics"])
    assert evaluate(capsys, *asked, photos / "A", "--metrics", "terms")[0] == 0
    kept = json.loads((trained / "evaluation.json").read_text())
    assert kept["form"] == {"data_b": str(photos / "A")}
    assert "cycle_a_l1" not in kept["metrics"]
