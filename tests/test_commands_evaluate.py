import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.commands import run
from zoo.data import load
from zoo.errors import DataError
from zoo.metrics import FEATURES, METRICS, MetricError
from zoo.metrics.evaluation import CAPABILITIES, choose_metrics, load_examples
from zoo.planning import open_run
from zoo.training import load_model


def train(folder, model, *options):
    small = ["--set", "hidden_sizes=[16]", "--set", "latent_size=2", "--steps", "20"]
    assert run(["train", model, "--out", str(folder), *small, *options]) == 0
    return folder


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "vae", "vae")


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "autoencoder", "autoencoder")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def one_cache(cache, monkeypatch):
    """Keep the feature network that one test has trained for the others."""
    monkeypatch.setenv("ZOO_CACHE_DIR", str(cache))


@pytest.fixture
def clean(vae):
    """A run that was not evaluated yet."""
    (vae / "evaluation.json").unlink(missing_ok=True)
    return vae


def evaluate(folder, *options):
    return run(["evaluate", str(folder), *options])


def test_json_holds_where_and_what_was_measured(clean, capsys):
    assert evaluate(clean, "--json", "--importance-samples", "5") == 0
    document = json.loads(capsys.readouterr().out)
    metrics = document.pop("metrics")
    assert document == {
        "model": "vae",
        "run": str(clean),
        "step": 20,
        "data": "digits",
        "split": "test",
    }
    assert {"nll_bound_nats", "nll_iw5_nats", "reconstruction_mse"} <= set(metrics)
    assert not any(name.startswith("probe") for name in metrics)
    assert {f"{name}_distance/classifier-digits" for name in ("frechet", "kernel")} <= set(metrics)
    for figure in metrics.values():
        assert set(figure) == {"value", "standard_error", "count"}
    # The accuracy of the features was judged when they were learnt, on other examples.
    assert metrics.pop("feature_accuracy/classifier-digits")["value"] > 0.9
    assert {figure["count"] for figure in metrics.values()} == {360}
    assert metrics.items() <= json.loads((clean / "evaluation.json").read_text())["metrics"].items()


def test_figures_of_one_checkpoint_are_gathered_and_shown_in_the_report(clean, capsys):
    assert evaluate(clean, "--metrics", "reconstruction") == 0
    assert evaluate(clean, "--metrics", "nll", "--importance-samples", "7", "--count", "40") == 0
    output = capsys.readouterr().out
    assert "vae at step 20, test split of digits" in output
    [line] = [line for line in output.splitlines() if line.startswith("nll_iw7_nats")]
    assert "±" in line
    assert line.endswith("(40)")
    kept = json.loads((clean / "evaluation.json").read_text())["metrics"]
    assert {"reconstruction_mse", "nll_iw7_nats"} <= set(kept)
    assert "nll_iw7" in (clean / "report.html").read_text()
    assert "nll_iw7" in (clean / "README.md").read_text()


def test_figures_of_another_split_take_the_place_of_the_old_ones(clean, capsys):
    assert evaluate(clean, "--metrics", "reconstruction") == 0
    assert evaluate(clean, "--metrics", "nll", "--split", "train", "--count", "10") == 0
    kept = json.loads((clean / "evaluation.json").read_text())
    assert kept["split"] == "train"
    assert "reconstruction_mse" not in kept["metrics"]


def test_the_probe_runs_when_it_is_asked_for(clean, capsys):
    assert evaluate(clean, "--metrics", "probe", "--json") == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert metrics["pixels_accuracy"]["value"] > metrics["pixels_accuracy_at_1_percent"]["value"]
    with Image.open(clean / "probe.png") as picture:
        assert picture.format == "PNG"


def test_a_model_without_likelihood_says_what_it_has(autoencoder, capsys):
    assert evaluate(autoencoder, "--metrics", "nll") == 1
    assert capsys.readouterr().err == (
        "error: The metric 'nll' needs a model with the protocol 'HasLikelihood'. "
        "'autoencoder' has: GenerativeModel, PlayerModel, Encodes.\n"
    )
    assert evaluate(autoencoder, "--json", "--features", "pixels") == 0
    assert list(json.loads(capsys.readouterr().out)["metrics"]) == [
        "reconstruction_mse",
        "frechet_distance/pixels",
        "kernel_distance/pixels",
    ]


