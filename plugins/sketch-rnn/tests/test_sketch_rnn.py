"""What makes it Sketch-RNN: the density of a move, the objective, and drawing move by move."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats
from zoo_sketch_rnn import SketchRNN, SketchRNNConfig
from zoo_sketch_rnn.mixture import (
    LARGEST_CORRELATION,
    LEAST_STD,
    draw_move,
    move_of,
    offset_nats,
    output_size,
    pen_nats,
)
from zoo_sketch_rnn.networks import START, rows_before

from zoo.errors import ConfigError, DataError
from zoo.making import element, put_element

SMALL = SketchRNNConfig(
    max_length=9,
    encoder_units=4,
    decoder_units=6,
    latent_size=3,
    mixtures=2,
    recurrent_dropout=0.0,
)
DECODERS = ("lstm", "layer-norm-lstm", "hyper-lstm")


def numpy(x):
    return np.asarray(ops.convert_to_numpy(ops.stop_gradient(x)))


def sketches(lengths=(6, 3), rows=9):
    """Sketches of so many points, ended and filled as the data are."""
    generator = np.random.default_rng(0)
    x = np.tile(np.array([0, 0, 0, 0, 1], "float32"), (len(lengths), rows, 1))
    for sketch, length in zip(x, lengths, strict=True):
        sketch[:length, :2] = generator.standard_normal((length, 2))
        up = generator.random(length) < 0.3
        sketch[:length, 2:] = np.stack([~up, up, np.zeros(length)], axis=-1)
    return x


def spread(model):
    """Move all weights away from where they start, so that everything has an effect."""
    generator = np.random.default_rng(1)
    for weight in model.trainable_variables:
        noise = 0.3 * generator.standard_normal(weight.shape)
        weight.assign(weight + noise.astype("float32"))
    return model


def outputs_of(means, stds, correlations, shares, pens):
    """A decoder's outputs (6M + 3,) for a mixture that is given in plain numbers."""
    least = np.log(LEAST_STD)
    raw = [
        np.log(np.expm1(np.log(np.asarray(axis)) - least)) + least
        for axis in zip(*stds, strict=True)
    ]
    mean_x, mean_y = zip(*means, strict=True)
    parts = [
        np.log(pens),
        np.log(shares),
        mean_x,
        mean_y,
        *raw,
        np.arctanh(np.divide(correlations, LARGEST_CORRELATION)),
    ]
    return np.concatenate(parts).astype("float32")


MEANS, STDS = ((0.5, -1.0), (2.0, 0.3)), ((0.7, 0.2), (1.5, 0.4))
CORRELATIONS, SHARES, PENS = (0.6, -0.9), (0.3, 0.7), (0.5, 0.3, 0.2)
OUTPUTS = outputs_of(MEANS, STDS, CORRELATIONS, SHARES, PENS)


def covariance(std, correlation):
    both = correlation * std[0] * std[1]
    return np.array([[std[0] ** 2, both], [both, std[1] ** 2]])


def density(offsets):
    parts = zip(SHARES, MEANS, STDS, CORRELATIONS, strict=True)
    return sum(
        share * stats.multivariate_normal(mean, covariance(std, correlation)).pdf(offsets)
        for share, mean, std, correlation in parts
    )


def test_the_density_of_a_move_is_the_mixture_of_correlated_gaussians():
    offsets = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
    assert OUTPUTS.shape == (output_size(2),)
    move = move_of(ops.convert_to_tensor(np.tile(OUTPUTS, (20, 1))))
    assert np.allclose(numpy(offset_nats(move, offsets)), -np.log(density(offsets)), atol=1e-4)
    pen = np.eye(3, dtype="float32")[np.arange(20) % 3]
    expected = -np.log(np.array(PENS)[np.arange(20) % 3])
    assert np.allclose(numpy(pen_nats(move, pen)), expected, atol=1e-5)


def test_far_moves_and_full_correlation_keep_the_density_finite():
    outputs = np.tile(OUTPUTS, (3, 1))
    outputs[1, -2:] = 20.0  # the correlation is 1 to within rounding
    outputs[2, 9:13] = -1e4  # standard deviations below the least
    offsets = ops.convert_to_tensor(np.array([[1e4, -1e4], [1, 1], [0, 0]], "float32"))
    nats = numpy(offset_nats(move_of(ops.convert_to_tensor(outputs)), offsets))
    assert np.isfinite(nats).all()


