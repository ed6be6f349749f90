"""The rows of images of text count what they say, beside references that compute the same."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

import zoo
from benchmarks.captions import make_captions, make_embeddings
from benchmarks.flops import flops_per_example
from benchmarks.references import REFERENCES
from benchmarks.rows import ROWS, find
from benchmarks.rows_stackgan import STACKGAN_ROWS
from benchmarks.worker import build, examples_of, given_to_fit, measure

torch = pytest.importorskip("torch")

from benchmarks.references import torch_stackgan as references  # noqa: E402

STAGES = [row for row in STACKGAN_ROWS if row.kind == "training"]

builds_ours = pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="what is counted is the same on all backends, and JAX builds models slowly",
)

TINY = {
    "embedding_size": 6,
    "condition_size": 3,
    "latent_size": 4,
    "generator_filters": 8,
    "discriminator_filters": 2,
}


def small(row):
    """Return a row with a tiny network and few examples a step, and examples for two steps."""
    is_second = row.config["stage"] == 2
    sizes = {**row.config, **TINY, **({"residual_blocks": 1} if is_second else {})}
    side = 32 if is_second else 16
    row = dataclasses.replace(row, config=sizes, batch_size=2, image_shape=(side, side, 3))
    return row, examples_of(row, 4)


def array(tensor):
    return np.array(ops.convert_to_numpy(tensor))


def grid_first(values, grid=4):
    """Return what stands as (…, h, w, F) in its last dimension as (…, F, h, w)."""
    folded = values.reshape(*values.shape[:-1], grid, grid, -1)
    return np.moveaxis(folded, -1, -3).reshape(values.shape)


def give(module, network):
    """Copy kernels, biases and scales of a Keras network, part by part in their order."""
    parts = [p for p in module.modules() if isinstance(p, torch.nn.Conv2d | torch.nn.Linear)]
    ours = [layer for layer in network.layers if hasattr(layer, "kernel")]
    for part, layer in zip(parts, ours, strict=True):
        kernel = array(layer.kernel)
        if isinstance(part, torch.nn.Conv2d):
            kernel = kernel.transpose(3, 2, 0, 1)
        else:
            kernel = (kernel if layer.use_bias else grid_first(kernel)).T
        part.weight.data = torch.from_numpy(np.ascontiguousarray(kernel))
        if part.bias is not None:
            part.bias.data = torch.from_numpy(array(layer.bias))
    norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
    parts = [part for part in module.modules() if isinstance(part, norms)]
    ours = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    for part, layer in zip(parts, ours, strict=True):
        scale = array(layer.gamma)
        scale = grid_first(scale) if isinstance(part, torch.nn.BatchNorm1d) else scale
        part.weight.data = torch.from_numpy(np.ascontiguousarray(scale))


def tiny_model(name):
    row, _ = small(find(name))
    return zoo.create(row.model, **row.full_config)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def images_of(network, *inputs):
    """Return what a Keras generator makes, in [-1, 1] and channels first."""
    return 2 * array(network(list(inputs), training=True)).transpose(0, 3, 1, 2) - 1


def channels_first(images):
    return torch.from_numpy(np.ascontiguousarray(2 * images.transpose(0, 3, 1, 2) - 1))


@builds_ours
@pytest.mark.parametrize("row", STAGES, ids=lambda row: row.name)
def test_every_stage_has_the_parameters_it_states(row):
    assert row in ROWS
    _, facts = build(row, "zoo", examples_of(row, 1))
    assert facts["parameters"] == row.parameters


@pytest.mark.parametrize("row", STACKGAN_ROWS, ids=lambda row: row.name)
def test_every_reference_has_the_parameters_it_states_and_runs(row):
    _, facts = build(row, row.reference, examples_of(row, 1))
    assert facts["parameters"] == row.parameters
    tiny, examples = small(row)
    contender = REFERENCES[row.reference].build(tiny, examples)
    contender.run(len(examples))
    assert contender.share == 1


def test_both_stages_have_the_parameters_of_the_published_table():
    first, second = STAGES
    told = 1024 * 128 + 128  # the discriminator's layer on the embedding, which that table lacks
    assert first.parameters == 10_301_248 + 5_715_713 + told
    assert second.parameters + 10_301_248 == 107_860_450 + told  # with the first generator, frozen


@builds_ours
@pytest.mark.parametrize("row", STACKGAN_ROWS, ids=lambda row: row.name)
def test_ours_runs_on_the_examples_of_the_row(row, monkeypatch):
    row, examples = small(row)
    model = zoo.create(row.model, **row.full_config)
    total = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    monkeypatch.setattr(zoo, "create", lambda *_, **__: model)
    contender, facts = build(dataclasses.replace(row, parameters=total), "zoo", examples)
    assert measure(contender, row, 0) > 0
    assert facts["flops"] > 0


@builds_ours
def test_the_reference_of_stage_one_computes_what_ours_computes():
    model = tiny_model("stackgan-64")
    reference = references.FirstGenerator(3 + 4, 3, 8, 2)
    give(reference, model.first_generator)
    conditions, latents = noise(5, 3), noise(5, 4, seed=1)
    both = torch.from_numpy(np.concatenate([conditions, latents], axis=1))
    with torch.no_grad():
        made = reference(both).numpy()
    ours = images_of(model.first_generator, conditions, latents)
    np.testing.assert_allclose(ours, made, rtol=1e-3, atol=1e-4)


@builds_ours
def test_the_reference_of_stage_two_computes_what_ours_computes():
    model = tiny_model("stackgan-256")
    reference = references.SecondGenerator(3, 8, 3, 1, 2)
    give(reference, model.second_generator)
    conditions, images = noise(5, 3), np.abs(noise(5, 8, 8, 3)) % 1
    with torch.no_grad():
        made = reference(channels_first(images), torch.from_numpy(conditions)).numpy()
    ours = images_of(model.second_generator, images, conditions)
    np.testing.assert_allclose(ours, made, rtol=1e-3, atol=1e-4)


@builds_ours
@pytest.mark.parametrize("name", ["stackgan-64", "stackgan-256"])
def test_the_reference_judges_as_ours_does(name):
    model, row = tiny_model(name), small(find(name))[0]
    side = row.image_shape[0]
    is_second = row.config["stage"] == 2
    reference = references.Discriminator(
        3, 2, int(math.log2(side // 4)), 6, 3, is_unconditional=is_second
    )
    give(reference.trunk, model.trunk)
    give(torch.nn.ModuleList([reference.compress, reference.head]), model.head)
    if is_second:
        give(reference.unconditional, model.unconditional_head)
    embeddings, images = noise(5, 6), np.abs(noise(5, side, side, 3)) % 1
    with torch.no_grad():
        features = reference.trunk(channels_first(images))
        judged = reference.judge(features, torch.from_numpy(embeddings))
    told = ops.convert_to_tensor(embeddings)
    ours = model.judge(model.trunk(images, training=True), told, True)
    for one, other in zip(ours, judged, strict=True):
        np.testing.assert_allclose(array(one), other.numpy(), rtol=1e-3, atol=1e-4)


@builds_ours
def test_conditions_lie_where_ours_do():
    model = tiny_model("stackgan-64")
    reference = references.Conditioning(6, 3)
    give(reference, model.first_conditioning)
    embeddings = noise(5, 6)
    with torch.no_grad():
        _, *expected = reference(torch.from_numpy(embeddings))
    for ours, theirs in zip(model.first_conditioning(embeddings), expected, strict=True):
        np.testing.assert_allclose(array(ours), theirs.numpy(), rtol=1e-4, atol=1e-6)


@builds_ours
def test_stage_one_costs_three_judgements_of_text_and_two_of_images():
    row = find("stackgan-64")
    model = zoo.create(row.model, **row.full_config)
    grid = [(8, 1024), (16, 512), (32, 256), (64, 128)]  # side and channels that come in
    dense = 228 * 16_384
    generator = dense + sum(s * s * 9 * f * f // 2 for s, f in grid) + 64 * 64 * 9 * 64 * 3
    halved = [(32, 3, 64), (16, 64, 128), (8, 128, 256), (4, 256, 512)]
    trunk = sum(s * s * 16 * a * b for s, a, b in halved)
    first = 32 * 32 * 16 * 3 * 64
    head = 1024 * 128 + 16 * 9 * 640 * 512 + 16 * 512
    conditioning = 1024 * 256
    expected = 2 * conditioning + 3 * generator
    expected += 2 * trunk + 2 * (3 * trunk - first) + 2 * head + 3 * 3 * head
    assert flops_per_example(model, row.passes) == 2 * expected


def test_examples_are_images_with_captions_and_embeddings():
    row, examples = small(find("stackgan-64"))
    given = given_to_fit(row, examples)
    np.testing.assert_array_equal(given["image"], examples)
    assert given["embedding"].shape == (4, 6)
    np.testing.assert_array_equal(given["embedding"], make_embeddings(4, 6))
    assert len(np.unique(make_captions(1000), axis=0)) == 1000
    assert given["caption"].min() > 1  # neither an end nor an unknown word