def test_an_unknown_metric_is_answered_with_the_closest(vae, capsys):
    assert evaluate(vae, "--metrics", "nll,prob") == 1
    assert "Unknown metric 'prob'. Did you mean 'probe'? Metrics: nll" in capsys.readouterr().err


def test_other_data_are_resized_to_what_the_model_takes(clean, tmp_path, capsys):
    folder = folder_of_images(tmp_path / "photos", "L")
    assert evaluate(clean, "--data", str(folder), "--split", "train", "--metrics", "nll") == 0
    kept = json.loads((clean / "evaluation.json").read_text())
    assert (kept["data"], kept["split"]) == (str(folder), "train")


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    """A run of a model that is told which of three animals an image shows."""
    root = tmp_path_factory.mktemp("animals")
    data = folder_of_classes(root / "data", "ant", "cat", "dog")
    options = ["--data", str(data), "--batch-size", "4", "--set", "class_conditional=true"]
    return train(root / "run", "vae", *options)


def folder_of_classes(path, *names):
    path.mkdir()
    for name in names:
        folder_of_images(path / name, "L")
    return path


def test_classes_of_other_data_are_those_of_the_model_by_name(animals, tmp_path):
    data = folder_of_classes(tmp_path / "other", "cat", "dog")
    opened = open_run(animals)
    options = (opened, load_model(opened), str(data), "train")
    found, plain = load_examples(*options), load(str(data))
    everything = np.arange(len(plain))
    assert set(plain.read(everything)[1]) == {0, 1}
    np.testing.assert_array_equal(found.read(everything)[0], plain.read(everything)[0])
    np.testing.assert_array_equal(found.read(everything)[1], plain.read(everything)[1] + 1)
    assert found.spec.class_names == ("ant", "cat", "dog")
    # A network that has learnt the labels as they were is not taken for one of these.
    assert found.fingerprint != plain.fingerprint
    assert evaluate(animals, "--data", str(data), "--split", "train", "--metrics", "nll") == 0


def test_classes_of_other_data_that_the_model_does_not_know_are_refused(animals, tmp_path, capsys):
    data = folder_of_classes(tmp_path / "other", "ant", "cats", "dog")
    assert evaluate(animals, "--data", str(data)) == 1
    error = capsys.readouterr().err
    assert "has a class 'cats', which the model does not know. Did you mean 'cat'?" in error
    assert "Its classes: ant, cat, dog." in error


def test_data_without_labels_are_enough_where_a_class_is_named(animals, tmp_path):
    data = folder_of_images(tmp_path / "photos", "L")
    opened = open_run(animals)
    options = (opened, load_model(opened), str(data), "train")
    with pytest.raises(DataError, match=r"has no labels.* of ant, cat, dog; such as"):
        load_examples(*options)
    assert load_examples(*options, with_classes=False).read(np.arange(1))[1] is None


@pytest.mark.parametrize(("levels", "is_warned"), [(17, True), (256, False)])
def test_levels_that_the_model_does_not_tell_apart_are_spoken_of(
    levels, is_warned, tmp_path, caplog
):
    data = folder_of_images(tmp_path / "photos", "L")
    sets = [f"levels={levels}", "blocks=1", "filters=2", "head_filters=4"]
    options = [word for value in sets for word in ("--set", value)]
    asked = ["--data", str(data), "--steps", "1", "--batch-size", "2", "--out", str(tmp_path / "r")]
    assert run(["train", "pixelcnn", *asked, *options]) == 0
    told = f"'{data}' has more levels than the {levels} that the model tells apart."
    assert caplog.text.count(told) == is_warned
    assert evaluate(tmp_path / "r", "--metrics", "nll", "--split", "train") == 0
    assert caplog.text.count(told) == 2 * is_warned


