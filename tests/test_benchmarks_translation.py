"""The rows of translation count what they say, beside references that compute the same."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from benchmarks.flops import flops_per_example
from benchmarks.references import REFERENCES
from benchmarks.rows import ROWS, find
from benchmarks.rows_translation import TRANSLATION_ROWS
from benchmarks.worker import build, examples_of, given_to_fit, measure

torch = pytest.importorskip("torch")

from benchmarks.references import torch_translation as references  # noqa: E402

# One row of each model: those that translate with what others train have the same networks.
MODELS = [row for row in TRANSLATION_ROWS if row.kind == "training"]

builds_ours = pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="what is counted is the same on all backends, and JAX builds models slowly",
)

TINY = {
    "cyclegan": {"generator_filters": 2, "residual_blocks": 1, "discriminator_filters": 2},
    "discogan": {"generator_filters": 2, "discriminator_filters": 2},
}


def small(row):
    """Return a row with tiny networks and few examples a step, and examples for two steps."""
    config = {**row.config, **TINY[row.model]}
    row = dataclasses.replace(row, config=config, batch_size=min(2, row.batch_size))
    return row, examples_of(row, 2 * row.batch_size)


def array(tensor):
    return np.array(ops.convert_to_numpy(tensor))


def kernels(network):
    """Return the kernels of a Keras network in order, with inputs and outputs as PyTorch has."""
    kinds = (layers.Conv2D, layers.Conv2DTranspose, layers.Dense)
    found = [layer for layer in network.layers if isinstance(layer, kinds)]
    return [array(layer.kernel) for layer in found]


def give(module, network):
    """Copy the kernels of a Keras network; a dense layer sees the 4x4 pixels that are left."""
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    parts = [part for part in module.modules() if isinstance(part, kinds)]
    for part, kernel in zip(parts, kernels(network), strict=True):
        taps = kernel.reshape(4, 4, -1, 1) if kernel.ndim == 2 else kernel
        part.weight.data = torch.from_numpy(np.ascontiguousarray(taps.transpose(3, 2, 0, 1)))
        if part.bias is not None:
            part.bias.data.zero_()


def channels_first(images):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


@builds_ours
@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_model_has_the_parameters_it_states(row):
    assert row in ROWS
    _, facts = build(row, "zoo", examples_of(row, 1))
    assert facts["parameters"] == row.parameters


@pytest.mark.parametrize("row", TRANSLATION_ROWS, ids=lambda row: row.name)
def test_every_reference_has_the_parameters_it_states_and_runs(row):
    _, facts = build(row, row.reference, examples_of(row, 1))
    assert facts["parameters"] == (row.reference_parameters or row.parameters)
    tiny, examples = small(row)
    contender = REFERENCES[row.reference].build(tiny, examples)
    contender.run(len(examples))
    assert contender.share == 1


@builds_ours
@pytest.mark.parametrize("row", TRANSLATION_ROWS, ids=lambda row: row.name)
def test_ours_runs_on_the_examples_of_the_row(row, monkeypatch):
    row, examples = small(row)
    model = zoo.create(row.model, **row.full_config)
    total = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    monkeypatch.setattr(zoo, "create", lambda *_, **__: model)
    contender, facts = build(dataclasses.replace(row, parameters=total), "zoo", examples)
    assert measure(contender, row, 0) > 0
    assert facts["flops"] > 0


@builds_ours
def test_the_references_of_the_discogan_compute_what_ours_computes():
    row, examples = small(find("discogan-64"))
    model = zoo.create(row.model, **row.full_config)
    x = given_to_fit(row, examples)
    generator = references.DiscoGANGenerator(3, 2, 4)
    give(generator, model.generator_b)
    discriminator = references.DiscoGANDiscriminator(3, 2, 4)
    give(discriminator, model.discriminator_b)
    with torch.no_grad():
        made = generator(channels_first(x["A"])).numpy().transpose(0, 2, 3, 1)
        probabilities, features = discriminator(channels_first(x["B"]))
    ours = model.generator_b(x["A"], training=True)
    np.testing.assert_allclose(array(ours), made, rtol=1e-3, atol=1e-4)
    logits, *layers_ = (array(output) for output in model.discriminator_b(x["B"], training=True))
    expected = probabilities.numpy().reshape(-1, 1)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, rtol=1e-3, atol=1e-4)
    for one, other in zip(layers_, features, strict=True):
        np.testing.assert_allclose(one, other.numpy().transpose(0, 2, 3, 1), rtol=1e-2, atol=1e-3)


@builds_ours
def test_the_discriminator_of_the_cyclegan_scores_patches_as_ours_does():
    row, examples = small(find("cyclegan-64"))
    model = zoo.create(row.model, **row.full_config)
    x = given_to_fit(row, examples)["B"]
    discriminator = references.CycleGANDiscriminator(3, 2)
    give(discriminator, model.discriminator_b)
    with torch.no_grad():
        scores = discriminator(channels_first(2 * x - 1)).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(array(model.discriminator_b(x)), scores, rtol=1e-3, atol=1e-4)


def test_features_are_compared_by_their_means():
    real = torch.tensor([[0.0, 4.0], [2.0, 0.0]])  # means 1 and 2
    fake = torch.tensor([[5.0, 0.0], [1.0, 0.0]])  # means 3 and 0
    assert references.features_l2([real, real], [fake, fake]) == 8


def test_the_pool_gives_an_older_fake_half_of_the_time():
    torch.manual_seed(0)
    pool = references.ImagePool(10)
    fakes = torch.arange(2000.0).reshape(-1, 1)
    given = torch.cat([pool.exchange(fake[None]) for fake in fakes])[:, 0]
    np.testing.assert_array_equal(given[:10], fakes[:10, 0])  # until it is full
    older = given[10:] < fakes[10:, 0]
    assert older.float().mean() == pytest.approx(0.5, abs=0.05)
    assert len(pool.images) == 10


@builds_ours
def test_the_discogan_costs_what_the_players_that_move_need():
    row = find("discogan-64")
    model = zoo.create(row.model, **row.full_config)
    sides = (32, 16, 8, 4)
    down = [side**2 * 16 * 64 * 2**n * (32 * 2**n if n else 3) for n, side in enumerate(sides)]
    generator, first = 2 * sum(down), down[0]
    discriminator = sum(down) + 4 * 4 * 512
    # Of three turns two are the generators', of each domain one network.
    moved = (3 * generator - first) + 3 * generator + discriminator + 2 * discriminator
    judged = generator + 2 * (3 * discriminator - first)
    expected = 2 * 2 * (2 * moved + judged) / 3
    assert flops_per_example(model, row.passes) == pytest.approx(expected, abs=2)


@builds_ours
def test_the_cyclegan_costs_three_passes_of_each_generator():
    row = find("cyclegan-64")
    model = zoo.create(row.model, **row.full_config)
    ends, sides = 64**2 * 49 * 3 * 64, 16**2 * 9 * 128 * 256  # both down and both up the same
    generator = 2 * ends + 4 * sides + 18 * 16**2 * 9 * 256**2
    first = 32**2 * 16 * 3 * 64
    discriminator = first + 16 * (
        16**2 * 64 * 128 + 8**2 * 128 * 256 + 7**2 * 256 * 512 + 6**2 * 512
    )
    expected = 9 * generator - 2 * ends + 2 * discriminator + 2 * (3 * discriminator - first)
    assert flops_per_example(model, row.passes) == 2 * 2 * expected


def test_examples_are_an_image_of_each_domain():
    row, examples = small(find("discogan-64"))
    assert examples.shape == (4, 2, 64, 64, 3)
    given = given_to_fit(row, examples)
    np.testing.assert_array_equal(given["A"], examples[:, 0])
    np.testing.assert_array_equal(given["B"], examples[:, 1])
