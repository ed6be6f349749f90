"""The WGAN-GP is what its paper says: its penalty, its fresh batches, a distance that is one."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from zoo_wgan_gp import WGANGP, WGANGPConfig

from zoo.errors import ConfigError, DataError


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def wgan_gp(seed=0, **config):
    keras.utils.set_random_seed(seed)
    small = {"generator_sizes": (8,), "critic_sizes": (32, 32), "filters": 2, "latent_size": 3}
    return WGANGP(WGANGPConfig(**{"image_shape": (8, 8, 1), **small, **config}))


@pytest.mark.backends
def test_the_penalty_of_a_linear_critic_is_in_closed_form():
    model = wgan_gp(architecture="dense", critic_sizes=())
    [kernel] = model.critic.trainable_variables
    slope = np.random.default_rng(0).normal(size=(64, 1)).astype("float32")
    kernel.assign(slope)
    images = np.random.default_rng(1).uniform(size=(5, 8, 8, 1)).astype("float32")
    reals, fakes = ops.convert_to_tensor(images), ops.convert_to_tensor(1 - images)
    found = float(array(model.slope_error(reals, fakes, training=False)))
    # The critic sees pixels in [-1, 1], so its slope there is its kernel.
    assert found == pytest.approx((np.linalg.norm(slope) - 1) ** 2, rel=1e-4)


@pytest.mark.backends
def test_a_flat_critic_has_a_finite_gradient():
    model = wgan_gp(architecture="dense")
    for variable in model.critic.trainable_variables:
        variable.assign(ops.zeros(variable.shape))
    model.compile()
    images = np.random.default_rng(1).uniform(size=(10, 8, 8, 1)).astype("float32")
    history = model.fit(images, batch_size=10, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert all(np.isfinite(array(v.value)).all() for v in model.trainable_variables)


def test_points_of_the_penalty_lie_between_image_and_fake_and_differ_by_example():
    """With f(x) = x^2 / 2 of one pixel in [-1, 1] the slope is the pixel's own value."""

    class Square(layers.Layer):
        def call(self, inputs):
            values = 2 * inputs - 1
            return ops.sum(0.5 * values**2, axis=(1, 2, 3))[:, None]

    model = wgan_gp(image_shape=(1, 1, 1), architecture="dense")
    model.critic = keras.Sequential([keras.Input((1, 1, 1)), Square()])
    count = 4000
    reals, fakes = ops.ones((count, 1, 1, 1)), ops.full((count, 1, 1, 1), 0.5)
    seen = [float(array(model.slope_error(reals, fakes, training=True))) for _ in range(2)]
    # Pixels between 0 and 1 in [-1, 1]: E[(a - 1)^2] = 1/3 for a uniform.
    assert seen == pytest.approx([1 / 3, 1 / 3], abs=0.02)
    assert seen[0] != seen[1]


@pytest.mark.backends
def test_examples_that_leave_too_few_for_the_last_batch_are_refused_before_the_first():
    model = wgan_gp(architecture="dense")
    model.compile()
    images = np.zeros((34, 8, 8, 1), "float32")
    before = array(model.critic.trainable_variables[0])
    with pytest.raises(DataError, match=r"34 examples in batches of 15 leave 4 .* at least 10"):
        model.fit(images, batch_size=15, verbose=0)
    assert np.array_equal(array(model.critic.trainable_variables[0]), before)
    model.fit(images, batch_size=12, validation_split=0.3, verbose=0)  # 23: the last has 11
    assert np.isfinite(model.sample(2)).all()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="sizes are known before")
def test_a_last_batch_of_a_pipeline_that_is_too_small_is_refused_when_it_comes():
    import tensorflow as tf

    model = wgan_gp(architecture="dense")
    model.compile()
    images = np.random.default_rng(0).uniform(size=(34, 8, 8, 1)).astype("float32")
    batches = tf.data.Dataset.from_tensor_slices(images).batch(15)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must hold at least 10 examples"):
        model.fit(batches, shuffle=False, verbose=0)
    assert np.isfinite(model.sample(2)).all()


def test_there_is_no_batch_normalisation_in_any_critic():
    for architecture in ("dense", "convolutional", "residual"):
        for norm in ("none", "layer"):
            critic = wgan_gp(architecture=architecture, critic_norm=norm).critic
            assert not [v for v in critic.variables if "moving" in v.path]


def test_each_move_of_the_critic_sees_its_own_slice():
    critic, generator = wgan_gp().players()
    assert (critic.steps, critic.fresh_data, generator.steps) == (5, True, 1)
    optimizer = critic.optimizer()
    assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)
    assert float(array(optimizer.learning_rate)) == pytest.approx(1e-4)


def test_both_learning_rates_fall_to_zero_at_the_same_turn():
    critic, generator = wgan_gp(decay_steps=100).players()
    for player, moves in ((critic, 500), (generator, 100)):
        schedule = player.optimizer()._learning_rate
        assert float(array(schedule(0))) == pytest.approx(1e-4)
        assert float(array(schedule(moves // 2))) == pytest.approx(0.5e-4)
        assert float(array(schedule(moves))) == 0.0


def test_the_residual_networks_of_the_paper_have_their_blocks():
    model = WGANGP(WGANGPConfig(image_shape=(32, 32, 3), architecture="residual", filters=128))
    convolutions = [layer for layer in model.critic.layers if isinstance(layer, layers.Conv2D)]
    # Four blocks of two 3 x 3 convolutions; two of them halve, with a 1 x 1 beside.
    assert [layer.kernel_size for layer in convolutions].count((3, 3)) == 8
    assert [layer.kernel_size for layer in convolutions].count((1, 1)) == 2
    assert model.critic.get_layer(index=-3).output.shape == (None, 128)
    assert model.sample(2).shape == (2, 32, 32, 3)


@pytest.mark.backends
def test_the_estimate_is_the_distance_between_two_known_sets():
    """Between one point and what the generator makes, the distance is a mean of distances."""
    model = wgan_gp(image_shape=(1, 2, 1), architecture="dense", penalty=10.0)
    model.compile(
        optimizer={
            "critic": keras.optimizers.Adam(5e-3, beta_1=0.0, beta_2=0.9),
            "generator": keras.optimizers.SGD(0.0),
        }
    )
    reals = np.ones((5 * 64, 1, 2, 1), "float32")
    history = model.fit(reals, batch_size=5 * 64, epochs=150, verbose=0).history
    fakes = 2 * model.sample(2000, seed=1).reshape(-1, 2) - 1  # pixels in [-1, 1]
    distance = np.linalg.norm(1 - fakes, axis=1).mean()
    found = np.mean(history["wasserstein_score"][-20:])
    assert found == pytest.approx(distance, rel=0.1)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"penalty": 0.0}, "penalty must be above 0"),
        ({"decay_steps": -1}, "decay_steps must be at least 0"),
        ({"beta_2": 1.0}, "beta_2 must lie in"),
        ({"critic_norm": "batch"}, "critic_norm"),
    ],
)
def test_what_cannot_be_built_is_refused(field, message):
    from zoo.config import make_config

    with pytest.raises(ConfigError, match=message):
        make_config(WGANGPConfig, field)
