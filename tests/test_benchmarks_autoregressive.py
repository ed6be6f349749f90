"""The autoregressive rows count what they say, beside references that compute the same."""

import dataclasses
import time

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from benchmarks import report
from benchmarks.flops import flops_per_example
from benchmarks.references import REFERENCES, Contender
from benchmarks.row import Pass
from benchmarks.rows import ROWS, find
from benchmarks.rows_autoregressive import AUTOREGRESSIVE_ROWS
from benchmarks.run import Result, Spread
from benchmarks.worker import build, make_examples, measure

torch = pytest.importorskip("torch")

from benchmarks.references.torch_pixels import pixel_network, skew, unskew  # noqa: E402
from benchmarks.references.torch_wavenet import Queues, WaveNet  # noqa: E402

# One row of each model and size: those that sample what others train have the same.
MODELS = [row for row in AUTOREGRESSIVE_ROWS if not row.name.endswith("-sampling")]
MODELS.append(find("wavenet-10-sampling"))

builds_ours = pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="what is counted is the same on all backends, and JAX builds models slowly",
)

TINY_PIXELS = {"levels": 2, "first_kernel_size": 5, "filters": 4, "head_filters": 6}
PIXELS = {
    "plain": ("pixelcnn", {**TINY_PIXELS, "blocks": 2, "kernel_size": 3}),
    "gated": ("pixelcnn", {**TINY_PIXELS, "blocks": 2, "kernel_size": 3}),
    "row": ("pixelrnn", {**TINY_PIXELS, "layers": 2}),
    "diagonal": ("pixelrnn", {**TINY_PIXELS, "layers": 2}),
}
TINY_WAVENET = {
    "levels": 5,
    "dilations": 3,
    "stacks": 2,
    "residual_channels": 3,
    "dilation_channels": 4,
    "skip_channels": 6,
    "head_channels": 7,
}


def randomised(model):
    """Return the model with no weight at zero."""
    random = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(random.normal(0, 0.5, weight.shape).astype("float32"))
    return model


def network_logits(model, codes):
    """Return the logits (B, R, M, K) of our model for codes (B, R, M)."""
    codes = ops.convert_to_tensor(codes)
    return ops.convert_to_numpy(model.logits(codes, model.told_of(codes, None), False))


def give(parameter, values):
    """Set a torch parameter; what it has beyond the values, at the end of each axis, to 0."""
    whole = np.zeros(parameter.shape, "float32")
    whole[tuple(slice(size) for size in values.shape)] = values
    parameter.data = torch.from_numpy(whole)


def give_pixels(network, model):
    """Copy the weights of a model of pixels to its reference."""

    def give_convolutions(modules, variables):
        convolutions = [module for module in modules if isinstance(module, torch.nn.Conv2d)]
        kernels = [v.numpy() for v in variables if v.ndim > 1]
        biases = [v.numpy() for v in variables if v.ndim == 1]
        for convolution, kernel, bias in zip(convolutions, kernels, biases, strict=True):
            square = kernel.reshape((1,) * (4 - kernel.ndim) + kernel.shape)
            give(convolution.weight, np.transpose(square, (3, 2, 0, 1)))
            give(convolution.bias, bias)

    def variables(layers):
        found = [w for layer in layers for w in layer.trainable_variables]
        return [torch.from_numpy(np.array(ops.convert_to_numpy(w))) for w in found]

    ours = model.network
    if not hasattr(ours, "lstm"):
        give_convolutions(network.modules(), variables([ours]))
        return
    lstm = ours.lstm
    order = [ours.first]
    for pair in zip(lstm.inputs_to_state, lstm.widen, strict=True):
        order += pair
    give_convolutions(network.modules(), variables([*order, ours.head, ours.last]))
    for layer, kernel in zip(network.network[1:], lstm.state_to_state, strict=False):
        give(layer.state_to_state.weight, np.transpose(ops.convert_to_numpy(kernel), (2, 1, 0)))


