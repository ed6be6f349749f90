"""The WGAN is what its paper says: its weights are clipped, and the critic moves by a schedule."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_wgan_gp import WGAN, WGANConfig
from zoo_wgan_gp.wgan import generator_moves

from zoo.errors import ConfigError, DataError
from zoo.planning import Asked, plan
from zoo.training import train_anew


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def wgan(seed=0, **config):
    keras.utils.set_random_seed(seed)
    small = {"generator_sizes": (8,), "critic_sizes": (8,), "filters": 2, "latent_size": 3}
    return WGAN(WGANConfig(**{"image_shape": (8, 8, 1), **small, **config}))


def turns_of_the_generator(long_turns, last_move):
    """Return the turns in which the generator moves, by the loop that the authors wrote."""
    turns, turn = [], 0
    for move in range(last_move):
        is_long = move < 25 or move % 500 == 0
        turn += long_turns if is_long else 1
        turns.append(turn - 1)
    return turns


@pytest.mark.parametrize("long_turns", [1, 2, 20])
def test_the_critic_moves_long_before_25_moves_and_every_500th(long_turns):
    expected = turns_of_the_generator(long_turns, 1600)
    turns = np.arange(expected[-1] + 1)
    moves = array(generator_moves(ops.convert_to_tensor(turns), long_turns))
    assert np.array_equal(np.flatnonzero(moves), expected)


@pytest.mark.backends
def test_the_generator_moves_when_the_schedule_says():
    model = wgan(architecture="dense", critic_steps=2, long_critic_steps=6)
    model.compile()
    moved = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            moved.append(array(self.model.generator.trainable_variables[0].value).copy())

    images = np.random.default_rng(0).uniform(size=(4 * 8, 8, 8, 1)).astype("float32")
    before = array(model.generator.trainable_variables[0].value).copy()
    model.fit(images, batch_size=4, callbacks=[Watch()], verbose=0)
    changes = [not np.array_equal(a, b) for a, b in zip([before, *moved[:-1]], moved, strict=True)]
    assert changes == [False, False, True, False, False, True, False, False]


@pytest.mark.backends
@pytest.mark.parametrize("architecture", ["dense", "convolutional", "residual"])
def test_no_weight_of_the_critic_leaves_its_bounds(architecture):
    model = wgan(
        architecture=architecture, clip=0.03, learning_rate=0.1, critic_steps=1, long_critic_steps=1
    )
    model.compile()
    images = np.random.default_rng(0).uniform(size=(16, 8, 8, 1)).astype("float32")
    model.fit(images, batch_size=4, epochs=2, verbose=0)
    sizes = [np.abs(array(v.value)).max() for v in model.critic.trainable_variables]
    assert max(sizes) == pytest.approx(0.03)
    assert max(np.abs(array(v.value)).max() for v in model.generator.trainable_variables) > 0.03


def test_each_move_of_the_critic_sees_its_own_slice():
    model = wgan(critic_steps=5, long_critic_steps=100)
    critic, generator = model.players()
    assert (critic.steps, critic.fresh_data, generator.steps) == (5, True, 1)
    assert model.slices == 5


def test_the_distance_is_what_the_critic_maximises():
    model = wgan(architecture="dense")
    images = np.random.default_rng(0).uniform(size=(6, 8, 8, 1)).astype("float32")
    terms = model.critic_loss(images, None, training=False)
    assert float(array(terms["critic_score"])) == -float(array(terms["wasserstein_score"]))


def test_long_training_must_be_whole_turns():
    with pytest.raises(ConfigError, match="multiple of critic_steps = 5"):
        WGANConfig(long_critic_steps=12)


def test_fewer_images_than_a_turn_takes_are_refused(tmp_path):
    asked = Asked(batch_size=1000, steps=1)  # five slices of 1000 from fewer than 1500 digits
    with pytest.raises(DataError, match="takes 5 x 1000 = 5000, a batch for each move"):
        train_anew(plan("wgan", asked), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"clip": 0.0}, "clip must be above 0"),
        ({"filters": 0}, "filters must be at least 1"),
        ({"image_shape": (30, 30, 3)}, "Received: 30x30"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0"),
    ],
)
def test_what_cannot_be_built_is_refused(field, message):
    with pytest.raises(ConfigError, match=message):
        WGANConfig(**field)