def test_moves_along_a_line_have_a_density_with_a_bound():
    outputs = outputs_of([(0, 0)], [(1, 1)], [0.0], [1.0], PENS)
    outputs[-1] = 1e4
    nats = float(
        numpy(offset_nats(move_of(ops.convert_to_tensor(outputs)), np.zeros(2, "float32")))
    )
    assert nats == pytest.approx(np.log(2 * np.pi) + 0.5 * np.log(2e-4), abs=1e-3)


def test_what_stands_after_the_end_of_a_sketch_changes_nothing():
    model = spread(SketchRNN(SMALL))
    x = sketches(lengths=(6, 3), rows=9)
    junk = x.copy()
    junk[1, 5] = (3, -2, 1, 0, 0)
    for values in (model.encode, model.log_likelihood):
        assert np.array_equal(values(x), values(junk))


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_draws_have_the_moments_of_the_mixture_at_the_temperature(temperature):
    count = 40_000
    move = move_of(ops.convert_to_tensor(np.tile(OUTPUTS, (count, 1))))
    uniforms = np.random.default_rng(0).random((count, 4), "float32")
    rows = numpy(draw_move(move, ops.convert_to_tensor(uniforms), temperature))
    pens = np.array(PENS) ** (1 / temperature)
    pens /= pens.sum()
    assert np.allclose(rows[:, 2:].mean(axis=0), pens, atol=0.01)
    assert set(rows[:, 2:].sum(axis=1)) == {1.0}
    assert not rows[rows[:, 4] == 1, :2].any()
    shares = np.array(SHARES) ** (1 / temperature)
    shares /= shares.sum()
    mean = sum(share * np.array(m) for share, m in zip(shares, MEANS, strict=True))
    second = sum(
        share * (temperature * covariance(std, correlation) + np.outer(m, m))
        for share, m, std, correlation in zip(shares, MEANS, STDS, CORRELATIONS, strict=True)
    )
    moves = rows[rows[:, 4] == 0, :2]
    assert np.allclose(moves.mean(axis=0), mean, atol=0.03)
    assert np.allclose(np.cov(moves.T), second - np.outer(mean, mean), atol=0.06)


def test_at_temperature_zero_the_likeliest_component_gives_its_mean():
    move = move_of(ops.convert_to_tensor(OUTPUTS[None]))
    uniforms = ops.convert_to_tensor(np.array([[0.9, 0.1, 0.8, 0.3]], "float32"))
    assert np.allclose(numpy(draw_move(move, uniforms, 0.0)), [[*MEANS[1], 1, 0, 0]], atol=1e-4)


def test_the_decoder_is_given_the_start_and_then_the_rows_before():
    x = sketches()
    before = numpy(rows_before(ops.convert_to_tensor(x)))
    assert np.array_equal(before[:, 0], np.tile(np.array(START, "float32"), (2, 1)))
    assert np.array_equal(before[:, 1:], x[:, :-1])


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("latent_size", [3, 0])
def test_row_by_row_the_decoder_says_what_the_network_says_at_once(decoder, latent_size):
    config = dataclasses.replace(SMALL, decoder=decoder, latent_size=latent_size)
    model = spread(SketchRNN(config))
    x = ops.convert_to_tensor(sketches())
    latents = ops.convert_to_tensor(np.ones((2, 3), "float32")) if latent_size else None
    expected = numpy(model.decoder_network(rows_before(x), context=latents))
    made = model.decoder({"latents": latents, "labels": None})
    state, elements = made.start(2), ops.zeros((2, 9, 1, 5)) + 7.0
    for row in range(9):
        found, state = made.step(state, elements, row, 0)
        assert np.allclose(numpy(found), expected[:, row], atol=1e-4)
        elements = put_element(elements, element(x[:, :, None], row, 0), row, 0)


@pytest.mark.parametrize("decoder", DECODERS)
def test_no_row_is_told_what_comes_after_it(decoder):
    model = spread(SketchRNN(dataclasses.replace(SMALL, decoder=decoder)))
    x, latents = sketches(), np.ones((2, 3), "float32")
    other = x.copy()
    other[:, 2] += 1
    before, after = (
        numpy(model.decoder_network(rows_before(ops.convert_to_tensor(s)), context=latents))
        for s in (x, other)
    )
    assert np.array_equal(before[:, :3], after[:, :3])
    assert not np.isclose(before[:, 3:], after[:, 3:]).all(axis=-1).any()