def give_sounds(network, model):
    """Copy the weights of a WaveNet to its reference."""
    ours, width = model.network, model.config.filter_width

    def array(weight):
        return np.array(ops.convert_to_numpy(weight))

    give(network.first.weight, array(ours.first.kernel)[::-1].transpose(2, 1, 0))
    give(network.first.bias, array(ours.first.bias))
    for number, layer in enumerate(ours.stack):
        kernel = array(layer.kernel)
        taps = kernel.reshape(width, -1, kernel.shape[1])
        give(network.convs[number].weight, taps.transpose(2, 1, 0))
        give(network.convs[number].bias, array(layer.bias))
        if not layer.is_last:
            give(network.residuals[number].weight, array(layer.residual.kernel).T[..., None])
            give(network.residuals[number].bias, array(layer.residual.bias))
    skips = np.split(array(ours.skip.kernel), len(ours.stack))
    for number, (skip, kernel) in enumerate(zip(network.skips, skips, strict=True)):
        give(skip.weight, kernel.T[..., None])
        give(skip.bias, array(ours.skip.bias) * (number == 0))
    for convolution, layer in zip(network.head[1::2], (ours.head, ours.last), strict=True):
        give(convolution.weight, array(layer.kernel).T[..., None])
        give(convolution.bias, array(layer.bias))


def small(row):
    """Return a row with a tiny network, of whatever size, and examples for two steps of it."""
    row = dataclasses.replace(row, batch_size=2, image_shape=(4, 4, 1))
    if row.model == "wavenet":
        config = {**row.config, **TINY_WAVENET}
        reach = (row.config["filter_width"] - 1) * 15
        row = dataclasses.replace(row, config=config, length=1 + reach + 4, counted=4)
    else:
        _, sizes = PIXELS[row.config["architecture"]]
        row = dataclasses.replace(row, config={**row.config, **sizes})
    return row, make_examples(4, row.example_shape)


@builds_ours
@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_model_has_the_parameters_it_states(row):
    shorter = {"length": 3072} if row.length else {"image_shape": (4, 4, 1)}
    _, facts = build(dataclasses.replace(row, **shorter), "zoo", make_examples(1, (1,)))
    assert facts["parameters"] == row.parameters
    assert facts["flops"] > 0


@pytest.mark.parametrize("row", AUTOREGRESSIVE_ROWS, ids=lambda row: row.name)
def test_every_reference_has_the_parameters_it_states_and_runs(row):
    assert row in ROWS
    for name in row.references:
        _, facts = build(row, name, make_examples(1, row.example_shape))
        assert facts["parameters"] == row.reference_parameters
        tiny, examples = small(row)
        contender = REFERENCES[name].build(tiny, examples)
        contender.run(len(examples))
        assert 0 < contender.share <= 1
        assert (contender.share == 1) == (row.kind == "training" or name.endswith("-queues"))


@builds_ours
@pytest.mark.parametrize("architecture", ["plain", "gated", "row"])
def test_references_of_pixels_compute_what_ours_computes(architecture):
    name, config = PIXELS[architecture]
    config = {**config, "architecture": architecture}
    model = randomised(zoo.create(name, image_shape=(5, 4, 1), **config))
    network = pixel_network(config)
    give_pixels(network, model)
    codes = np.random.default_rng(1).integers(0, 2, (3, 5, 4)).astype("int32")
    with torch.no_grad():
        theirs = network(torch.from_numpy(codes * 2.0 - 1).float()[:, None])[:, 0]
    ours = network_logits(model, codes)[..., 0]
    np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-4, atol=1e-4)


def test_the_diagonal_reference_sees_all_pixels_before_one_and_none_after():
    config = {**PIXELS["diagonal"][1], "architecture": "diagonal"}
    torch.manual_seed(0)
    network = pixel_network(config).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    # So narrow that the first convolution sees the end of the row above: the states that come down
    # from there have not seen it.
    x = torch.randn(1, 1, 4, 3, dtype=torch.float64, requires_grad=True)
    logits = network(x).flatten()
    for pixel in range(12):
        [gradient] = torch.autograd.grad(logits[pixel], x, retain_graph=True)
        seen = gradient.flatten() != 0
        assert seen[:pixel].all()
        assert not seen[pixel:].any()


def test_skewed_rows_are_straightened_again():
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    skewed = skew(x)
    assert skewed[0, 0].tolist() == [
        [0, 1, 2, 3, 0, 0],
        [0, 4, 5, 6, 7, 0],
        [0, 0, 8, 9, 10, 11],
    ]
    assert torch.equal(unskew(skewed, 4), x)


