"""The networks are the paper's: how many weights at which size, and what is known of each part."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops
from zoo_stackgan import StackGAN, StackGANConfig
from zoo_stackgan.networks import NearestConv2D, build_head, build_trunk

from zoo.errors import ConfigError
from zoo.losses import gaussian_kl_nats

# Of the paper: captions come with embeddings of 1,024 numbers.
EMBEDDED = {"embedding_size": 1024, "captions": ("a bird",)}


def weights(*networks):
    return sum(math.prod(v.shape) for network in networks for v in network.trainable_variables)


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def test_the_number_of_weights_of_stage_one_is_the_papers():
    model = StackGAN(StackGANConfig(stage=1, image_shape=(64, 64, 3), **EMBEDDED))
    assert weights(model.first_conditioning, model.first_generator) == 10_301_248
    # The discriminator's own layer makes 128 numbers of the embedding.
    assert weights(model.trunk, model.head) == 5_715_713 + 1024 * 128 + 128


def test_the_number_of_weights_of_both_stages_is_the_papers_and_stage_one_is_frozen():
    model = StackGAN(StackGANConfig(**EMBEDDED))
    total = 107_860_450 + 1024 * 128 + 128
    moved = weights(model)
    assert all(not network.trainable_variables for network in model.first_networks)
    for network in model.first_networks:
        network.trainable = True
    assert moved == total - 10_301_248
    assert weights(model) == total


@pytest.mark.backends
@pytest.mark.parametrize("sides", [(4, 5), (1, 2)])
def test_doubling_in_one_step_is_nearest_neighbours_and_then_a_convolution(sides):
    x = np.random.default_rng(0).normal(size=(2, *sides, 3)).astype("float32")
    layer = NearestConv2D(4)
    found = array(layer(x))
    doubled = np.pad(x.repeat(2, axis=1).repeat(2, axis=2), ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = np.zeros((2, 2 * sides[0], 2 * sides[1], 4))
    for row in range(3):
        for column in range(3):
            window = doubled[:, row : row + 2 * sides[0], column : column + 2 * sides[1]]
            expected += window @ array(layer.kernel)[row, column]
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("side", "refinement", "grid"), [(16, 2, 4), (28, 1, 7), (64, 2, 4), (128, 4, 4), (224, 4, 7)]
)
def test_every_size_ends_on_a_small_grid(side, refinement, grid):
    config = StackGANConfig(
        image_shape=(side, side, 1),
        stage=1 if refinement == 1 else 2,
        refinement=max(refinement, 2),
        generator_filters=2,
        discriminator_filters=2,
        text_size=4,
    )
    trunk = build_trunk(config)
    assert trunk.output.shape[1:3] == (grid, grid)
    assert build_head(trunk, config).output.shape == (None,)
    sides = side // refinement
    assert config.first_shape == (sides, sides, 1)


@pytest.mark.backends
def test_conditions_are_gaussians_whose_mean_and_variance_the_embedding_decides():
    config = StackGANConfig(
        stage=1,
        image_shape=(8, 8, 1),
        text_size=4,
        condition_size=3,
        latent_size=2,
        generator_filters=2,
        discriminator_filters=2,
    )
    model = StackGAN(config)
    embedding = np.random.default_rng(0).normal(size=(1, 4)).astype("float32")
    kernel, bias = (array(w) for w in model.first_conditioning.weights)
    hidden = embedding @ kernel + bias
    hidden = np.where(hidden > 0, hidden, 0.2 * hidden)  # leaky ReLU, as in the authors' code
    mean, log_variance = (array(v) for v in model.first_conditioning(embedding))
    assert np.allclose(np.concatenate([mean, log_variance], axis=1), hidden, atol=1e-6)
    # KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1) / 2 - log s, added up over the numbers.
    deviation = np.exp(log_variance / 2)
    expected = ((mean**2 + deviation**2 - 1) / 2 - np.log(deviation)).sum()
    assert np.allclose(array(gaussian_kl_nats(mean, log_variance)), expected, atol=1e-6)


def test_normalisation_is_everywhere_but_at_images_and_logits():
    model = StackGAN(StackGANConfig(generator_filters=2, discriminator_filters=2, text_size=4))

    def normalisations(network):
        return sum(isinstance(layer, layers.BatchNormalization) for layer in network.layers)

    def convolutions(network):
        return [layer for layer in network.layers if isinstance(layer, layers.Conv2D)]

    assert normalisations(model.first_generator) == 5  # the grid of 4, and four doublings
    # Two halvings, the joining, two in each of four residual blocks, four doublings.
    assert normalisations(model.second_generator) == 2 + 1 + 8 + 4
    assert normalisations(model.trunk) == 5 + 2  # six halvings but the first, two back to 8 F
    kernels = convolutions(model.second_generator) + convolutions(model.trunk)
    assert not any(layer.use_bias for layer in kernels)
    kernel = array(convolutions(model.second_generator)[-2].kernel)
    assert kernel.std() == pytest.approx(0.02, rel=0.3)


def test_the_unconditional_logit_is_told_nothing():
    config = StackGANConfig(
        image_shape=(16, 16, 1),
        refinement=2,
        generator_filters=2,
        discriminator_filters=2,
        text_size=4,
        condition_size=3,
    )
    keras.utils.set_random_seed(0)
    model = StackGAN(config)
    images = np.random.default_rng(0).uniform(size=(2, 16, 16, 1)).astype("float32")
    features = model.trunk(images, training=False)
    told, otherwise = ops.zeros((2, 4)), ops.full((2, 4), 9.0)
    before = [array(v) for v in model.judge(features, told, False)]
    after = [array(v) for v in model.judge(features, otherwise, False)]
    assert not np.allclose(before[0], after[0])
    assert np.array_equal(before[1], after[1])


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"image_shape": (36, 36, 3)}, "grid of 4 to 7 pixels.*Received: 9x9"),
        ({"image_shape": (40, 40, 3)}, "multiples of 16.*Received: 40x40"),
        ({"stage": 1, "image_shape": (36, 36, 3)}, "Received: 36x36"),
        ({"stage": 1, "first_stage": "runs/a"}, "first_stage names what stage II refines"),
        ({"generator_filters": 3}, "generator_filters must be even"),
        ({"text_size": 5}, "text_size must be an even number"),
        ({"beta_1": 1.0}, "beta_1 must lie in"),
        ({"kl_weight": -1.0}, "kl_weight must be 0 or more"),
        ({"first_stage_length": 0.0}, "first_stage_length must be above 0"),
        ({"condition_size": 0}, "condition_size must be at least 1"),
        ({"vocabulary": ("",)}, "at least 2 tokens"),
        ({"image_shape": (64, 64, 0)}, "must have channels"),
    ],
)
def test_what_cannot_be_built_is_refused(field, message):
    with pytest.raises(ConfigError, match=message):
        StackGANConfig(**field)
