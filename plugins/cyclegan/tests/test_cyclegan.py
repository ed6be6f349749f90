"""The CycleGAN is what its paper says: its terms, its turns, its pools, its learning rate."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_cyclegan import CycleGAN, CycleGANConfig
from zoo_cyclegan.cyclegan import LinearDecay

from zoo.errors import ConfigError, DataError

SHAPE = (16, 16, 3)
RANDOM = np.random.default_rng(0)


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def cyclegan(seed=0, **fields):
    keras.utils.set_random_seed(seed)
    small = {
        "image_shape_a": SHAPE,
        "image_shape_b": SHAPE,
        "generator_filters": 2,
        "residual_blocks": 1,
        "discriminator_filters": 2,
        "discriminator_layers": 2,
        "pool_size": 4,
    }
    return CycleGAN(CycleGANConfig(**{**small, **fields}))


def batch_of(count, **shapes):
    return {
        name: RANDOM.random((count, *shapes.get(name, SHAPE)), "float32") for name in ("A", "B")
    }


def tensors(x):
    return {name: ops.convert_to_tensor(values) for name, values in x.items()}


def score_of(network, images):
    return array(network(images))


@pytest.mark.backends
def test_the_terms_are_the_papers():
    model = cyclegan()
    x = batch_of(3)
    terms = {
        name: array(value)
        for name, value in model.generators_loss(tensors(x), None, training=False).items()
    }
    a, b = x["A"], x["B"]
    fake_a, fake_b = model.translate(b, "A"), model.translate(a, "B")
    expected = {
        "generator_a_score": ((score_of(model.discriminator_a, fake_a) - 1) ** 2).mean(),
        "generator_b_score": ((score_of(model.discriminator_b, fake_b) - 1) ** 2).mean(),
        "cycle_a_l1": np.abs(model.translate(fake_b, "A") - a).mean(),
        "cycle_b_l1": np.abs(model.translate(fake_a, "B") - b).mean(),
        "identity_a_l1": np.abs(model.translate(a, "A") - a).mean(),
        "identity_b_l1": np.abs(model.translate(b, "B") - b).mean(),
    }
    for name, value in expected.items():
        assert terms[name] == pytest.approx(value, rel=1e-4), name
    assert np.allclose(terms["fake_a"], fake_a, atol=1e-5)
    assert np.allclose(terms["fake_b"], fake_b, atol=1e-5)
    deceived, cycles, same = (
        sum(v for k, v in expected.items() if k.startswith(kind))
        for kind in ("generator", "cycle", "identity")
    )
    # With pixels in [-1, 1] distances are twice as large.
    total = deceived + 10 * 2 * cycles + 5 * 2 * same
    assert terms["generators_score"] == pytest.approx(total, rel=1e-4)


@pytest.mark.backends
def test_discriminators_minimise_half_of_what_the_paper_states():
    model = cyclegan()
    x = batch_of(3)
    fakes = batch_of(3)
    given = {**tensors(x), **{f"fake_{k.lower()}": v for k, v in tensors(fakes).items()}}
    terms = model.discriminators_loss(given, None, training=False)
    total = 0.0
    for name, network in (("A", model.discriminator_a), ("B", model.discriminator_b)):
        real, fake = score_of(network, x[name]), score_of(network, fakes[name])
        total += 0.5 * (((real - 1) ** 2).mean() + (fake**2).mean())
        assert array(terms[f"real_{name.lower()}_accuracy"]) == pytest.approx((real > 0.5).mean())
    assert array(terms["discriminators_score"]) == pytest.approx(total, rel=1e-4)


@pytest.mark.backends
def test_cross_entropy_is_in_nats():
    model = cyclegan(adversarial="non-saturating", identity_weight=0.0)
    x = batch_of(2)
    terms = model.generators_loss(tensors(x), None, training=False)
    assert "identity_a_l1" not in terms
    logits = score_of(model.discriminator_a, model.translate(x["B"], "A"))
    expected = np.log1p(np.exp(-logits)).mean()
    assert array(terms["generator_a_nats"]) == pytest.approx(expected, rel=1e-4)
    given = {**tensors(x), "fake_a": terms["fake_a"], "fake_b": terms["fake_b"]}
    total = 0.0
    for name, network in (("a", model.discriminator_a), ("b", model.discriminator_b)):
        real = score_of(network, x[name.upper()])
        fake = score_of(network, array(terms[f"fake_{name}"]))
        total += 0.5 * (np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean())
    found = model.discriminators_loss(given, None, training=False)["discriminators_nats"]
    assert array(found) == pytest.approx(total, rel=1e-4)


@pytest.mark.backends
def test_discriminators_judge_the_pool_s_fakes_in_training_alone():
    model = cyclegan(pool_size=2)
    model.compile()
    x = batch_of(2)
    made = {"A": model.translate(x["B"], "A"), "B": model.translate(x["A"], "B")}
    model.evaluate(x, batch_size=2, verbose=0)
    assert int(array(model.pool_a.count.value)) == 0
    model.fit(x, batch_size=2, epochs=1, shuffle=False, verbose=0)
    # What the generators made before they moved.
    assert np.allclose(array(model.pool_a.images.value), made["A"], atol=1e-5)
    assert np.allclose(array(model.pool_b.images.value), made["B"], atol=1e-5)


@pytest.mark.backends
def test_the_pools_come_back_from_a_file(tmp_path):
    model = cyclegan()
    model.compile()
    model.fit(batch_of(3), batch_size=1, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for pool, restored in ((model.pool_a, loaded.pool_a), (model.pool_b, loaded.pool_b)):
        assert int(array(restored.count.value)) == 3
        assert np.array_equal(array(pool.images.value), array(restored.images.value))
        assert array(pool.images.value)[2].any()


@pytest.mark.backends
def test_a_batch_that_is_larger_than_the_pool_is_refused():
    model = cyclegan(pool_size=2)
    model.compile()
    with pytest.raises(ConfigError, match=r"at most pool_size = 2 .* Received: 3"):
        model.fit(batch_of(3), batch_size=3, epochs=1, verbose=0)


@pytest.mark.backends
def test_the_learning_rate_is_kept_and_then_falls_to_zero():
    schedule = LinearDecay(0.5, 10, 20)
    rates = [float(array(schedule(step))) for step in (0, 9, 10, 15, 20, 30, 1000)]
    assert rates == pytest.approx([0.5, 0.5, 0.5, 0.375, 0.25, 0.0, 0.0])
    again = LinearDecay.from_config(schedule.get_config())
    assert float(array(again(15))) == 0.375
    model = cyclegan(constant_steps=10, decay_steps=20)
    assert float(array(model.make_optimizer().learning_rate)) == pytest.approx(2e-4)


@pytest.mark.backends
def test_super_resolution_trains_and_translates_between_sizes():
    shapes = {"A": (16, 16, 1), "B": (32, 32, 3)}
    model = cyclegan(image_shape_a=shapes["A"], image_shape_b=shapes["B"])
    model.compile()
    x = batch_of(2, **shapes)
    history = model.fit(x, batch_size=1, epochs=1, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert model.translate(x["A"], "B").shape == (2, *shapes["B"])
    assert model.translate(x["B"], "A").shape == (2, *shapes["A"])
    assert model.translate(RANDOM.random((1, 9, 18, 1), "float32"), "B").shape == (1, 18, 36, 3)
    assert model.translate(RANDOM.random((1, 18, 36, 3), "float32"), "A").shape == (1, 9, 18, 1)


def test_an_image_that_is_too_small_is_refused_with_what_would_do():
    with pytest.raises(DataError, match="at least 5 pixels a side"):
        cyclegan().translate(RANDOM.random((1, 4, 9, 3), "float32"), "B")
    assert cyclegan().translate(RANDOM.random((1, 5, 9, 3), "float32"), "B").shape == (1, 5, 9, 3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_shape_b": (16, 16, 1), "identity_weight": 5.0}, "must be 0 where the domains'"),
        ({"identity_weight": -1.0}, "must be none, 0 or more"),
        ({"image_shape_b": (32, 16, 3)}, "must be equal, or both sides of one 2, 4, 8"),
        ({"image_shape_b": (48, 48, 3)}, "Received: 16x16 and 48x48"),
        ({"image_shape_a": (18, 16, 3), "image_shape_b": (18, 16, 3)}, "multiples of 4"),
        ({"discriminator_layers": 3}, r"least 3 x 2\^3 pixels.*Set discriminator_layers=2"),
        ({"discriminator_layers": 10**12}, "Set discriminator_layers=2"),  # and takes no memory
        ({"generator": "unet", "image_shape_b": (32, 32, 3)}, "domains of one size"),
        (
            {"generator": "unet", "image_shape_a": (24, 24, 3), "image_shape_b": (24, 24, 3)},
            "powers of 2",
        ),
        ({"image_shape_a": (16, 16, 0)}, "positive numbers"),
        ({"pool_size": 0}, "pool_size must be at least 1"),
        ({"cycle_weight": -1.0}, "cycle_weight must be 0 or more"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"beta_1": 1.0}, "beta_1 must lie in"),
    ],
)
def test_what_cannot_be_built_is_refused(fields, message):
    shapes = {"image_shape_a": SHAPE, "image_shape_b": SHAPE, "discriminator_layers": 2}
    with pytest.raises(ConfigError, match=message):
        CycleGANConfig(**{**shapes, **fields})


def test_identity_is_asked_for_where_the_domains_have_one_shape():
    assert CycleGANConfig(cycle_weight=4.0).identity == 2.0
    assert CycleGANConfig(identity_weight=0.0).identity == 0.0
    assert CycleGANConfig(image_shape_b=(256, 256, 1)).identity == 0.0
