"""The benchmarks count what they say they count, and a row can be measured."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from benchmarks import report
from benchmarks.flops import flops_per_example, forward_flops
from benchmarks.references import REFERENCES
from benchmarks.rows import ROWS, Pass, find
from benchmarks.rows_autoregressive import AUTOREGRESSIVE_ROWS
from benchmarks.rows_sequences import SEQUENCE_ROWS
from benchmarks.rows_stackgan import STACKGAN_ROWS
from benchmarks.rows_translation import TRANSLATION_ROWS
from benchmarks.run import Peaks, Result, Spread, run_row
from benchmarks.worker import build, epoch, make_examples, whole

# Large networks, and those that make examples element by element, take long to run whole, and have
# tests of their own.
ELSEWHERE = (*AUTOREGRESSIVE_ROWS, *SEQUENCE_ROWS, *TRANSLATION_ROWS, *STACKGAN_ROWS)
QUICK_ROWS = [row for row in ROWS if row not in ELSEWHERE]
SPREAD = Spread.of([3.0, 1.0, 2.0])


def small(row):
    """Return a row with few examples a step, and images for two steps of it."""
    row = dataclasses.replace(row, batch_size=2, steps_per_execution=1)
    return row, make_examples(2 * row.examples_per_turn, row.example_shape)


@pytest.mark.parametrize("row", QUICK_ROWS, ids=lambda row: row.name)
def test_every_row_has_the_parameters_it_states_and_runs(row):
    row, images = small(row)
    contender, facts = build(row, "zoo", images)
    contender.run(len(images))
    assert facts["parameters"] == row.parameters
    assert facts["flops"] > 0


@pytest.mark.parametrize(
    "row", [row for row in QUICK_ROWS if row.reference], ids=lambda row: row.name
)
def test_every_reference_is_as_large_as_what_it_is_compared_with_and_runs(row):
    pytest.importorskip(REFERENCES[row.reference].backend)
    if (
        REFERENCES[row.reference].backend == "tensorflow"
        and keras.backend.backend() != "tensorflow"
    ):
        pytest.skip("a Keras reference needs Keras on TensorFlow")
    row, images = small(row)
    contender, facts = build(row, row.reference, images)
    contender.run(len(images))
    assert facts["parameters"] == row.parameters


def test_dense_training_costs_three_products_less_the_gradient_of_the_data():
    row = find("iwae")
    model = zoo.create(row.model, **row.config)
    encoder = 784 * 512 + 512 * 100
    decoder = 50 * 512 + 512 * 784
    expected = 2 * (3 * (encoder + 50 * decoder) - 784 * 512)
    assert flops_per_example(model, row.passes) == expected
    passes = [Pass(network="encoder"), Pass(network="decoder", count=50)]
    assert flops_per_example(model, passes) == 2 * (encoder + 50 * decoder)


def test_adversarial_training_costs_what_its_moves_need():
    row = find("wgan-gp-dense")
    model = zoo.create(row.model, **row.full_config)
    first_up, first_down = 100 * 128, 784 * 512
    up = first_up + 128 * 256 + 256 * 512 + 512 * 1024 + 1024 * 784
    down = first_down + 512 * 256 + 256
    of_the_critic = up + 2 * (3 * down - first_down) + 4 * down  # fakes, scores, penalty
    of_the_generator = (3 * up - first_up) + 2 * down
    expected = round(2 * (of_the_critic + of_the_generator / 5))
    assert flops_per_example(model, row.passes) == expected


def test_a_turn_of_five_critic_moves_counts_five_batches():
    row = find("wgan-dense")
    assert row.examples_per_turn == 5 * 64
    assert row.examples_per_call == row.steps_per_execution * 5 * 64
    model = zoo.create(row.model, **row.full_config)
    assert model.slices * row.batch_size == row.examples_per_turn


@pytest.mark.parametrize(
    ("layer", "multiplications"),
    [
        (layers.Conv2D(5, 3, strides=2, padding="same"), 4 * 4 * 3 * 3 * 6 * 5),
        (layers.Conv2D(4, 3, groups=2), 6 * 6 * 3 * 3 * 3 * 4),
        (layers.Conv2DTranspose(5, 3, strides=2, padding="same"), 8 * 8 * 3 * 3 * 6 * 5),
        (layers.Dense(7), 8 * 8 * 6 * 7),
        (layers.ReLU(), 0),
    ],
)
def test_operations_of_a_layer_are_counted_as_by_hand(layer, multiplications):
    keras.Model(inputs := keras.Input((8, 8, 6)), layer(inputs))
    assert forward_flops(layer) == 2 * multiplications


def test_a_layer_without_a_formula_is_refused():
    layer = layers.LSTM(3)
    keras.Model(inputs := keras.Input((5, 2)), layer(inputs))
    with pytest.raises(NotImplementedError, match="LSTM"):
        forward_flops(layer)


def test_a_row_that_misstates_its_parameters_is_refused():
    row = dataclasses.replace(find("vae-dense-sampling"), parameters=1)
    with pytest.raises(ValueError, match=r"652,824"):
        build(row, "zoo", make_examples(1, row.image_shape))


def test_examples_are_whole_calls_below_an_epoch_and_whole_epochs_above():
    row = find("vae-dense")
    call = row.batch_size * row.steps_per_execution
    assert whole(0, row) == call
    assert whole(3.9 * call, row) == 3 * call
    assert epoch(row) == 58 * call  # of 60,000
    assert whole(2.5 * epoch(row), row) == 2 * epoch(row)


def test_of_large_images_there_are_fewer_so_that_they_fit_in_memory():
    row = find("dcgan-64")
    assert epoch(row) == 85 * 64  # of 2^28 bytes


def test_a_row_is_measured_beside_its_reference_in_one_process():
    peaks = Peaks()
    row = find("engine-overhead")
    reference, ours = run_row(row, ["tensorflow"], seconds=0, rounds=2, peaks=peaks)
    assert (reference.contender, ours.contender) == ("keras-train-step", "tensorflow")
    assert reference.ratio is None
    assert ours.ratio is not None
    assert ours.ratio.least > 0
    assert math.isfinite(ours.ratio.most)
    assert ours.flops == reference.flops
    assert 0 < ours.growth_bytes < ours.peak_bytes
    assert set(peaks.readings) == {"numpy", "tensorflow"}
    assert peaks.best > 0


def test_the_report_states_the_fraction_of_the_peak_and_no_path(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    result = Result(
        row="vae-dense",
        contender="jax",
        rate=Spread.of([20_000.0]),
        ratio=SPREAD,
        flops=3_000_000,
        parameters=652_824,
        first_step_s=1.0,
        peak_bytes=2_000_000,
        growth_bytes=1_000_000,
    )
    peaks = Peaks()
    peaks.add({"numpy": 100.0, "jax": 120.0})
    peaks.add({"numpy": 140.0, "jax": 120.0})
    as_json, as_markdown = report.write("quiet", [result], peaks, report.facts("command"))
    content = json.loads(as_json.read_text())
    assert content["peak_gflops"] == 120
    assert content["results"][0]["ratio"] == {"median": 2, "least": 1, "most": 3}
    line = as_markdown.read_text().splitlines()[-1]
    assert [cell.strip() for cell in line.split("|")][5:8] == ["3.00", "60.0", "0.50"]
    assert str(tmp_path) not in as_json.read_text() + as_markdown.read_text()


def test_terminal_columns_are_as_wide_as_their_widest_cell():
    assert (
        report.aligned([("row", "by", "rate"), ("a", "bc", "1")]) == "row  by  rate\na    bc     1"
    )


def test_images_are_in_the_range_of_the_data():
    images = make_examples(3, (28, 28, 1))
    assert images.shape == (3, 28, 28, 1)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1


def test_judges_tell_apart_what_is_apart():
    from benchmarks.wasserstein import judge

    def points(place, seed):
        along = np.random.default_rng(seed).uniform(size=8000)
        pairs = np.stack([np.full(8000, place), along], axis=1)
        return pairs[:, None, :, None].astype("float32")

    near, far = points(0.0, 1), points(0.5, 2)
    assert judge("gan", (64,), points(0.0, 0), near, 1000) == pytest.approx(0.0, abs=0.05)
    assert judge("gan", (64,), points(0.0, 0), far, 1000) > 0.5
