"""PixelCNN is what its papers say: masks, colour order, blind spot, stacks, likelihood."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_pixelrnn import PixelCNN, PixelCNNConfig, VideoPixelCNN, VideoPixelCNNConfig
from zoo_pixelrnn.layers import MaskedConv2D, channel_mask

from zoo.errors import ConfigError, DataError
from zoo.testing.replay import replay_logits

SMALL = {"filters": 6, "blocks": 3, "head_filters": 6, "first_kernel_size": 3}


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def pixelcnn(**config):
    keras.utils.set_random_seed(1)
    return PixelCNN(PixelCNNConfig(**{"image_shape": (7, 7, 1), "levels": 4, **SMALL, **config}))


def logits_of(model, codes):
    return array(model.logits(ops.convert_to_tensor(codes), None, False))


def reach(model, row, column):
    """Return which pixels (H, W) bear on the prediction of one, by changing each of them."""
    height, width, _ = model.config.image_shape
    rng = np.random.default_rng(0)
    codes = rng.integers(model.levels, size=(1, height, width)).astype("int32")
    changed = np.repeat(codes, height * width, axis=0)
    each = np.arange(height * width)
    changed.reshape(height * width, -1)[each, each] += model.levels // 2
    changed %= model.levels
    # In one batch: sums are rounded alike there.
    before, *after = logits_of(model, np.concatenate([codes, changed]))[:, row, column]
    return np.any(after != before, axis=-1).reshape(height, width)


def test_the_default_is_the_papers_network_of_colour_images():
    config = PixelCNNConfig()
    assert (config.filters, config.blocks, config.head_filters) == (128, 15, 1024)
    assert (config.first_kernel_size, config.kernel_size, config.levels) == (7, 3, 256)


def test_the_number_of_weights_is_the_usual_one_less_the_rows_that_masks_blot_out():
    model = pixelcnn(
        image_shape=(28, 28, 1),
        levels=2,
        filters=16,
        blocks=15,
        head_filters=32,
        first_kernel_size=7,
    )
    below = 15 * 16 * 16 * 3 + 32 * 7 * 3
    assert model.count_params() + below == 53_569


@pytest.mark.backends
def test_the_gated_network_sees_all_that_is_before_a_pixel_and_nothing_else():
    # At the left border the widening cone of the vertical stack must reach the upper right corner.
    seen = reach(pixelcnn(architecture="gated", blocks=6), 4, 1)
    before = np.arange(49).reshape(7, 7) < 4 * 7 + 1
    assert np.array_equal(seen, before)


@pytest.mark.backends
def test_the_plain_network_has_the_blind_spot_and_sees_the_rest():
    seen = reach(pixelcnn(blocks=6), 4, 1)
    rows, columns = np.indices((7, 7))
    before = np.arange(49).reshape(7, 7) < 4 * 7 + 1
    # Each row upwards opens the view by one pixel to the right.
    blind = (rows < 4) & (columns > 1 + (4 - rows))
    assert np.array_equal(seen, before & ~blind)
    assert blind.any()


@pytest.mark.parametrize("architecture", ["plain", "gated"])
def test_a_channel_sees_the_earlier_ones_of_its_pixel_alone(architecture):
    # Wide enough that some features of every channel get past the ReLUs.
    model = pixelcnn(image_shape=(3, 3, 3), architecture=architecture, filters=24, head_filters=24)
    codes = np.random.default_rng(0).integers(4, size=(1, 3, 9)).astype("int32")
    before = logits_of(model, codes)[0, 1, 3:6]  # R, G and B of the pixel in the middle
    for channel in range(3):
        other = codes.copy()
        other[0, 1, 3 + channel] = (other[0, 1, 3 + channel] + 2) % 4
        after = logits_of(model, other)[0, 1, 3:6]
        changed = np.any(after != before, axis=-1)
        assert changed.tolist() == [later > channel for later in range(3)]


def test_masks_share_features_out_among_channels():
    assert channel_mask(3, 3, "A", 3, 1).astype(int).tolist() == [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    assert channel_mask(3, 3, "B", 3, 1).astype(int).tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
    twice = channel_mask(2, 2, "A", 2, 2).astype(int)
    assert twice.tolist() == [[0, 1, 0, 1], [0, 0, 0, 0]]


def test_a_masked_convolution_is_that_of_the_papers_square_kernel():
    layer = MaskedConv2D(2, above=1, left=1, right=1, mask="B")
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 5, 6, 3)).astype("float32")
    outputs = array(layer(ops.convert_to_tensor(images)))
    square = np.zeros((3, 3, 3, 2), "float32")
    square[:2] = array(layer.kernel)
    square[1, 2] = 0
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for row in range(5):
        for column in range(6):
            window = padded[:, row : row + 3, column : column + 3]
            expected = np.einsum("bijf,ijfg->bg", window, square)
            assert np.allclose(outputs[:, row, column], expected, atol=1e-5)


def test_the_label_changes_the_likelihood_and_the_samples():
    model = pixelcnn(architecture="gated", class_conditional=True, class_count=3)
    images = model.sample(3, labels=[0, 0, 0])
    first = model.log_likelihood(images, np.zeros(3, "int32"))
    assert not np.allclose(first, model.log_likelihood(images, np.ones(3, "int32")))


def test_levels_are_even_shares_of_grey_and_survive():
    model = pixelcnn(levels=4)
    images = np.linspace(0, 1, 49, dtype="float32").reshape(1, 7, 7, 1)
    codes = array(model.codes(ops.convert_to_tensor(images)))
    assert codes.min() == 0
    assert codes.max() == 3
    assert np.ptp(np.bincount(codes.ravel())) <= 1
    assert np.array_equal(array(model.codes(ops.convert_to_tensor(model.values(codes)))), codes)
    digits = np.arange(17, dtype="float32").reshape(1, 1, 17, 1) / 16
    model = pixelcnn(image_shape=(1, 17, 1), levels=17)
    assert array(model.codes(ops.convert_to_tensor(digits))).ravel().tolist() == list(range(17))


@pytest.mark.parametrize("shape", [(12, 5, 3), (5, 6, 3), (18, 5, 1), (6, 6, 3), (90,)])
def test_images_of_another_size_are_refused_in_batches_too(shape):
    model = pixelcnn(image_shape=(6, 5, 3))
    images = np.zeros((4, *shape), "float32")
    model.compile()
    for use in (model.log_likelihood, model.fit, model.train_on_batch, model.test_on_batch):
        with pytest.raises(DataError, match=r"must have the shape \(6, 5, 3\)\. Received: \("):
            use(images)


def test_films_of_another_length_are_refused():
    with pytest.raises(DataError, match=r"\(5, 4, 4, 1\)\. Received: \(10, 4, 4, 1\)"):
        films().log_likelihood(np.zeros((2, 10, 4, 4, 1), "float32"))


@pytest.mark.backends
@pytest.mark.parametrize("levels", [2, 4])
def test_a_pixel_that_is_no_number_makes_the_loss_none(levels):
    model = pixelcnn(levels=levels)
    model.compile()
    images = np.random.default_rng(0).random((3, 7, 7, 1), "float32")
    assert np.isfinite(float(array(model.train_on_batch(images)[0])))
    images[1, 2, 3] = np.nan
    assert np.isnan(float(array(model.train_on_batch(images)[0])))


def test_an_untrained_pixel_costs_about_what_guessing_does():
    model = pixelcnn(levels=4)
    images = model.sample(20, seed=1, temperature=5.0)
    nats = -model.log_likelihood(images).mean() / 49
    assert nats == pytest.approx(np.log(4), rel=0.1)


@pytest.mark.backends
def test_training_gets_far_below_independent_pixels():
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(0)
    # Columns of one colour: after the first row every pixel is known from the one above it.
    images = np.repeat(rng.integers(2, size=(256, 1, 6, 1)), 6, axis=1).astype("float32")
    small = {**SMALL, "blocks": 1, "filters": 8}
    model = PixelCNN(PixelCNNConfig(image_shape=(6, 6, 1), levels=2, **small, learning_rate=0.01))
    model.compile()
    model.fit(images, epochs=12, batch_size=32, verbose=0)
    entropy = 6 * np.log(2)
    nats = -model.log_likelihood(images).mean()
    assert entropy - 0.1 < nats < 1.3 * entropy
    samples = model.sample(32, seed=1)
    assert np.mean(samples[:, 1:] == samples[:, :-1]) > 0.95


def test_the_gradient_is_clipped_as_that_of_the_mean_over_elements_and_the_rate_decays():
    optimizer = pixelcnn(gradient_clip=0.5, decay_steps=100, average=0.9).make_optimizer()
    assert optimizer.clipvalue == 0.5 * 49
    assert optimizer.ema_momentum == 0.9
    rates = [float(array(optimizer._learning_rate(step))) for step in (0, 50, 100)]
    assert rates == pytest.approx([1e-3, 5e-4, 0], abs=1e-9)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("levels", 1, "between 2 and 256"),
        ("kernel_size", 4, "odd and at least 3"),
        ("filters", 2, "at least 3, because the features are shared out"),
        ("blocks", 0, "at least 1"),
        ("learning_rate", 0.0, "above 0"),
        ("average", 1.0, r"\[0, 1\)"),
        ("decay_steps", -1, "at least 0"),
        ("class_conditional", True, "class_count of at least 2"),
    ],
)
def test_a_configuration_that_cannot_be_built_is_refused(field, value, message):
    with pytest.raises(ConfigError, match=message):
        PixelCNNConfig(**{field: value})


def films(**config):
    keras.utils.set_random_seed(1)
    small = {**SMALL, "blocks": 1, "encoder_filters": 4, "encoder_blocks": 1, "context_frames": 2}
    shape = {"video_shape": (5, 4, 4, 1), "levels": 2}
    return VideoPixelCNN(VideoPixelCNNConfig(**{**shape, **small, **config}))


@pytest.mark.backends
def test_a_frame_sees_the_frames_before_it_as_far_back_as_its_context():
    model = films()
    codes = np.random.default_rng(0).integers(2, size=(1, 20, 4)).astype("int32")
    before = logits_of(model, codes).reshape(5, 16)
    for frame in range(5):
        other = codes.copy()
        other[0, 4 * frame : 4 * frame + 4] = 1 - other[0, 4 * frame : 4 * frame + 4]
        changed = np.any(logits_of(model, other).reshape(5, 16) != before, axis=1)
        assert changed.tolist() == [frame <= later <= frame + 2 for later in range(5)]


def test_films_of_colour_are_predicted_alike_from_kept_state():
    model = films(video_shape=(3, 3, 4, 3), levels=3)
    x = model.sample(2, seed=1)
    assert x.shape == (2, 3, 3, 4, 3)
    logits = logits_of(model, array(model.codes(ops.convert_to_tensor(x))))
    assert np.allclose(replay_logits(model, x), logits, atol=1e-5)


def test_the_likelihood_of_a_frame_is_that_of_those_whose_context_is_given():
    model = films()
    x = model.sample(3, seed=2)
    nats = array(model.element_nats(ops.convert_to_tensor(x), None)).reshape(3, 5, 16).sum(2)
    terms = {name: float(array(v)) for name, v in model.nll(x, None, False).items()}
    assert terms["nll_nats"] == pytest.approx(nats.sum(1).mean(), rel=1e-5)
    assert terms["next_frame_nats"] == pytest.approx(nats[:, 2:].mean(), rel=1e-5)
    assert np.allclose(-model.log_likelihood(x), nats.sum(1), rtol=1e-5)


def test_a_context_longer_than_the_film_is_refused():
    with pytest.raises(ConfigError, match=r"between 1 and 4, because a film has 5.*Received: 5"):
        VideoPixelCNNConfig(video_shape=(5, 8, 8, 1), context_frames=5)
