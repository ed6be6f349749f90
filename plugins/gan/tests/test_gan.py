"""The GAN is what its paper says: its game, its units, its two losses of the generator."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from zoo_gan import GAN, GANConfig
from zoo_gan.gan import Maxout

from zoo.engine.state import averaged
from zoo.errors import ConfigError, DataError
from zoo.planning import Asked, plan
from zoo.protocols import Conditional, Decodes, Encodes, Inverts
from zoo.training import train_anew

TINY = (2, 2, 1)
IMAGES = np.random.default_rng(0).uniform(size=(32, *TINY)).astype("float32")


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def gan(seed=0, **config):
    keras.utils.set_random_seed(seed)
    small = {"latent_size": 2, "generator_sizes": (8,), "discriminator_sizes": (8,)}
    return GAN(GANConfig(**{"image_shape": TINY, **small, **config}))


def weights(network):
    return [array(variable.value).copy() for variable in network.trainable_variables]


def count(network):
    return sum(math.prod(variable.shape) for variable in network.trainable_variables)


def test_the_defaults_are_the_papers_networks():
    model = GAN(GANConfig())
    assert count(model.generator) == 100 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 784 + 784
    pieces = 240 * 5
    assert count(model.discriminator) == 784 * pieces + pieces + 240 * pieces + pieces + 240 + 1
    [first, *_] = weights(model.generator)
    assert np.abs(first).max() <= 0.05
    assert first.std() == pytest.approx(0.05 / math.sqrt(3), rel=0.02)


def test_maxout_is_the_largest_of_its_pieces():
    inputs = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")
    layer = Maxout(4, 2)
    outputs = array(layer(inputs))
    kernel, bias = (array(v.value) for v in layer.linear.weights)
    linear = inputs @ kernel + bias
    expected = np.stack([linear[:, 2 * i : 2 * i + 2].max(axis=1) for i in range(4)], axis=1)
    assert np.allclose(outputs, expected, atol=1e-6)
    copy = Maxout.from_config(layer.get_config())
    assert (copy.units, copy.pieces) == (4, 2)


def test_the_papers_networks_begin_with_the_small_weights_of_its_code():
    model = gan(maxout_pieces=5, generator_sizes=(50, 50), discriminator_sizes=(50, 50))
    for network, limit in ((model.generator, 0.05), (model.discriminator, 0.005)):
        kernels, biases = weights(network)[::2], weights(network)[1::2]
        assert all(0.9 * limit < np.abs(kernel).max() <= limit for kernel in kernels)
        assert not any(bias.any() for bias in biases)


@pytest.mark.backends
def test_each_player_moves_its_own_network_alone():
    model = gan(maxout_pieces=1)
    for name, other in (("discriminator", "generator"), ("generator", "discriminator")):
        model.compile(optimizer={other: keras.optimizers.SGD(0.0)})
        before = {n: weights(getattr(model, n)) for n in (name, other)}
        model.fit(IMAGES, batch_size=16, epochs=1, verbose=0)
        assert all(
            np.array_equal(a, b)
            for a, b in zip(before[other], weights(getattr(model, other)), strict=True)
        )
        assert not any(
            np.array_equal(a, b)
            for a, b in zip(before[name], weights(getattr(model, name)), strict=True)
        )


def test_the_discriminators_loss_on_noise_it_cannot_tell_is_twice_log_two():
    model = gan(input_dropout=0.0, dropout=0.0)
    for variable in model.discriminator.trainable_variables:
        variable.assign(ops.zeros(variable.shape))
    terms = model.discriminator_loss(IMAGES, None, training=False)
    assert float(array(terms["discriminator_nats"])) == pytest.approx(2 * math.log(2), rel=1e-6)
    generator = model.generator_loss(IMAGES, None, training=False)
    assert float(array(generator["generator_nats"])) == pytest.approx(math.log(2), rel=1e-6)


@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "least-squares", "hinge"])
def test_every_game_can_be_played(loss):
    model = gan(loss=loss, optimizer="adam", learning_rate=1e-3)
    model.compile()
    history = model.fit(IMAGES, batch_size=16, epochs=2, verbose=0).history
    unit = "nats" if loss in ("minimax", "non-saturating") else "score"
    assert {f"discriminator_{unit}", f"generator_{unit}"} <= set(history)
    assert all(np.isfinite(values).all() for values in history.values())


def test_it_decodes_and_can_be_inverted_but_encodes_nothing():
    model = gan()
    assert isinstance(model, Decodes)
    assert isinstance(model, Inverts)
    assert not isinstance(model, Encodes)
    latents = model.draw_latents(5, seed=3)
    assert np.abs(latents).max() <= 1  # uniform on [-1, 1]
    assert np.array_equal(model.decode(latents), model.sample(5, seed=3))


def test_the_class_reaches_both_players():
    model = gan(class_conditional=True, class_count=3, input_dropout=0.0, dropout=0.0)
    assert isinstance(model, Conditional)
    assert model.conditions == ("class",)
    zeros, ones = (np.full(6, label) for label in (0, 1))
    assert not np.allclose(model.sample(6, labels=zeros), model.sample(6, labels=ones))
    images = ops.convert_to_tensor(IMAGES[:6])
    logits = [array(model.logits(images, labels, training=False)) for labels in (zeros, ones)]
    assert not np.allclose(*logits)
    in_turn = model.sample(6, labels=np.arange(6) % 3)
    assert np.array_equal(model.sample(6), in_turn)


def test_a_condition_without_labels_is_refused():
    model = gan(class_conditional=True, class_count=3)
    model.compile()
    with pytest.raises(DataError, match="class-conditional and needs labels"):
        model.fit(IMAGES, batch_size=16, verbose=0)


@pytest.mark.backends
def test_averaged_weights_are_kept_beside_those_that_train():
    model = gan(average=0.9, optimizer="adam", learning_rate=1e-2)
    model.compile()
    course = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            course.append(weights(self.model.generator)[0])

    model.fit(IMAGES, batch_size=8, epochs=1, callbacks=[Watch()], verbose=0)
    average = course[0]
    for moves, values in enumerate(course[1:], start=1):
        momentum = min(0.9, (1 + moves) / (10 + moves))
        average = momentum * average + (1 - momentum) * values
    # `fit` puts the averages in place at its end, as Keras does for every optimizer that keeps any.
    assert np.allclose(weights(model.generator)[0], average, atol=1e-6)


@pytest.mark.backends
@pytest.mark.parametrize("conditional", [False, True])
def test_averaged_weights_have_running_statistics_of_their_own(conditional):
    model = gan(
        average=0.9,
        optimizer="adam",
        learning_rate=1e-2,
        batch_norm=True,
        generator_sizes=(8, 8, 8),
        class_conditional=conditional,
        class_count=3,
    )
    model.compile()
    labels = np.arange(len(IMAGES)) % 3 if conditional else None
    model.fit(IMAGES, labels, batch_size=8, epochs=1, verbose=0)
    # Normalised by its batch, many draws come out as normalised by the statistics.
    latents = ops.convert_to_tensor(model.draw_latents(3000, seed=7))
    told = ops.arange(3000) % 3 if conditional else None
    by_statistics = model.decode(model.draw_latents(3000, seed=7))
    by_batch = array(model.generate(latents, told, training=True))
    assert np.abs(by_batch - by_statistics).mean() < 0.06 * by_batch.std()


@pytest.mark.backends
def test_statistics_of_averages_are_put_in_place_for_a_while():
    model = gan(
        average=0.9, optimizer="adam", learning_rate=1e-2, batch_norm=True, generator_sizes=(8, 8)
    )
    model.compile()
    model.optimizer.averages_at_end = False
    model.fit(IMAGES, batch_size=8, epochs=1, verbose=0)
    trained = [array(variable) for variable in model.generator.variables]
    with averaged(model):
        within = [array(variable) for variable in model.generator.variables]
    assert not any(np.allclose(*pair) for pair in zip(trained, within, strict=True))
    after = [array(variable) for variable in model.generator.variables]
    assert all(np.array_equal(*pair) for pair in zip(trained, after, strict=True))


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"latent_size": 0}, "latent_size must be at least 1"),
        ({"dropout": 1.0}, "dropout must lie in"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"generator_sizes": (8, 0)}, "generator_sizes must hold positive numbers"),
        ({"class_conditional": True, "class_count": 1}, "class_count of at least 2"),
        ({"average": 1.0}, "average must lie in"),
    ],
)
def test_what_cannot_be_built_is_refused(field, message):
    with pytest.raises(ConfigError, match=message):
        GANConfig(**field)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (255 * IMAGES, "must lie between 0 and 1. Received: from"),
        (2 * IMAGES - 1, "must lie between 0 and 1. Received: from -0.9"),
        (np.where(IMAGES > 0.9, np.nan, IMAGES), "must lie between 0 and 1"),
        ((255 * IMAGES).astype("uint8"), "must be floating-point numbers .* Received: uint8"),
        (IMAGES[..., 0], r"must have the shape \(2, 2, 1\). Received: \(2, 2\)"),
    ],
)
def test_images_that_it_is_not_made_for_are_refused(images, message):
    model = gan()
    model.compile()
    with pytest.raises(DataError, match=message):
        model.fit(images, batch_size=16, verbose=0)
    assert model.optimizer.iterations == 0


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 4)])
def test_latents_of_another_size_are_refused(shape):
    with pytest.raises(DataError, match=r"must have the shape \(count, 2\).* Received: \(3"):
        gan().decode(np.zeros(shape))


@pytest.mark.backends
def test_it_can_be_saved_before_it_is_compiled(tmp_path):
    model = gan()
    model.save(tmp_path / "fresh.keras")
    again = keras.saving.load_model(tmp_path / "fresh.keras")
    assert not again.compiled
    assert np.array_equal(again.sample(3), model.sample(3))


def test_a_batch_of_one_is_refused_where_it_is_normalised(tmp_path):
    asked = Asked(batch_size=1, steps=1)  # the laptop's preset normalises
    with pytest.raises(ConfigError, match="must hold at least 2 examples"):
        train_anew(plan("gan", asked), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_laptops_preset_makes_digits(tmp_path):
    """Trained for half its length, samples are nearer to digits than noise of their statistics."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    run = train_anew(plan("gan", Asked(epochs=150)), tmp_path / "run", progress=False)
    from zoo.training import load_model

    samples = load_model(run).sample(500, seed=1).reshape(500, -1)
    digits = load_digits()
    classifier = LogisticRegression(max_iter=2000).fit(digits.data / 16, digits.target)
    sure = classifier.predict_proba(samples).max(axis=1)
    classes = np.bincount(classifier.predict(samples), minlength=10)
    shuffled = samples.copy()
    for column in shuffled.T:
        np.random.default_rng(0).shuffle(column)
    unsure = classifier.predict_proba(shuffled).max(axis=1)
    assert sure.mean() > unsure.mean() + 0.05
    assert np.count_nonzero(classes >= 10) >= 8, f"modes are missing: {classes}"