def test_what_fills_a_sketch_changes_nothing_in_its_encoding():
    model = spread(SketchRNN(SMALL))
    x = sketches()
    assert np.allclose(model.encode(x)[1:], model.encode(x[1:, :4]), atol=1e-5)
    assert not np.allclose(model.encode(x)[1:], model.encode(x[1:, 1:]))


def test_the_loss_of_moves_stops_at_the_end_and_that_of_the_pen_does_not():
    model = spread(SketchRNN(dataclasses.replace(SMALL, latent_size=0)))
    x = ops.convert_to_tensor(sketches())
    offset, pen = (numpy(nats) for nats in model.row_nats(x, None, None, False))
    drawn = np.arange(9) < np.array([[6], [3]])
    assert not offset[~drawn].any()
    assert (pen > 0).all()
    terms = model.objective(x, None, False)
    assert np.isclose(numpy(terms["offset_nats_per_step"]), offset.sum() / (2 * 9), atol=1e-5)
    assert np.isclose(numpy(terms["pen_nats_per_step"]), pen.sum() / (2 * 9), atol=1e-5)
    to_end = np.arange(9) <= np.array([[6], [3]])
    expected = -(offset.sum(1) + (pen * to_end).sum(1))
    assert np.allclose(model.log_likelihood(sketches()), expected, atol=1e-4)


def test_a_batch_cut_at_its_longest_sketch_has_the_loss_of_the_whole():
    model = spread(SketchRNN(dataclasses.replace(SMALL, pen_loss_past_end=False)))
    assert model.cuts_batches
    assert not SketchRNN(SMALL).cuts_batches
    x = sketches()
    whole, cut = (
        {name: float(numpy(term)) for name, term in model.objective(part, None, False).items()}
        for part in (ops.convert_to_tensor(x), ops.convert_to_tensor(x[:, :7]))
    )
    model.evaluation_seed_generator.state.assign([0, 0])
    assert whole.keys() == cut.keys()
    x = ops.convert_to_tensor(x)
    latents = ops.convert_to_tensor(np.ones((2, 1, 3), "float32"))
    nats = [numpy(model.nll_given(part, None, latents)) for part in (x, x[:, :7])]
    assert np.allclose(*nats, atol=1e-4)
    assert np.isclose(whole["kl_nats"], cut["kl_nats"], rtol=1e-4)


def test_the_kl_term_is_floored_per_dimension_and_annealed_by_the_step():
    config = dataclasses.replace(SMALL, kl_weight=0.5, kl_floor=0.2, kl_annealing=0.9)
    model = SketchRNN(config)  # whose posterior is all but the prior, so that the floor holds
    model.compile()
    x = ops.convert_to_tensor(sketches())
    for step in (0, 1, 10):
        model.optimizer.iterations.assign(step)
        terms = {k: float(numpy(v)) for k, v in model.objective(x, None, True).items()}
        weight = 0.5 * (1 - 0.99 * 0.9**step)
        assert np.isclose(terms["kl_weight"], weight, rtol=1e-5)
        assert terms["kl_nats_per_dim"] < 0.2
        rows = terms["offset_nats_per_step"] + terms["pen_nats_per_step"]
        assert np.isclose(terms["objective_nats_per_step"], rows + weight * 0.2, rtol=1e-5)
    far = spread(model)
    terms = {k: float(numpy(v)) for k, v in far.objective(x, None, False).items()}
    rows = terms["offset_nats_per_step"] + terms["pen_nats_per_step"]
    assert np.isclose(terms["kl_weight"], 0.5)
    assert np.isclose(terms["kl_nats"], 3 * terms["kl_nats_per_dim"], rtol=1e-5)
    floored = max(terms["kl_nats_per_dim"], 0.2)
    assert np.isclose(terms["objective_nats_per_step"], rows + 0.5 * floored, rtol=1e-4)


def test_the_learning_rate_falls_to_a_hundredth():
    rate = SketchRNN(SMALL).make_optimizer()._learning_rate
    for step, expected in ((0, 1e-3), (1, 9.9e-4 * 0.9999 + 1e-5), (10**6, 1e-5)):
        assert np.isclose(float(numpy(rate(step))), expected, rtol=1e-4)
    restored = type(rate).from_config(rate.get_config())
    assert restored.get_config() == rate.get_config()


