"""The networks are the paper's: their layers, weights, paddings, patches and skips."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops
from zoo_cyclegan.config import CycleGANConfig
from zoo_cyclegan.networks import (
    ReflectionPadding2D,
    build_discriminator,
    build_generator,
    instance_norm,
)


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def config(side=32, **fields):
    shape = (side, side, 3)
    small = {"generator_filters": 2, "residual_blocks": 1, "discriminator_filters": 2}
    return CycleGANConfig(**{"image_shape_a": shape, "image_shape_b": shape, **small, **fields})


def images_of(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


def of_kind(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def weights_of(network):
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


def test_weights_are_those_of_the_public_code_less_the_biases_that_cancel():
    paper = CycleGANConfig()
    # Biases before a normalisation: c7s1-64, d128, d256, 18 of the blocks, u128, u64; C128 to C512.
    cancelled = 64 + 128 + 256 + 18 * 256 + 128 + 64
    assert weights_of(build_generator(paper, "B")) == 11_378_179 - cancelled
    assert weights_of(build_discriminator(paper, "B")) == 2_764_737 - (128 + 256 + 512)


def test_the_layers_are_c7s1_64_d128_d256_nine_r256_u128_u64_c7s1_3():
    network = build_generator(CycleGANConfig(), "A")
    convolutions = of_kind(network, (layers.Conv2D, layers.Conv2DTranspose))
    described = [(c.filters, c.kernel_size[0], c.strides[0]) for c in convolutions]
    blocks = 18 * [(256, 3, 1)]
    ends = [(64, 7, 1), (128, 3, 2), (256, 3, 2)], [(128, 3, 2), (64, 3, 2), (3, 7, 1)]
    assert described == [*ends[0], *blocks, *ends[1]]
    assert [type(c).__name__ for c in convolutions[-3:]] == ["UpConv2D", "UpConv2D", "Conv2D"]
    assert [p.pixels for p in of_kind(network, ReflectionPadding2D)] == [3, *(18 * [1]), 3]
    assert len(of_kind(network, layers.GroupNormalization)) == 3 + 18 + 2
    kernel = array(convolutions[5].kernel)
    assert kernel.std() == pytest.approx(0.02, rel=0.01)
    assert abs(kernel.mean()) < 1e-4


@pytest.mark.backends
def test_reflection_continues_an_image_as_numpy_does():
    images = images_of(2, 5, 4, 3)
    padded = array(ReflectionPadding2D(3)(images))
    assert np.array_equal(padded, np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)), "reflect"))


@pytest.mark.backends
def test_each_channel_of_each_example_is_normalised_by_itself():
    images = 5 * images_of(2, 6, 4, 3) + np.arange(3, dtype="float32")
    mean = images.mean(axis=(1, 2), keepdims=True)
    variance = images.var(axis=(1, 2), keepdims=True)
    expected = (images - mean) / np.sqrt(variance + 1e-5)
    assert np.allclose(array(instance_norm()(images)), expected, atol=1e-5)


@pytest.mark.backends
@pytest.mark.parametrize(
    ("fields", "to", "given", "made"),
    [
        ({}, "B", (32, 32, 3), (32, 32, 3)),
        ({}, "B", (20, 44, 3), (20, 44, 3)),  # any size
        ({"generator": "unet"}, "A", (32, 32, 3), (32, 32, 3)),
        ({"generator": "unet"}, "A", (64, 32, 3), (64, 32, 3)),
        ({"image_shape_b": (32, 32, 1)}, "B", (32, 32, 3), (32, 32, 1)),
        ({"image_shape_b": (32, 32, 1)}, "A", (32, 32, 1), (32, 32, 3)),
        ({"image_shape_b": (128, 128, 3)}, "B", (32, 32, 3), (128, 128, 3)),
        ({"image_shape_b": (128, 128, 3)}, "A", (128, 128, 3), (32, 32, 3)),
        ({"image_shape_a": (64, 64, 3)}, "A", (32, 32, 3), (64, 64, 3)),
    ],
)
def test_a_generator_makes_images_of_the_other_domain(fields, to, given, made):
    images = array(build_generator(config(**fields), to)(images_of(2, *given)))
    assert images.shape == (2, *made)
    assert images.min() >= 0
    assert images.max() <= 1


def test_a_unet_halves_down_to_one_pixel_and_hands_every_size_across():
    network = build_generator(config(64, generator="unet", generator_filters=4), "B")
    downs = of_kind(network, layers.Conv2D)
    assert [c.filters for c in downs] == [4, 8, 16, 32, 32, 32]
    assert len(of_kind(network, layers.Concatenate)) == 5
    # The skips alone carry the image once what comes up from one pixel is silenced.
    lowest = downs[-1]
    lowest.set_weights([0 * array(weight) for weight in lowest.weights])
    one, other = (array(network(images_of(1, 64, 64, 3, seed=seed))) for seed in (0, 1))
    assert not np.allclose(one, other, atol=1e-3)


def receptive_field(network, side):
    """Return the height of what a change in the input of one patch's logit can lie in."""
    images = images_of(1, side, side, 3)
    before = array(network(images))[0, :, :, 0]
    middle = before.shape[0] // 2
    seen = []
    for row in range(side):
        changed = images.copy()
        changed[:, row] = 1 - changed[:, row]
        after = array(network(changed))[0, :, :, 0]
        seen.append(after[middle, middle] != before[middle, middle])
    return np.ptp(np.flatnonzero(seen)) + 1


@pytest.mark.parametrize(("count", "field"), [(3, 70), (2, 34), (1, 16)])
def test_a_discriminator_sees_patches_of_70_pixels(count, field, monkeypatch):
    # Normalisation over the image would let every patch see all of it.
    monkeypatch.setattr("zoo_cyclegan.networks.instance_norm", layers.Identity)
    keras.utils.set_random_seed(0)
    side = field + 26
    network = build_discriminator(config(side - side % 4, discriminator_layers=count), "A")
    for variable in network.trainable_variables:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    assert receptive_field(network, side) == field


@pytest.mark.parametrize(("side", "count", "patches"), [(256, 3, 30), (32, 3, 2), (16, 2, 2)])
def test_a_discriminator_judges_every_patch(side, count, patches):
    network = build_discriminator(config(side, discriminator_layers=count), "B")
    assert network(images_of(2, side, side, 3)).shape == (2, patches, patches, 1)