def test_other_data_of_another_form_are_refused(vae, tmp_path, capsys):
    folder = folder_of_images(tmp_path / "photos", "RGB")
    assert evaluate(vae, "--data", str(folder)) == 1
    error = capsys.readouterr().err
    assert "image_shape is (8, 8, 1)" in error
    assert "with (8, 8, 3)" in error


def test_a_broken_file_of_figures_is_reported_before_anything_is_measured(clean, capsys):
    (clean / "evaluation.json").write_text('["no"]')
    assert evaluate(clean) == 1
    assert "is not what `zoo evaluate` writes. Remove it" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_an_error(tmp_path, capsys):
    assert evaluate(tmp_path / "nothing") == 1
    assert "There is no run" in capsys.readouterr().err


def test_a_model_that_only_samples_has_nothing_to_measure():
    class Sampler:
        config = None

        def sample(self, count, *, seed=0):
            return np.zeros((count, 8, 8, 1), np.float32)

    assert choose_metrics(Sampler(), [], "gan", "image") == ["distance"]
    with pytest.raises(MetricError, match=r"No metric suits 'wave' unasked.*GenerativeModel.*none"):
        choose_metrics(Sampler(), [], "wave", "waveform")
    with pytest.raises(MetricError, match=r"'distance' is of data of kind 'image'.*'waveform'"):
        choose_metrics(Sampler(), ["distance"], "wave", "waveform")
    with pytest.raises(MetricError, match=r"protocol 'HasFeatures' or 'Encodes'"):
        choose_metrics(Sampler(), ["probe"], "gan", "image")


def test_samples_are_measured_by_the_features_and_in_the_number_asked_for(clean, capsys):
    asked = ["--metrics", "precision-recall,neighbours,parzen,terms", "--features", "pixels"]
    assert evaluate(clean, *asked, "--samples", "50", "--json") == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    counts = {name: figure["count"] for name, figure in metrics.items()}
    assert counts == {
        "precision/pixels": 50,
        "recall/pixels": 360,
        "density/pixels": 50,
        "coverage/pixels": 360,
        "nearest_neighbour_ratio/pixels": 50,
        "parzen_log_likelihood_nats": 360,
        "parzen_bandwidth": 1000,
        "negative_bound_nats": 360,
        "reconstruction_nats": 360,
        "kl_nats": 360,
    }
    terms = [metrics[name]["value"] for name in ("reconstruction_nats", "kl_nats")]
    assert metrics["negative_bound_nats"]["value"] == pytest.approx(sum(terms), rel=1e-5)
    with Image.open(clean / "neighbours.png") as picture:
        assert picture.format == "PNG"


def test_features_that_there_are_not_are_a_usage_error(vae, capsys):
    assert evaluate(vae, "--features", "magic") == 2
    assert "'classifier', 'inception', 'pixels'" in capsys.readouterr().err


def test_one_example_has_no_distance_and_it_is_said(vae, capsys):
    assert evaluate(vae, "--metrics", "distance", "--features", "pixels", "--count", "1") == 1
    assert "2 or more held-out examples and as many samples" in capsys.readouterr().err


def test_a_class_conditional_run_is_sampled_by_class(tmp_path, capsys):
    folder = train(tmp_path / "run", "vae", "--set", "class_conditional=true")
    capsys.readouterr()
    asked = ["--metrics", "distance", "--features", "pixels", "--count", "40", "--json"]
    assert evaluate(folder, *asked) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert metrics["frechet_distance/pixels"]["value"] > 0


def test_every_metric_of_the_table_can_be_imported():
    from zoo.card import resolve

    for metric in METRICS.values():
        assert callable(resolve(metric.function))
        assert set(metric.needs) <= set(CAPABILITIES)
    for reference in FEATURES.values():
        assert callable(resolve(reference))


def folder_of_images(folder: Path, mode: str) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    shape = (12, 10, 3) if mode == "RGB" else (12, 10)
    for number in range(4):
        pixels = random.integers(0, 256, shape).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder
