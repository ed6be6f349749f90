"""What makes it RealNVP: it is its own inverse, and its determinant is the true one."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.errors import ConfigError

pytestmark = pytest.mark.backends
EDGE = 0.05


def flow(**config):
    """Return a flow whose weights are random, of images of 4x4x2."""
    given = {"image_shape": (4, 4, 2), "levels": 5, "couplings": 4, "filters": 6}
    model = zoo.create("realnvp", **{**given, **config})
    draw = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(draw.normal(0, 0.2, weight.shape))
    return model


def images(count=3, levels=5, seed=1):
    shape = (count, 4, 4, 2)
    return np.random.default_rng(seed).integers(0, levels, shape).astype("float32") / (levels - 1)


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_decoding_undoes_encoding():
    model = flow()
    codes = model.encode(images())
    assert np.abs(codes - model.encode(images(seed=2))).max() > 0.1
    assert np.allclose(model.decode(codes), images(), atol=1e-4)


def test_the_log_determinant_is_that_of_the_numerical_jacobian():
    model = flow()
    y = np.random.default_rng(3).normal(size=(4, 4, 2)).astype("float32")
    steps = 1e-3 * np.eye(y.size, dtype="float32").reshape(y.size, *y.shape)
    ahead, behind = (
        array(model.flow(ops.convert_to_tensor(y + sign * steps))[0]) for sign in (1, -1)
    )
    jacobian = ((ahead - behind) / 2e-3).reshape(y.size, y.size)
    log_det = array(model.flow(ops.convert_to_tensor(y[None]))[1]).sum()
    assert abs(log_det) > 0.1
    assert log_det == pytest.approx(np.linalg.slogdet(jacobian)[1], abs=1e-2)


def test_a_coupling_keeps_what_its_mask_keeps():
    model = flow(couplings=2)
    y = ops.convert_to_tensor(np.random.default_rng(4).normal(size=(1, 4, 4, 2)).astype("float32"))
    for number, first in enumerate((0, 1)):
        scale, shift = (array(part)[0] for part in model.scale_and_shift(number, y))
        changed = (np.abs(scale) + np.abs(shift)).min(axis=-1) > 0
        rows, columns = np.indices((4, 4))
        assert np.array_equal(changed, (rows + columns) % 2 == first)


def test_without_couplings_learned_the_likelihood_is_that_of_logits_that_are_normal():
    model = zoo.create("realnvp", image_shape=(4, 4, 2), levels=5)  # begins as the identity
    x, noise = images(), np.random.default_rng(7).random((3, 4, 4, 2), "float32")
    share = EDGE + (1 - 2 * EDGE) * (np.rint(4 * x) + noise).astype("float64") / 5
    y = np.log(share / (1 - share))
    density = np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi)  # of y
    slope = (1 - 2 * EDGE) / 5 / (share * (1 - share))  # dy / dlevel
    expected = np.log(density * slope).sum(axis=(1, 2, 3))
    assert model.log_likelihood(x, seed=7) == pytest.approx(expected, rel=1e-4)


def test_the_probabilities_of_all_images_add_up_to_one():
    """Of the two images of one black-and-white pixel."""
    model = flow(image_shape=(1, 1, 1), levels=2)
    both = np.array([0, 1], "float32").reshape(2, 1, 1, 1)
    log_p = model.log_likelihood(both, importance_samples=400)
    # What the logit cuts off at both ends has a probability too.
    y = np.log(EDGE / (1 - EDGE)) * np.array([1, -1], "float32").reshape(2, 1, 1, 1)
    ends = array(model.flow(ops.convert_to_tensor(y.astype("float32")))[0])
    from scipy.stats import norm

    inside = np.diff(norm.cdf(ends.ravel()))[0]
    assert np.exp(log_p).sum() == pytest.approx(inside, rel=0.02)


@pytest.mark.parametrize("field", ["levels", "couplings", "filters"])
def test_what_cannot_be_built_is_refused(field):
    with pytest.raises(ConfigError, match=f"{field} must be at least"):
        zoo.create("realnvp", **{field: 0})