def test_recurrent_dropout_bears_on_training_alone():
    model = spread(SketchRNN(dataclasses.replace(SMALL, recurrent_dropout=0.5, latent_size=0)))
    x = ops.convert_to_tensor(sketches())
    in_training = [numpy(model.row_nats(x, None, None, True)[1]) for _ in range(2)]
    elsewhere = [numpy(model.row_nats(x, None, None, False)[1]) for _ in range(2)]
    assert not np.allclose(*in_training)
    assert np.array_equal(*elsewhere)


def test_sketches_are_rows_of_stroke_5_that_come_to_an_end():
    made = spread(SketchRNN(SMALL)).sample(20, seed=3)
    assert np.array_equal(made[..., 2:].sum(-1), np.ones((20, 9)))
    ended = np.maximum.accumulate(made[..., 4], axis=1)
    assert np.array_equal(ended, made[..., 4])
    assert (made[:, -1] == [0, 0, 0, 0, 1]).all()
    assert not made[made[..., 4] == 1][:, :2].any()


def test_a_lower_temperature_draws_nearer_to_what_is_likeliest():
    model = spread(SketchRNN(SMALL))
    latents = model.draw_latents(1)
    likeliest = model.decode(latents, temperature=0.0)

    def distance(temperature):
        made = model.decode(np.repeat(latents, 50, axis=0), temperature=temperature)
        return np.abs(made[:, 0, :2] - likeliest[0, 0, :2]).mean()

    assert distance(0.01) < distance(0.3) < distance(1.0)


def test_what_is_begun_is_gone_on_with():
    model, x = spread(SketchRNN(SMALL)), sketches()
    known = np.zeros(x.shape, bool)
    known[:, :2] = True
    made = model.complete(x, known, seed=1)
    assert np.array_equal(made[:, :2], x[:, :2])
    assert not np.array_equal(made, model.complete(x, known, seed=2))


def test_without_latents_there_is_nothing_to_encode():
    model = SketchRNN(dataclasses.replace(SMALL, latent_size=0))
    assert model.likelihood_kind == "exact"
    with pytest.raises(ConfigError, match="latent_size is 0"):
        model.encode(sketches())
    told = SketchRNN(dataclasses.replace(SMALL, class_conditional=True, class_count=3))
    with pytest.raises(DataError, match="needs labels"):
        told.encode(sketches())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("max_length", 1, "max_length must be at least 2"),
        ("mixtures", 0, "mixtures must be at least 1"),
        ("latent_size", -1, "latent_size must be at least 0"),
        ("scale_factor", 0.0, "scale_factor must be above 0"),
        ("recurrent_dropout", 1.0, "recurrent_dropout must lie in"),
        ("kl_annealing", 0.0, "kl_annealing must lie in"),
        ("class_conditional", True, "class_count of at least 2"),
    ],
)
def test_impossible_configurations_are_refused(field, value, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(SMALL, **{field: value})


@pytest.mark.slow
def test_it_learns_to_draw_circles():
    angles = np.linspace(0, 2 * np.pi, 13)[:-1]
    x = np.tile(np.array([0, 0, 0, 0, 1], "float32"), (64, 16, 1))
    turn = np.random.default_rng(0).uniform(0, 2 * np.pi, (64, 1))
    x[:, :12, :2] = np.stack([np.cos(angles + turn), np.sin(angles + turn)], axis=-1)
    x[:, :12, 2:] = (1, 0, 0)
    config = dataclasses.replace(
        SMALL, max_length=16, decoder_units=32, encoder_units=16, learning_rate=1e-2, latent_size=2
    )
    keras.utils.set_random_seed(0)
    model = SketchRNN(config)
    model.compile()
    model.fit(np.tile(x, (10, 1, 1)), epochs=50, batch_size=64, verbose=0)
    made = model.sample(16, temperature=0.1)
    ends = np.abs(made[:, :12, :2].sum(axis=1))
    closed = made[..., 4].argmax(axis=1) >= 12
    assert closed.mean() > 0.8
    assert np.median(ends) < 1.5  # twelve unit moves at random end some 3.5 away


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ((0, 1, 0), np.nan, "moves that are no number"),
        ((0, 1, 1), np.inf, "moves that are no number"),
        ((0, 1, 2), 0.5, "no such states"),
        ((0, 7, slice(2, 5)), 0, "no such states"),
    ],
)
def test_rows_that_are_no_stroke_5_are_refused(place, value, reason):
    model = SketchRNN(SMALL)
    model.compile()
    x = sketches()
    x[place] = value
    for use in (model.encode, model.log_likelihood, model.fit):
        with pytest.raises(DataError, match=f"Received: {reason}"):
            use(x)
