"""The DCGAN is what its paper says: its networks at every size, its features, its batches."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops
from zoo_dcgan import DCGAN, DCGANConfig

from zoo.errors import ConfigError, DataError
from zoo.planning import Asked, plan
from zoo.protocols import Decodes, HasFeatures, Inverts, supports
from zoo.training import train_anew


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def dcgan(seed=0, **config):
    keras.utils.set_random_seed(seed)
    small = {"latent_size": 3, "generator_filters": 2, "discriminator_filters": 2}
    return DCGAN(DCGANConfig(**{"image_shape": (8, 8, 1), **small, **config}))


def of_kind(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def test_the_defaults_are_the_papers_channels():
    model = DCGAN(DCGANConfig())
    upwards = of_kind(model.generator, layers.Conv2DTranspose)
    assert [layer.filters for layer in upwards] == [512, 256, 128, 3]
    assert model.generator.get_layer(index=2).output.shape == (None, 4, 4, 1024)
    downwards = of_kind(model.discriminator, layers.Conv2D)
    downwards = [layer for layer in downwards if not isinstance(layer, layers.Conv2DTranspose)]
    assert [layer.filters for layer in downwards] == [64, 128, 256, 512]
    assert all(layer.kernel_size == (5, 5) and layer.strides == (2, 2) for layer in downwards)
    assert not of_kind(model.discriminator, layers.MaxPooling2D)


def test_the_number_of_weights_at_64_pixels_is_that_of_the_public_example():
    model = DCGAN(DCGANConfig(generator_filters=64, kernel_size=4))
    for network, expected in ((model.generator, 3_576_704), (model.discriminator, 2_765_568)):
        assert sum(math.prod(v.shape) for v in network.trainable_variables) == expected


def test_weights_start_as_small_gaussians_and_normalisation_is_where_the_paper_has_it():
    model = DCGAN(DCGANConfig())
    kernel = array(of_kind(model.generator, layers.Conv2DTranspose)[0].kernel)
    assert abs(kernel.mean()) < 1e-4
    assert kernel.std() == pytest.approx(0.02, rel=0.01)
    # One for each of the generator's hidden layers, none at its output; none at the
    # discriminator's input.
    assert len(of_kind(model.generator, layers.BatchNormalization)) == 4
    assert len(of_kind(model.discriminator, layers.BatchNormalization)) == 3


@pytest.mark.parametrize(
    ("side", "grid", "doublings"), [(28, 7, 2), (32, 4, 3), (64, 4, 4), (128, 4, 5)]
)
def test_every_size_is_a_small_grid_doubled(side, grid, doublings):
    model = dcgan(image_shape=(side, side, 3))
    assert model.sample(2).shape == (2, side, side, 3)
    assert len(of_kind(model.generator, layers.Conv2DTranspose)) == doublings
    _, *hidden = model.discriminator(model.sample(2), training=False)
    assert hidden[-1].shape[1:3] == (grid, grid)


def test_a_size_that_cannot_be_made_is_refused_with_one_that_can():
    with pytest.raises(ConfigError, match=r"Received: 30x30.*28 or 32"):
        DCGANConfig(image_shape=(30, 30, 1))


@pytest.mark.backends
def test_real_and_generated_batches_are_normalised_apart():
    model = dcgan(image_shape=(16, 16, 1))
    images = np.random.default_rng(0).uniform(size=(6, 16, 16, 1)).astype("float32")
    terms = model.discriminator_loss(images, None, training=False)
    keras.utils.set_random_seed(1)
    real = array(model.logits(images, None, training=True))
    darker = array(model.logits(0.5 * images, None, training=True))
    together = array(model.logits(np.concatenate([images, 0.5 * images]), None, training=True))
    assert not np.allclose(together, np.concatenate([real, darker]), atol=1e-4)
    assert set(terms) == {"discriminator_nats", "real_accuracy", "fake_accuracy"}


def judged(model, images):
    """Return the logits of a discriminator that is training, and keep its statistics."""
    kept = model.discriminator.get_weights()
    logits = model.discriminator(images, training=True)[0]
    model.discriminator.set_weights(kept)
    return logits


@pytest.mark.backends
def test_held_out_images_are_judged_as_those_of_training_are():
    model = dcgan(image_shape=(16, 16, 1), learning_rate=1e-2)
    model.compile()
    images = np.random.default_rng(0).uniform(size=(12, 16, 16, 1)).astype("float32")
    for _ in range(2):  # the second time with other weights than the step was compiled with
        model.fit(images, batch_size=6, epochs=2, verbose=0)
        kept = [array(v).copy() for v in model.discriminator.variables]
        found = model.evaluate(images, batch_size=12, verbose=0, return_dict=True)
        for old, variable in zip(kept, model.discriminator.variables, strict=True):
            assert np.array_equal(old, array(variable))
        model.reset_metrics()  # the same noise again
        fakes = model.fakes(12, None, training=False)
        real, fake = (array(judged(model, batch)) for batch in (images, fakes))
        expected = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
        assert found["discriminator_nats"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.backends
def test_a_discriminator_that_is_told_the_class_has_no_features():
    model = dcgan(class_conditional=True, class_count=3)
    assert not supports(model, HasFeatures)
    with pytest.raises(DataError, match="not told their class"):
        model.features(np.zeros((2, 8, 8, 1), "float32"))


@pytest.mark.backends
def test_features_are_every_layer_pooled_to_four_by_four():
    model = dcgan(image_shape=(16, 16, 1))
    assert isinstance(model, HasFeatures)
    images = np.random.default_rng(0).uniform(size=(3, 16, 16, 1)).astype("float32")
    features = model.features(images)
    _, first, second = (array(a) for a in model.discriminator(images, training=False))
    assert (first.shape, second.shape) == ((3, 8, 8, 2), (3, 4, 4, 4))
    pooled = first.reshape(3, 4, 2, 4, 2, 2).max(axis=(2, 4))  # by hand, 8 to 4
    expected = np.concatenate([pooled.reshape(3, -1), second.reshape(3, -1)], axis=1)
    assert np.allclose(features, expected, atol=1e-6)


@pytest.mark.backends
def test_features_are_float32_in_half_precision_too():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = dcgan(image_shape=(8, 8, 1))
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.features(np.zeros((2, 8, 8, 1), "float32")).dtype == np.float32


def test_the_class_reaches_both_players():
    model = dcgan(class_conditional=True, class_count=3)
    zeros, ones = (np.full(4, label) for label in (0, 1))
    assert not np.allclose(model.sample(4, labels=zeros), model.sample(4, labels=ones))
    images = ops.convert_to_tensor(model.sample(4))
    logits = [array(model.logits(images, labels, training=False)) for labels in (zeros, ones)]
    assert not np.allclose(*logits)


def test_noise_is_uniform_and_images_are_made_of_it():
    model = dcgan()
    assert isinstance(model, Decodes)
    assert isinstance(model, Inverts)
    latents = model.draw_latents(2000, seed=1)
    assert -1 <= latents.min() < -0.99
    assert latents.std() == pytest.approx(1 / math.sqrt(3), rel=0.02)
    with pytest.raises(ConfigError, match="truncation suits a normal prior"):
        model.sample(1, truncation=1.0)


def test_a_batch_of_one_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="must hold at least 2 examples"):
        train_anew(plan("dcgan", Asked(batch_size=1, steps=1)), tmp_path / "r", progress=False)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"kernel_size": 1}, "kernel_size must be at least 2"),
        ({"beta_1": 1.0}, "beta_1 must lie in"),
        ({"generator_filters": 0}, "generator_filters must be at least 1"),
        ({"class_conditional": True, "class_count": 1}, "class_count of at least 2"),
    ],
)
def test_what_cannot_be_built_is_refused(field, message):
    with pytest.raises(ConfigError, match=message):
        DCGANConfig(**field)
