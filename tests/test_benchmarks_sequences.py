"""The rows of sequences count what they say, beside references that compute the same."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from benchmarks.flops import flops_per_example
from benchmarks.references import REFERENCES
from benchmarks.rows import ROWS, find
from benchmarks.rows_sequences import SEQUENCE_ROWS
from benchmarks.worker import build, examples_of, measure

torch = pytest.importorskip("torch")

from benchmarks.references import torch_sequences as references  # noqa: E402

# One row of each model: those that sample what others train have the same.
MODELS = [row for row in SEQUENCE_ROWS if row.kind == "training"]
SAMPLED = [row for row in SEQUENCE_ROWS if row.kind == "sampling"]

builds_ours = pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="what is counted is the same on all backends, and JAX builds models slowly",
)

TINY = {
    "sketch-rnn": {"encoder_units": 3, "decoder_units": 4, "latent_size": 2, "mixtures": 3},
    "sentence-vae": {
        "vocabulary": ("", "▁<unknown>", "▁a", "▁b", "▁c"),
        "units": 4,
        "embedding_size": 3,
        "latent_size": 2,
    },
}


def small(row):
    """Return a row with a tiny network and short sequences, and examples for two steps of it."""
    config = {**row.config, **TINY[row.model]}
    counted = 6 if row.counted > 1 else 1
    row = dataclasses.replace(row, config=config, batch_size=2, length=6, counted=counted)
    return row, examples_of(row, 4)


def tiny_model(name):
    """Return our model of a tiny row with no weight at zero, and examples."""
    row, examples = small(find(name))
    model = zoo.create(row.model, **row.full_config)
    random = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(random.normal(0, 0.5, weight.shape).astype("float32"))
    return model, examples


def array(weight):
    return np.array(ops.convert_to_numpy(weight))


def give(parameter, values):
    parameter.data = torch.from_numpy(np.ascontiguousarray(values, "float32"))


def give_dense(linear, dense):
    give(linear.weight, array(dense.kernel).T)
    give(linear.bias, array(dense.bias))


def give_recurrent(module, layer, suffix=""):
    """Copy weights of a recurrent layer; PyTorch has the gates in another order."""
    # i, f, o, g here and i, f, g, o there; u, r, n here and r, u, n there.
    order = [0, 1, 3, 2] if layer.parts == 4 else [1, 0, 2]

    def ordered(kernel):
        parts = np.split(array(kernel), layer.parts, axis=-1)
        return np.concatenate([parts[part] for part in order], axis=-1)

    kernels = (
        [layer.kernel] if layer.context_kernel is None else [layer.kernel, layer.context_kernel]
    )
    give(
        getattr(module, f"weight_ih_l0{suffix}"),
        np.concatenate([ordered(kernel) for kernel in kernels]).T,
    )
    give(getattr(module, f"weight_hh_l0{suffix}"), ordered(layer.recurrent_kernel).T)
    give(getattr(module, f"bias_ih_l0{suffix}"), ordered(layer.bias))
    idle = np.zeros(layer.bias.shape, "float32")
    if layer.parts == 3:
        idle[-layer.units :] = array(layer.reset_bias)
    give(getattr(module, f"bias_hh_l0{suffix}"), idle)


def sketch_reference(model):
    """Return the reference with the weights of our Sketch-RNN."""
    network = references.SketchRNN(dataclasses.asdict(model.config))
    give_recurrent(network.encoder, model.encoder.from_start)
    give_recurrent(network.encoder, model.encoder.from_end, "_reverse")
    give_dense(network.statistics, model.encoder.statistics)
    give_dense(network.first_state, model.decoder_network.first_state)
    give_recurrent(network.decoder, model.decoder_network.cell)
    give_dense(network.outputs, model.decoder_network.outputs)
    return network


def sentence_reference(model):
    """Return the reference with the weights of our sentence VAE."""
    network = references.SentenceVAE(dataclasses.asdict(model.config))
    give(network.embedding.weight, array(model.embedding.embeddings))
    give_recurrent(network.reader, model.reader.recurrent)
    give_dense(network.statistics, model.reader.statistics)
    give_dense(network.first_state, model.writer.beginning)
    give_recurrent(network.writer, model.writer.recurrent)
    give_dense(network.outputs, model.writer.vocabulary)
    return network


@builds_ours
@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_model_has_the_parameters_it_states(row):
    assert row in ROWS
    _, facts = build(row, "zoo", examples_of(row, 1))
    assert facts["parameters"] == row.parameters


@pytest.mark.parametrize("row", SEQUENCE_ROWS, ids=lambda row: row.name)
def test_every_reference_has_the_parameters_it_states_and_runs(row):
    _, facts = build(row, row.reference, examples_of(row, 1))
    assert facts["parameters"] == row.reference_parameters
    tiny, examples = small(row)
    contender = REFERENCES[row.reference].build(tiny, examples)
    contender.run(len(examples))
    assert contender.share == 1


@builds_ours
def test_the_reference_of_sketches_computes_what_ours_computes():
    model, x = tiny_model("sketch-rnn")
    network = sketch_reference(model)
    latents = np.random.default_rng(1).normal(size=(len(x), 2)).astype("float32")
    with torch.no_grad():
        theirs = network.posterior(torch.from_numpy(x))
        outputs = network(torch.from_numpy(x), torch.from_numpy(latents))
        offset = references.offset_nats(outputs, torch.from_numpy(x[..., :2]))
    for one, other in zip(model.posterior(x, None), theirs, strict=True):
        np.testing.assert_allclose(array(one), other.numpy(), rtol=1e-4, atol=1e-5)
    drawn = 1 - x[..., 4]
    ours, pen = model.row_nats(
        ops.convert_to_tensor(x), None, ops.convert_to_tensor(latents), False
    )
    # Ours bounds the standard deviations from below.
    np.testing.assert_allclose(array(ours), offset.numpy() * drawn, rtol=1e-2, atol=1e-2)
    log_pen = torch.log_softmax(outputs[..., :3], -1).numpy()
    np.testing.assert_allclose(array(pen), -(log_pen * x[..., 2:]).sum(-1), rtol=1e-4, atol=1e-5)


@builds_ours
def test_the_reference_of_sentences_computes_what_ours_computes():
    model, x = tiny_model("sentence-vae")
    network = sentence_reference(model)
    latents = np.random.default_rng(1).normal(size=(len(x), 1, 2)).astype("float32")
    with torch.no_grad():
        tokens = torch.from_numpy(x).long()
        theirs = network.posterior(tokens)
        logits = network(tokens, torch.from_numpy(latents[:, 0]))
        nats = torch.nn.functional.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
    x = ops.convert_to_tensor(x)
    for one, other in zip(model.posterior(x, None), theirs, strict=True):
        np.testing.assert_allclose(array(one), other.numpy(), rtol=1e-4, atol=1e-5)
    ours = model.nll_given(x, None, ops.convert_to_tensor(latents))
    np.testing.assert_allclose(array(ours)[:, 0], nats.sum(1).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("made", [torch.nn.LSTM, torch.nn.GRU])
def test_a_cell_gives_what_its_layer_gives(made):
    torch.manual_seed(0)
    layer = made(3, 4, batch_first=True)
    cell = references.cell_of(layer)
    x, state, outputs = torch.randn(2, 5, 3), None, []
    with torch.no_grad():
        for step in x.unbind(1):
            state = cell(step, state)
            outputs.append(state[0] if made is torch.nn.LSTM else state)
        torch.testing.assert_close(torch.stack(outputs, 1), layer(x)[0])


def test_rows_are_drawn_from_the_mixture():
    torch.manual_seed(0)
    outputs = torch.zeros(20_000, 3 + 6 * 2)
    outputs[:, 1] = 1.0  # pen up
    outputs[:, 3] = 50.0  # the first component
    outputs[:, 5], outputs[:, 7] = 3.0, -2.0  # means of x and y
    outputs[:, 9], outputs[:, 11] = 0.5, -0.5  # logarithms of their standard deviations
    outputs[:, 13] = 0.8
    rows = references.draw_row(outputs)
    offsets, pens = rows[:, :2].numpy(), rows[:, 2:].mean(0)
    np.testing.assert_allclose(offsets.mean(0), [3, -2], atol=0.05)
    np.testing.assert_allclose(offsets.std(0), np.exp([0.5, -0.5]), rtol=0.03)
    assert np.corrcoef(offsets.T)[0, 1] == pytest.approx(np.tanh(0.8), abs=0.02)
    torch.testing.assert_close(pens, torch.softmax(outputs[0, :3], 0), atol=0.02, rtol=0)


@builds_ours
def test_training_of_sketches_costs_three_products_less_the_gradient_of_the_data():
    row = find("sketch-rnn")
    model = zoo.create(row.model, **row.full_config)
    reading = 2 * 128 * (3 * (5 + 256) * 1024 - 5 * 1024)
    once = 3 * (512 * 256 + 128 * 1024 + 128 * 2048)  # statistics, first state, context
    drawing = 129 * (3 * (5 + 512) * 2048 - 5 * 2048 + 3 * 512 * 123)
    # The first kernel's gradient by its input is counted by place.
    assert flops_per_example(model, row.passes) == 2 * (reading + once + drawing)


@builds_ours
def test_training_of_sentences_costs_three_products_and_no_look_up():
    row = find("sentence-vae")
    model = zoo.create(row.model, **row.full_config)
    recurrent = (300 + 256) * 768
    forward = 26 * (2 * recurrent + 256 * 9_877) + 256 * 32 + 16 * 256
    assert flops_per_example(model, row.passes) == 3 * 2 * forward


@builds_ours
@pytest.mark.parametrize("row", SAMPLED, ids=lambda row: row.name)
def test_nothing_that_is_sampled_ends_early(row, monkeypatch):
    row, examples = small(row)
    model = zoo.create(row.model, **row.full_config)
    total = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
    monkeypatch.setattr(zoo, "create", lambda *_, **__: model)
    contender, _ = build(dataclasses.replace(row, parameters=total), "zoo", examples)
    assert measure(contender, row, 0) > 0
    sampled = model.sample(20)
    ended = sampled[..., 4] > 0 if row.examples == "sketches" else sampled == 0
    assert not ended[:, :-1].any()
    assert ended[:, -1].all()


def test_made_up_examples_are_of_the_public_form():
    _, sketches = small(find("sketch-rnn"))
    assert sketches.dtype == np.float32
    assert sketches.shape == (4, 6, 5)
    np.testing.assert_array_equal(sketches[..., 2:].sum(-1), 1)
    np.testing.assert_array_equal(sketches[..., 4].argmax(1), 5)
    _, sentences = small(find("sentence-vae"))
    assert sentences.dtype == np.int32
    assert sentences.shape == (4, 6)
    assert (sentences[:, :-1] > 1).all()
    assert (sentences[:, -1] == 0).all()
