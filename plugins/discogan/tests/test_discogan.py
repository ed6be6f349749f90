"""The DiscoGAN is what its paper says: its objective, its curriculum, its turns, its ablations."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops
from zoo_discogan import DiscoGAN, DiscoGANConfig
from zoo_discogan.discogan import feature_matching

from zoo.errors import ConfigError
from zoo.planning import Asked, plan
from zoo.protocols import GenerativeModel, Translates
from zoo.training import train_anew


def array(values):
    return np.array(ops.convert_to_numpy(values))


def discogan(seed=0, **config):
    """Return a small compiled model."""
    keras.utils.set_random_seed(seed)
    small = {"image_shape_a": (16, 16, 3), "image_shape_b": (16, 16, 3)}
    small |= {"generator_filters": 2, "discriminator_filters": 2}
    model = DiscoGAN(DiscoGANConfig(**{**small, **config}))
    model.compile()
    return model


def images(model, count=6, seed=0):
    """Return images of noise of both domains, brighter in B."""
    random = np.random.default_rng(seed)
    shapes = (model.config.image_shape_a, model.config.image_shape_b)
    a, b = (random.uniform(0.4 * n, 0.6 + 0.4 * n, (count, *s)) for n, s in enumerate(shapes))
    return {"A": a.astype("float32"), "B": b.astype("float32")}


def tensors(x):
    return {domain: ops.convert_to_tensor(value) for domain, value in x.items()}


def terms_of(loss, x, training=False):
    return {name: array(value) for name, value in loss(tensors(x), None, training).items()}


def softplus(logits):
    return np.logaddexp(0.0, logits)


def of_kind(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def weights(network):
    return [array(v.value) for v in network.trainable_variables]


def changed(before, after):
    return any(not np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def half_squares(model, networks):
    squares = sum(np.square(w).sum() for network in networks for w in weights(network))
    return 0.5 * model.config.weight_decay * squares


def test_the_number_of_weights_at_64_pixels_is_the_published_one():
    model = DiscoGAN(DiscoGANConfig())
    networks = (*model.generators, *model.discriminators)
    counts = [sum(math.prod(v.shape) for v in n.trainable_variables) for n in networks]
    assert counts == [5_513_856, 5_513_856, 2_765_568, 2_765_568]


def test_networks_are_convolutions_of_stride_two_that_meet_at_a_grid():
    model = DiscoGAN(DiscoGANConfig())
    down = [
        layer
        for layer in of_kind(model.generator_b, layers.Conv2D)
        if not isinstance(layer, layers.Conv2DTranspose)
    ]
    up = of_kind(model.generator_b, layers.Conv2DTranspose)
    assert [layer.filters for layer in down] == [64, 128, 256, 512]
    assert [layer.filters for layer in up] == [256, 128, 64, 3]
    assert all(layer.kernel_size == (4, 4) and layer.strides == (2, 2) for layer in (*down, *up))
    assert up[0].input.shape[1:] == (4, 4, 512)
    # None after the first convolution nor at the output.
    assert len(of_kind(model.generator_b, layers.BatchNormalization)) == 6
    assert len(of_kind(model.discriminator_b, layers.BatchNormalization)) == 3
    leaks = [layer.negative_slope for layer in of_kind(model.generator_b, layers.LeakyReLU)]
    assert leaks == pytest.approx([0.2] * 4)
    _, *features = model.discriminator_b.outputs
    assert [f.shape[1:] for f in features] == [(16, 16, 128), (8, 8, 256), (4, 4, 512)]
    kernel = array(down[1].kernel)
    assert abs(kernel).max() == pytest.approx((4 * 4 * 64) ** -0.5, rel=0.01)
    assert kernel.std() == pytest.approx((3 * 4 * 4 * 64) ** -0.5, rel=0.01)


@pytest.mark.backends
@pytest.mark.parametrize(("turn", "rate"), [(0, 0.01), (9, 0.01), (10, 0.5), (11, 0.5)])
def test_the_generators_minimise_what_numpy_computes_before_and_after_the_curriculum(turn, rate):
    model = discogan(curriculum_steps=10)
    model.optimizer.iterations.assign(turn)
    x = images(model)
    fakes = {"B": model.generator_b(x["A"]), "A": model.generator_a(x["B"])}
    backs = {"A": model.generator_a(fakes["B"]), "B": model.generator_b(fakes["A"])}
    expected, judgement, cycles = {}, 0.0, 0.0
    for domain in "AB":
        discriminator = model.discriminator(domain)
        _, *real = (array(output) for output in discriminator(x[domain], training=True))
        logits, *fake = (array(output) for output in discriminator(fakes[domain], training=True))
        adversarial = softplus(-logits).mean()
        features = sum(
            np.square(r.mean(0) - f.mean(0)).mean() for r, f in zip(real, fake, strict=True)
        )
        judgement += 0.1 * adversarial + 0.9 * features
        cycles += np.square(array(backs[domain]) - x[domain]).mean()
        expected[f"fake_{domain.lower()}_nats"] = adversarial
        expected[f"features_{domain.lower()}_l2"] = features
    found = terms_of(model.generators_loss, x)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name
    assert found["reconstruction_weight"] == pytest.approx(rate)
    objective = (1 - rate) * judgement + rate * cycles + half_squares(model, model.generators)
    assert found["generators_objective_score"] == pytest.approx(objective, rel=1e-4)


@pytest.mark.backends
def test_the_discriminators_minimise_half_of_the_two_cross_entropies():
    model = discogan()
    x = images(model)
    nats = 0.0
    for domain, generator, other in (("A", "a", "B"), ("B", "b", "A")):
        fakes = getattr(model, f"generator_{generator}")(x[other])
        real = array(model.discriminator(domain)(x[domain], training=True)[0])
        fake = array(model.discriminator(domain)(fakes, training=True)[0])
        nats += 0.5 * (softplus(-real).mean() + softplus(fake).mean())
    found = terms_of(model.discriminators_loss, x)
    assert found["discriminators_nats"] == pytest.approx(nats, rel=1e-4)
    objective = nats + half_squares(model, model.discriminators)
    assert found["discriminators_objective_score"] == pytest.approx(objective, rel=1e-4)


def test_features_are_compared_by_their_means_over_the_batch():
    real = np.array([[[0.0, 4.0]], [[2.0, 0.0]]], "float32")  # means 1 and 2
    fake = np.array([[[5.0, 0.0]], [[1.0, 0.0]]], "float32")  # means 3 and 0
    assert array(feature_matching([real], [fake])) == pytest.approx((4 + 4) / 2)
    assert array(feature_matching([real, real], [fake, fake])) == pytest.approx(8)
    # Other images with the same mean are as good: no image is compared with another.
    assert array(feature_matching([real], [real[::-1]])) == 0


@pytest.mark.backends
def test_the_discriminators_move_in_the_first_of_three_turns_and_the_generators_in_the_others():
    model = discogan()
    x = images(model, count=4)
    moved = []
    for _ in range(6):
        before = [weights(network) for network in (model.discriminator_a, model.generator_a)]
        model.fit(x, batch_size=4, epochs=1, verbose=0)
        after = [weights(network) for network in (model.discriminator_a, model.generator_a)]
        moved.append(tuple(map(changed, before, after)))
    assert moved == 2 * [(True, False), (False, True), (False, True)]


@pytest.mark.backends
def test_real_images_and_fakes_are_normalised_apart():
    model = discogan()
    x = images(model)
    real = array(model.discriminator_b(x["B"], training=True)[0])
    fake = array(model.discriminator_b(0.5 * x["B"], training=True)[0])
    both = np.concatenate([x["B"], 0.5 * x["B"]])
    together = array(model.discriminator_b(both, training=True)[0])
    assert not np.allclose(together, np.concatenate([real, fake]), atol=1e-4)
    fakes = model.generator_b(x["A"], training=True)
    expected = softplus(-array(model.discriminator_b(fakes, training=True)[0])).mean()
    found = terms_of(model.generators_loss, x, training=True)
    assert found["fake_b_nats"] == pytest.approx(expected, rel=1e-4)


def test_no_image_is_compared_with_its_own_translation():
    model = discogan()
    # Generators that give one image whatever they are given: only a comparison with what comes
    # in, pixel by pixel, could then tell one order of the images from another.
    for network in model.generators:
        for layer in of_kind(network, layers.Conv2D):
            layer.kernel.assign(ops.zeros_like(layer.kernel))
    x = images(model)
    black = {"A": np.zeros_like(x["A"]), "B": x["B"]}
    found, dark = terms_of(model.generators_loss, x), terms_of(model.generators_loss, black)
    assert dark["fake_b_nats"] == pytest.approx(found["fake_b_nats"], rel=1e-5)
    assert dark["features_b_l2"] == pytest.approx(found["features_b_l2"], rel=1e-5)
    assert dark["cycle_b_l2"] == pytest.approx(found["cycle_b_l2"], rel=1e-5)
    assert dark["cycle_a_l2"] == pytest.approx(0.25)  # of 0 and sigmoid(0), there and back


@pytest.mark.parametrize(
    ("variant", "dropped"),
    [
        ("one-reconstruction", {"fake_a_nats", "features_a_l2", "cycle_b_l2"}),
        ("gan", {"cycle_a_l2", "cycle_b_l2", "reconstruction_weight"}),
    ],
)
def test_ablations_drop_exactly_their_terms(variant, dropped):
    whole, model = discogan(), discogan(variant=variant)
    # What only one of them has: discriminator A of the whole.
    for network in ("generator_a", "generator_b", "discriminator_b", "discriminator_a"):
        if hasattr(model, network):
            getattr(model, network).set_weights(getattr(whole, network).get_weights())
    x = images(model)
    all_terms, terms = terms_of(whole.generators_loss, x), terms_of(model.generators_loss, x)
    assert set(all_terms) - set(terms) == dropped
    for name in set(terms) - {"generators_objective_score"}:
        assert terms[name] == pytest.approx(all_terms[name], rel=1e-5), name
    rate = terms.get("reconstruction_weight", 0.0)
    judgement = sum(
        0.1 * terms[f"fake_{d}_nats"] + 0.9 * terms[f"features_{d}_l2"]
        for d in "ab"
        if f"fake_{d}_nats" in terms
    )
    objective = (1 - rate) * judgement + rate * terms.get("cycle_a_l2", 0.0)
    objective += half_squares(model, model.generators)
    assert terms["generators_objective_score"] == pytest.approx(objective, rel=1e-4)


@pytest.mark.backends
@pytest.mark.parametrize("variant", ["one-reconstruction", "gan"])
def test_every_weight_of_an_ablation_moves_and_it_translates_both_ways(variant):
    model = discogan(variant=variant)
    before = [array(v.value) for v in model.trainable_variables]
    x = images(model, count=8)
    history = model.fit(x, batch_size=4, epochs=1, verbose=0).history
    after = [array(v.value) for v in model.trainable_variables]
    assert not any(np.array_equal(one, two) for one, two in zip(before, after, strict=True))
    assert all(np.isfinite(values).all() for values in history.values())
    assert model.translate(x["A"], "B").shape == x["B"].shape
    assert model.translate(x["B"], "A").shape == x["A"].shape


@pytest.mark.backends
def test_domains_may_differ_in_size_and_channels():
    model = discogan(image_shape_a=(8, 8, 1), image_shape_b=(32, 32, 3))
    x = images(model, count=4)
    model.fit(x, batch_size=2, epochs=1, verbose=0)
    made = {"B": model.translate(x["A"], "B"), "A": model.translate(x["B"], "A")}
    for domain in "AB":
        assert made[domain].shape == x[domain].shape
        assert made[domain].min() >= 0
        assert made[domain].max() <= 1


def test_it_translates_and_makes_nothing_of_noise():
    model = discogan()
    assert isinstance(model, Translates)
    assert not isinstance(model, GenerativeModel)
    assert not model.takes_any_size


def test_weight_decay_pulls_each_weight_towards_zero_by_its_share():
    model = discogan(weight_decay=0.5)
    decay = model.decay(model.discriminators)
    assert array(decay) == pytest.approx(half_squares(model, model.discriminators), rel=1e-5)
    assert array(discogan(weight_decay=0.0).decay(model.discriminators)) == 0


def test_a_batch_of_one_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="must hold at least 2 examples"):
        train_anew(plan("discogan", Asked(batch_size=1, steps=1)), tmp_path / "r", progress=False)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape_a": (30, 30, 3)}, r"Received: 30x30.*28 or 32"),
        ({"image_shape_a": (28, 28, 1)}, r"doubled from the same grid.*from 7x7.*from 4x4"),
        ({"image_shape_b": (64, 64, 0)}, "must have channels"),
        ({"generator_filters": 0}, "generator_filters must be at least 1"),
        ({"starting_rate": 1.5}, r"starting_rate must lie in \[0, 1\]"),
        ({"rate": -0.1}, r"rate must lie in \[0, 1\]"),
        ({"curriculum_steps": -1}, "curriculum_steps must not be negative"),
        ({"discriminator_interval": 1}, "discriminator_interval must be at least 2"),
        ({"beta_1": 1.0}, "beta_1 must lie in"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
    ],
)
def test_what_cannot_be_built_is_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        DiscoGANConfig(**fields)
