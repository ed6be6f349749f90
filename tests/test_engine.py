"""The engine: turns, gradients, optimizers and saving, on whichever backend is in use."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from throwaway import Duel, DuelConfig, Line, LineConfig

from zoo.engine import Player, PlayerModel, call_size, in_batches, input_gradients
from zoo.engine.state import read_state, restore_state
from zoo.errors import ConfigError, DataError, NonFiniteError, RunError

pytestmark = pytest.mark.backends

POINTS = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
ROWS = np.arange(24, dtype="float32").reshape(8, 3)


def values(variables):
    return [keras.ops.convert_to_numpy(v.value).copy() for v in variables]


def duel(seed=0, **config):
    keras.utils.set_random_seed(seed)
    return Duel(DuelConfig(**config))


def fit(model, x=POINTS, **options):
    options = {"batch_size": 16, "epochs": 1, "shuffle": False, "verbose": 0, **options}
    return model.fit(x, **options).history


def test_descent_follows_the_known_course():
    model = Line(LineConfig())
    model.compile()
    history = fit(model, ROWS, batch_size=4)
    means = ROWS[:4].mean(0), ROWS[4:].mean(0)
    assert np.allclose(model.weight, means[0] + means[1])
    # The first batch's loss is 0, for w is 0; the second's is -w . mean.
    assert history["line_nats"][0] == pytest.approx(-(means[0] @ means[1]) / 2)
    assert history["loss"] == history["line_nats"]


def test_terms_are_averaged_over_examples_not_batches():
    model = Line(LineConfig())
    model.compile({"line": keras.optimizers.SGD(0.0)})
    model.line.set_weights([np.ones((3, 1), "float32")])
    measured = model.evaluate(ROWS, batch_size=5, verbose=0, return_dict=True)  # 5 and 3 examples
    assert measured["line_nats"] == pytest.approx(-ROWS.sum(1).mean())


def test_each_move_on_fresh_data_sees_its_own_slice():
    model = Line(LineConfig(steps=2, fresh_data=True))
    model.compile()
    assert model.slices == 2
    fit(model, ROWS, batch_size=8)
    assert np.allclose(model.weight, ROWS[:4].mean(0) + ROWS[4:].mean(0))


def test_moves_without_fresh_data_see_the_whole_batch_again():
    model = Line(LineConfig(steps=2))
    model.compile()
    fit(model, ROWS, batch_size=8)
    assert np.allclose(model.weight, 2 * ROWS.mean(0))


def test_a_remainder_that_fills_no_slice_is_left_out():
    model = Line(LineConfig(steps=3, fresh_data=True))
    model.compile()
    fit(model, ROWS, batch_size=8)  # three slices of two
    assert np.allclose(model.weight, sum(ROWS[i : i + 2].mean(0) for i in (0, 2, 4)))


def test_a_batch_too_small_to_cut_is_refused():
    model = Line(LineConfig(steps=3, fresh_data=True))
    model.compile(run_eagerly=True)
    with pytest.raises(DataError, match=r"at least 3 examples.*Received: 2"):
        model.play_turn(ops.convert_to_tensor(ROWS[:2]))


def test_a_player_with_a_schedule_moves_only_in_its_turns():
    model = Line(LineConfig(period=3))
    model.compile()
    fit(model, ROWS[:7], batch_size=1)
    assert np.allclose(model.weight, ROWS[2] + ROWS[5])
    assert int(model.optimizer.iterations.value) == 7


def test_two_players_move_as_often_as_they_are_told():
    model = duel(critic_steps=2, generator_period=2)
    model.compile()
    fit(model)
    assert int(model.optimizer.iterations.value) == 4
    assert int(model.optimizer.by_player["critic"].iterations.value) == 8
    assert int(model.optimizer.by_player["generator"].iterations.value) == 2


def test_a_move_leaves_the_other_players_weights_alone():
    model = duel(generator_period=100)
    model.compile()
    critic, generator = values(model.critic.weights), values(model.generator.trainable_variables)
    history = fit(model)
    assert all(np.isfinite(term).all() for term in history.values())
    assert all(
        np.array_equal(a, b)
        for a, b in zip(generator, values(model.generator.trainable_variables), strict=True)
    )
    moved = zip(critic, values(model.critic.trainable_variables), strict=False)
    assert not any(np.array_equal(a, b) for a, b in moved)


def test_statistics_that_a_loss_updates_are_kept():
    model = duel()
    model.compile()
    norm = next(x for x in model.generator.layers if isinstance(x, keras.layers.BatchNormalization))
    before = values([norm.moving_mean])
    fit(model)
    assert not np.array_equal(before, values([norm.moving_mean]))


def test_gradients_by_the_input_are_those_of_calculus():
    network = keras.Sequential(
        [keras.Input((2,)), keras.layers.Lambda(lambda x: ops.sum(x**3, axis=1, keepdims=True))]
    )
    gradients = input_gradients(network, ops.convert_to_tensor(POINTS))
    if hasattr(gradients, "detach"):
        gradients = gradients.detach()
    assert np.allclose(keras.ops.convert_to_numpy(gradients), 3 * POINTS**2, atol=1e-5)


def test_a_penalty_on_input_gradients_moves_the_weights_by_its_own_gradient():
    class Slope(PlayerModel):
        config_class = LineConfig

        def __init__(self, config, **kwargs):
            super().__init__(config, **kwargs)
            self.line = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])

        def penalty(self, x, y, training):
            slopes = input_gradients(self.line, x, training=training)  # the weight, once a row
            norm = ops.sqrt(ops.sum(ops.square(slopes), axis=1))
            return {"penalty_nats": ops.mean(ops.square(norm - 1.0))}

        def players(self):
            return [
                Player(
                    name="line",
                    networks=[self.line],
                    loss=self.penalty,
                    terms=("penalty_nats",),
                    optimizer=lambda: keras.optimizers.SGD(0.1),
                )
            ]

    model = Slope(LineConfig())
    model.compile()
    weight = np.array([2.0, -1.0, 0.5])
    model.line.set_weights([weight[:, None].astype("float32")])
    fit(model, ROWS, batch_size=8)
    norm = np.linalg.norm(weight)
    expected = weight - 0.1 * 2 * (norm - 1) * weight / norm
    assert np.allclose(values(model.line.weights)[0][:, 0], expected, atol=1e-5)


def test_validation_changes_nothing_in_training():
    models = [duel(), duel()]
    for model, options in zip(models, ({}, {"validation_data": (POINTS[:32],)}), strict=True):
        model.compile()
        fit(model, epochs=2, **options)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(*(values(m.trainable_variables) for m in models), strict=True)
    )


def test_evaluation_is_the_same_every_time():
    model = duel()
    model.compile()
    first, second = (
        model.evaluate(POINTS, batch_size=16, verbose=0, return_dict=True) for _ in range(2)
    )
    assert first == second
    assert set(first) == {"loss", "critic_nats", "penalty_nats", "generator_nats"}


def test_training_goes_on_from_a_saved_file_as_if_it_had_not_been_saved(tmp_path):
    whole, half = duel(), duel()
    for model in (whole, half):
        model.compile()
        fit(model)
    half.save(tmp_path / "duel.keras")
    loaded = keras.saving.load_model(tmp_path / "duel.keras", safe_mode=True)
    assert isinstance(loaded.optimizer.by_player["generator"], keras.optimizers.RMSprop)
    # A `.keras` file keeps no state of seed generators; the zoo's checkpoints do.
    for name in ("seed_generator", "evaluation_seed_generator"):
        getattr(loaded, name).state.assign(getattr(half, name).state.value)
    loaded.critic.layers[1].seed_generator.state.assign(
        half.critic.layers[1].seed_generator.state.value
    )
    for model in (whole, loaded):
        fit(model)
    for a, b in zip(whole.optimizer.variables, loaded.optimizer.variables, strict=True):
        assert np.array_equal(*values([a, b])), a.path
    assert np.array_equal(whole.sample(3), loaded.sample(3))


def test_a_checkpoint_of_everything_makes_another_model_go_on_with_the_same_bits():
    whole, other = duel(0), duel(1)
    for model in (whole, other):
        model.compile()
    fit(whole)
    state = read_state(whole)
    fit(whole)
    restore_state(other, state, ("model", "optimizer", "metrics"))
    fit(other)
    for a, b in zip(whole.variables, other.variables, strict=True):
        assert np.array_equal(*values([a, b])), a.path


def test_a_state_of_another_model_is_refused_and_changes_nothing():
    model, line = duel(), Line(LineConfig())
    model.compile()
    line.compile()
    before = values(model.variables)
    with pytest.raises(RunError, match="another version of the model"):
        restore_state(model, read_state(line), ("model",))
    wrong = {name: np.zeros((*v.shape, 1), v.dtype) for name, v in read_state(model).items()}
    with pytest.raises(RunError, match="shape"):
        restore_state(model, wrong, ("model",))
    assert all(np.array_equal(a, b) for a, b in zip(before, values(model.variables), strict=True))


def test_a_weight_that_is_not_a_number_is_not_saved():
    model = Line(LineConfig())
    model.compile()
    model.line.set_weights([np.full((3, 1), np.nan, "float32")])
    with pytest.raises(NonFiniteError, match="kernel"):
        read_state(model)


def test_optimizers_are_overridden_by_player():
    model = duel()
    model.compile({"critic": keras.optimizers.SGD(0.5), "generator": "adam"})
    assert isinstance(model.optimizer, keras.optimizers.MultiOptimizer)
    assert isinstance(model.optimizer.by_player["critic"], keras.optimizers.SGD)
    assert isinstance(model.optimizer.by_player["generator"], keras.optimizers.Adam)
    model.compile({"critic": keras.optimizers.SGD(0.5)})
    assert isinstance(model.optimizer.by_player["generator"], keras.optimizers.RMSprop)


def test_an_optimizer_for_nobody_is_refused():
    with pytest.raises(ConfigError, match=r"no player 'crtic'. Players: critic, generator"):
        duel().compile({"crtic": "adam"})
    with pytest.raises(ConfigError, match="mapping from their names"):
        duel().compile("adam")


def test_a_single_player_takes_a_single_optimizer():
    model = Line(LineConfig())
    model.compile("adam")
    assert isinstance(model.optimizer.by_player["line"], keras.optimizers.Adam)


@pytest.mark.parametrize("option", ["clipvalue", "clipnorm", "global_clipnorm"])
def test_gradients_are_clipped_by_keras_own_optimizers(option):
    model = Line(LineConfig())
    model.compile(keras.optimizers.SGD(1.0, **{option: 0.5}))
    fit(model, ROWS, batch_size=8)
    mean = ROWS.mean(0)
    clipped = (
        np.clip(mean, -0.5, 0.5) if option == "clipvalue" else 0.5 * mean / np.linalg.norm(mean)
    )
    assert np.allclose(model.weight, clipped, atol=1e-6)


def test_a_schedule_counts_the_players_own_moves():
    model = Line(LineConfig(steps=2))
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [1.0, 0.0])
    model.compile(keras.optimizers.SGD(schedule))
    fit(model, ROWS, batch_size=8)
    assert np.allclose(model.weight, 2 * ROWS.mean(0))  # moves 0 and 1 count, the rest do not
    fit(model, ROWS, batch_size=8)
    assert np.allclose(model.weight, 2 * ROWS.mean(0))


@pytest.mark.parametrize(("momentum", "used"), [(0.9, 2 / 11), (0.1, 0.1)])
def test_moving_averages_take_the_place_of_the_weights_when_fit_ends(momentum, used):
    model = Line(LineConfig())
    model.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=momentum))
    fit(model, ROWS, batch_size=4)
    first = ROWS[:4].mean(0)
    second = first + ROWS[4:].mean(0)
    # They start at the weights after the first move, and follow closely while moves are few.
    assert np.allclose(model.weight, used * first + (1 - used) * second)


def test_averages_wait_where_a_trainer_goes_on():
    model = Line(LineConfig())
    model.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5))
    model.optimizer.averages_at_end = False
    fit(model, ROWS, batch_size=4)
    assert np.allclose(model.weight, ROWS[:4].mean(0) + ROWS[4:].mean(0))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_trains(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = duel()
        model.compile()
    finally:
        keras.config.set_dtype_policy("float32")
    before = values(model.trainable_variables)
    history = fit(model)
    assert all(np.isfinite(term).all() for term in history.values())
    after = values(model.trainable_variables)
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert {v.dtype for v in model.trainable_variables} == {"float32"}


def test_an_overflow_in_float16_skips_the_move_and_halves_the_scale():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = Line(LineConfig())
        model.compile()
    finally:
        keras.config.set_dtype_policy("float32")
    huge = np.full((8, 3), 60000.0, "float32")  # times the first scale it is beyond float16
    fit(model, huge, batch_size=8)
    assert np.array_equal(model.weight, np.zeros(3))
    scale = next(v for v in model.optimizer.variables if "loss_scale" in v.path)
    assert float(scale.value) == 2.0**14
    fit(model, ROWS / 10, batch_size=8)
    assert np.allclose(model.weight, ROWS.mean(0) / 10, rtol=1e-2)


def test_sample_weights_are_refused():
    model = Line(LineConfig())
    model.compile(run_eagerly=True)
    with pytest.raises(DataError, match="leave them out"):
        model.play_turn((ROWS, np.zeros(8), np.ones(8)))


class Faulty(Line):
    """A line whose players the test gives."""

    given: list = []

    def players(self):
        return [player(self) for player in self.given]


def player(model, **changes):
    arguments = {
        "name": "line",
        "networks": [model.line],
        "loss": lambda x, y, training: {"line_nats": ops.mean(model.line(x))},
        "terms": ("line_nats",),
        "optimizer": keras.optimizers.SGD,
        **changes,
    }
    return Player(**arguments)


@pytest.mark.parametrize(
    ("players", "message"),
    [
        ([], r"No player moves .*kernel"),
        (
            [player, lambda m: player(m, name="other", terms=("other_nats",))],
            "both move the weight",
        ),
        (
            [player, lambda m: player(m, name="other", networks=[])],
            "has a name that is taken",
        ),
    ],
)
def test_players_that_do_not_fit_together_are_refused(players, message, monkeypatch):
    monkeypatch.setattr(Faulty, "given", players)
    with pytest.raises(ConfigError, match=message):
        Faulty(LineConfig()).compile()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"terms": ("line_nats", "kl_nats")}, "must return the terms"),
        (
            {"loss": lambda x, y, training: {"line_nats": ops.mean(x) * 1.0}},
            "does not depend on its weight",
        ),
    ],
)
def test_a_loss_that_is_not_what_its_player_says_is_refused(changes, message, monkeypatch):
    monkeypatch.setattr(Faulty, "given", [lambda m: player(m, **changes)])
    model = Faulty(LineConfig())
    model.compile()
    if keras.backend.backend() == "jax" and "depend" in message:
        pytest.skip("JAX gives zeros for weights that a loss does not depend on.")
    if keras.backend.backend() == "torch" and "depend" in message:
        message = "does not depend|does not require grad"
    with pytest.raises(Exception, match=message):
        fit(model, ROWS)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras offers it there alone.")
def test_several_steps_per_execution_end_on_the_same_weights():
    models = duel(), duel()
    for model, steps in zip(models, (1, 4), strict=True):
        model.compile(steps_per_execution=steps)
        fit(model)
    for a, b in zip(*(m.trainable_variables for m in models), strict=True):
        assert np.allclose(*values([a, b]), atol=1e-6)


def test_a_config_of_another_model_is_refused():
    with pytest.raises(ConfigError, match=r"Duel takes a DuelConfig. Received: LineConfig"):
        Duel(LineConfig())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beta_1": 0.0, "epsilon": 1e-3},
        {"clipnorm": 0.1, "weight_decay": 0.1},
        {"use_ema": True, "ema_momentum": 0.5},
        {"amsgrad": True},
    ],
    ids=lambda options: ",".join(options) or "plain",
)
def test_adam_takes_the_steps_of_keras_own(options):
    """Whatever kernel the backend has for it, with everything that Keras puts around a step."""

    class Plain(keras.optimizers.Adam):
        """A class of its own, which the engine leaves as it is."""

    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.9)
    ended = []
    for kind in (keras.optimizers.Adam, Plain):
        model = duel()
        # SGD for the other, so that only Adam's rounding can tell the two apart.
        model.compile({"critic": kind(rate, **options), "generator": keras.optimizers.SGD(0.0)})
        fit(model, epochs=3)
        optimizer = model.optimizer.by_player["critic"]
        ended.append(values([*model.critic.trainable_variables, *optimizer.variables]))
    for own, expected in zip(*ended, strict=True):
        assert np.allclose(own, expected, rtol=1e-3, atol=1e-5)


def test_a_compiled_function_is_called_with_few_sizes():
    sizes = {count: call_size(count, 64) for count in range(1, 1000)}
    assert sorted(set(sizes.values())) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
    assert all(min(count, 64) <= size < 1.5 * count for count, size in sizes.items())
    assert call_size(5, 5) == 5
    called = []

    def doubled(x, nothing):
        called.append(len(x))
        return 2 * x

    assert np.array_equal(in_batches(doubled, 8, np.arange(5), None), 2 * np.arange(5))
    assert np.array_equal(in_batches(doubled, 8, np.arange(19), None), 2 * np.arange(19))
    assert called == [6, 8, 8, 8]


class SteadyDuel(Duel):
    """Its players move in every turn."""

    def players(self):
        return [dataclasses.replace(player, moves_at=None) for player in super().players()]


def test_nobody_learns_once_the_rates_of_all_players_have_fallen_to_nothing():
    falling = keras.optimizers.schedules.PolynomialDecay(0.1, 6, end_learning_rate=0.0)
    ends = []
    for duel, rates in (
        (SteadyDuel, (falling, falling)),
        (SteadyDuel, (falling, 0.1)),
        (Duel, (falling, falling)),  # how often one has moved, its turns alone know
    ):
        model = duel(DuelConfig())
        names = [player.name for player in model.players()]
        model.compile(dict(zip(names, map(keras.optimizers.SGD, rates), strict=True)))
        ends.append([model.optimizer.end_of_rates(turns) for turns in (5, 100)])
    slowest = min(player.steps for player in model.players())
    assert ends == [[None, -(-6 // slowest)], [None, None], [None, None]]