@builds_ours
@pytest.mark.parametrize("filter_width", [2, 3])
def test_the_reference_of_sounds_computes_what_ours_computes(filter_width):
    config = {**TINY_WAVENET, "filter_width": filter_width}
    length = 40
    model = randomised(zoo.create("wavenet", length=length, loss_from="start", **config))
    network = WaveNet(config)
    give_sounds(network, model)
    codes = np.random.default_rng(1).integers(0, 5, (2, length))
    inputs = torch.from_numpy(codes)[:, :-1]
    with torch.no_grad():
        whole = network(inputs, whole=True).numpy().transpose(0, 2, 1)
        inside = network(inputs).numpy().transpose(0, 2, 1)
    ours = network_logits(model, codes[..., None].astype("int32"))[:, :, 0]
    np.testing.assert_allclose(whole, ours, rtol=1e-4, atol=1e-4)
    assert network.receptive_field == model.config.receptive_field
    np.testing.assert_allclose(inside, ours[:, network.receptive_field :], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("filter_width", [2, 3])
def test_queues_give_what_the_whole_network_gives(filter_width):
    torch.manual_seed(0)
    network = WaveNet({**TINY_WAVENET, "filter_width": filter_width})
    codes = torch.randint(0, 5, (2, 35))
    queues = Queues(network, count=2)
    # Before a sound a queue holds zeros, and so do the one-hot codes.
    with torch.no_grad():
        steps = [queues.step(None), *(queues.step(codes[:, t]) for t in range(35))]
        expected = network(codes, whole=True)
    torch.testing.assert_close(torch.stack(steps, dim=2), expected, rtol=1e-4, atol=1e-5)


@builds_ours
def test_training_of_pixels_costs_three_products_at_every_pixel():
    row = find("pixelcnn")
    model = zoo.create(row.model, image_shape=(4, 4, 1), **row.config)
    first = (3 * 7 + 3) * 32
    block = 32 * 16 + (3 + 2) * 16 * 16 + 16 * 32
    forward = first + 15 * block + 32 * 32 + 32
    assert flops_per_example(model, row.passes) == 2 * 784 * (3 * forward - first)
    sampling = find("pixelcnn-sampling")
    assert flops_per_example(model, sampling.passes) == 2 * 784 * forward


@builds_ours
def test_an_initial_state_is_no_product():
    row = find("diagonal-bilstm")
    model = zoo.create(row.model, image_shape=(4, 4, 1), **row.config)
    each = 32 * 128 + 2 * 32 * 64 + 16 * 32
    forward = 24 * 32 + 7 * each + 32 * 32 + 32
    assert flops_per_example(model, [Pass(network="network", positions=3)]) == 2 * 3 * forward


@builds_ours
def test_training_of_sounds_costs_what_samples_with_a_loss_look_at():
    row = find("wavenet-30")
    model = zoo.create(row.model, **row.full_config)
    needed = set(range(2048))  # places of the last layer, counted from the end
    places = []
    for dilation in reversed(model.config.layer_dilations):
        places.append(len(needed))
        needed |= {place + dilation for place in needed}
    layer = 64 * 64 + 32 * 32  # of which the last layer has the first part only
    mean = sum(places) / 30
    stack = mean * (30 * layer - 32 * 32)
    head = 2048 * (960 * 1024 + 1024 * 512 + 512 * 256)
    assert flops_per_example(model, row.passes) == round(3 * 2 * (stack + head))


def test_a_rate_is_of_what_is_really_made():
    row = dataclasses.replace(find("pixelcnn-sampling"), batch_size=8)
    contender = Contender(lambda examples: time.sleep(0.01), parameters=1, share=0.25)
    assert 0 < measure(contender, row, 0) <= 0.25 * 8 / 0.01


def test_images_are_sampled_by_the_call():
    row = dataclasses.replace(
        find("pixelcnn-sampling"),
        config={**find("pixelcnn").config, "blocks": 1},
        parameters=(4 * 7 * 32 + 32) + (528 + 2 * 3 * 256 + 16 + 544) + (1056 + 33),
        image_shape=(3, 3, 1),
        batch_size=2,
    )
    contender, _ = build(row, "zoo", make_examples(2, row.example_shape))
    assert contender.share == 1
    assert measure(contender, row, 0) > 0


def test_what_a_row_notes_stands_under_the_table():
    rate = Spread.of([1.0])
    result = Result(
        row="wavenet-30",
        contender="jax",
        rate=rate,
        ratio=None,
        flops=1,
        parameters=1,
        first_step_s=1.0,
        peak_bytes=1,
        growth_bytes=1,
    )
    silent = dataclasses.replace(result, row="vae-dense")
    [line] = report.notes([result, result, silent]).strip().splitlines()
    assert line == f"- wavenet-30: {find('wavenet-30').note}"
    assert report.notes([silent]) == ""
