"""Models between two domains: what a player hands on, images of any size, there and back."""

import keras
import numpy as np
import pytest
from keras import ops
from throwaway import Tint, TintConfig

from zoo.engine import Player
from zoo.errors import ConfigError, DataError
from zoo.protocols import GenerativeModel, Translates
from zoo.translation import round_trips

pytestmark = pytest.mark.backends

RANDOM = np.random.default_rng(0)
X = {name: RANDOM.random((8, 4, 6, 3), "float32") for name in ("A", "B")}


def tint(seed=0, **config):
    keras.utils.set_random_seed(seed)
    return Tint(TintConfig(**config))


def weights(model):
    return {
        name: ops.convert_to_numpy(j.weights[0].value)[:, 0] for name, j in model.judges.items()
    }


def test_what_a_player_hands_on_is_what_it_made_before_it_moved():
    model = tint(rate=100.0)  # far enough that the fakes after the move are others
    made = {"A": model.translate(X["B"], "A"), "B": model.translate(X["A"], "B")}
    model.compile()
    model.fit(X, batch_size=8, epochs=1, shuffle=False, verbose=0)
    for name, weight in weights(model).items():
        assert np.allclose(weight, made[name].mean(axis=(0, 1, 2)), atol=1e-5)
        after = model.translate(X["A" if name == "B" else "B"], name)
        assert not np.allclose(weight, after.mean(axis=(0, 1, 2)), atol=1e-2)


def test_what_is_handed_on_reaches_evaluation_too_and_moves_nothing():
    model = tint()
    model.compile()
    for judge in model.judges.values():
        judge.set_weights([np.ones((3, 1), "float32")])
    before = [ops.convert_to_numpy(v.value).copy() for v in model.trainable_variables]
    terms = model.evaluate(X, batch_size=8, verbose=0, return_dict=True)
    made = [model.translate(X["B"], "A"), model.translate(X["A"], "B")]
    expected = -sum(images.sum(axis=3).mean() for images in made)
    assert terms["judges_score"] == pytest.approx(expected, rel=1e-5)
    after = [ops.convert_to_numpy(v.value) for v in model.trainable_variables]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_player_that_hands_on_moves_once_in_every_turn():
    def maker(**options):
        return Player(
            name="maker",
            networks=[],
            loss=lambda x, y, training: {},
            terms=("maker_l1",),
            optimizer=keras.optimizers.SGD,
            hands_on=("fake",),
            **options,
        )

    with pytest.raises(ConfigError, match=r"hands on fake.*steps = 2"):
        maker(steps=2)
    with pytest.raises(ConfigError, match="without `moves_at`"):
        maker(moves_at=lambda turn: turn == 0)


def test_there_is_nothing_to_hand_on_with_where_x_is_an_array(monkeypatch):
    model = tint()
    fake = {"generators_l1": 0.0, "cycle_l1": 0.0, "fake_a": 0.0, "fake_b": 0.0}

    def loss(x, y, training):
        total = ops.sum(model.translated(x, "A")) + ops.sum(model.translated(x, "B"))
        return {**dict.fromkeys(fake, total)}

    monkeypatch.setattr(model, "generators_loss", loss)
    model.compile(run_eagerly=keras.backend.backend() == "tensorflow")
    with pytest.raises(ConfigError, match="must then be a mapping"):
        model.fit(X["A"], batch_size=8, verbose=0)


@pytest.mark.parametrize("size", [(4, 6), (1, 1), (5, 7), (3, 30)])
def test_images_of_any_size_are_translated_where_the_generators_are_convolutional(size):
    model = tint()
    images = RANDOM.random((3, *size, 3), "float32")
    kernel, bias = (ops.convert_to_numpy(w.value) for w in model.generators["B"].weights)
    expected = 1 / (1 + np.exp(-(images @ kernel + bias)))
    assert np.allclose(model.translate(images, "B"), expected, atol=1e-5)


def test_a_translator_that_is_not_convolutional_takes_its_own_size_alone(monkeypatch):
    monkeypatch.setattr(Tint, "takes_any_size", False)
    model = tint()
    assert model.translate(X["A"][:2], "B").shape == (2, 4, 6, 3)
    with pytest.raises(DataError, match=r"shape \(N, 4, 6, 3\). Received: \(1, 5, 6, 3\)"):
        model.translate(RANDOM.random((1, 5, 6, 3), "float32"), "B")


@pytest.mark.parametrize("shape", [(2, 4, 6, 1), (4, 6, 3), (0, 4, 6, 3), (2, 0, 6, 3)])
def test_what_is_no_batch_of_images_is_refused(shape):
    with pytest.raises(DataError, match=r"shape \(N, H, W, 3\)"):
        tint().translate(np.zeros(shape, "float32"), "A")


def test_a_third_domain_is_refused():
    with pytest.raises(DataError, match=r"'A' or 'B'\. Received: 'C'"):
        tint().translate(X["A"], "C")


def test_round_trips_go_there_and_back_in_both_directions():
    model = tint(image_shape_b=(4, 6, 1))
    x = {"A": X["A"], "B": X["B"][..., :1]}
    first, second = round_trips(model, x)
    assert (first.domain, second.domain) == ("A", "B")
    assert first.there.shape == (8, 4, 6, 1)
    assert np.array_equal(first.there, model.translate(x["A"], "B"))
    assert np.array_equal(first.back, model.translate(first.there, "A"))
    assert second.back.shape == second.given.shape == (8, 4, 6, 1)


def test_a_translator_claims_no_samples():
    assert isinstance(tint(), Translates)
    assert not isinstance(tint(), GenerativeModel)
