"""PlayerModel: the players' turns as Keras's custom train_step and test_step."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
from keras import ops, tree

from zoo import config as configs
from zoo.engine.backend import StepMixin, conditionally, value_and_gradients
from zoo.engine.batching import check_last_batch
from zoo.engine.optimizer import PlayersOptimizer
from zoo.engine.player import Player
from zoo.errors import ConfigError, DataError

Optimizers = Mapping[str, keras.optimizers.Optimizer | str | dict[str, Any]]


class TermMeans(keras.metrics.Metric):
    """The mean of every term of one player's loss over the examples seen.

    Args:
        player: The player whose terms are kept.
    """

    def __init__(self, player: Player):
        super().__init__(name=player.name)
        self.terms = tuple(player.terms)
        self.totals = self.add_variable((len(self.terms),), "zeros", name="totals")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, terms: Mapping[str, Any], count: Any) -> None:
        """Add the terms of a batch of `count` examples."""
        count = ops.cast(count, "float32")
        values = ops.stack([ops.cast(terms[name], "float32") for name in self.terms])
        self.totals.assign_add(values * count)
        self.count.assign_add(count)

    def result(self) -> dict[str, Any]:
        """Return each term's mean; 0 before the first batch."""
        means = self.totals / ops.maximum(self.count, 1.0)
        return {name: means[index] for index, name in enumerate(self.terms)}


class PlayerModel(StepMixin, keras.Model):
    """A Keras model that is trained as a game between players.

    A subclass builds its networks in `__init__` and lists its players:

    ```python
    class VAE(PlayerModel):
        config_class = VAEConfig

        def __init__(self, config, **kwargs):
            super().__init__(config, **kwargs)
            self.encoder = build_encoder(config)
            self.decoder = build_decoder(config)

        def players(self):
            return [Player(name="vae", networks=[self.encoder, self.decoder], loss=..., ...)]
    ```

    `fit`, `evaluate`, callbacks and saving are Keras's own. The logs hold every term of every
    player, and `loss`: what the players minimise, added up, for callbacks that read that name.

    Args:
        config: The model's configuration, or its JSON form.
    """

    config_class: ClassVar[type]
    config: Any
    # XLA on TensorFlow's CPU, by measurement; on JAX everything is compiled, on torch nothing.
    jit_compile_on_tensorflow: ClassVar[bool | str] = "auto"
    # Examples in the smallest batch (each slice of it) on which it can be trained.
    smallest_batch: int = 1

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(config, Mapping):
            config = configs.from_json(self.config_class, config)
        if not isinstance(config, self.config_class):
            raise ConfigError(
                f"{type(self).__name__} takes a {self.config_class.__name__}. Received: "
                f"{type(config).__name__}."
            )
        self.config = config
        self.seed_generator = keras.random.SeedGenerator()
        self.evaluation_seed_generator = keras.random.SeedGenerator(0)
        self.built = True  # every network is built by its constructor, for the config knows shapes

    def players(self) -> Sequence[Player]:
        """Return the players, in the order in which they move."""
        raise NotImplementedError(f"{type(self).__name__} must list its players.")

    def noise_seed(self, training: bool) -> keras.random.SeedGenerator:
        """Return the generator of a loss's noise.

        Evaluation has a generator of its own, rewound before each pass, so that validating
        changes nothing in training and every epoch is validated with the same noise.
        """
        return self.seed_generator if training else self.evaluation_seed_generator

    def compile(
        self,
        optimizer: Any = None,
        *,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str | None = None,
    ) -> None:
        """Prepare for training with the paper's optimizers, or with others by player.

        Args:
            optimizer: Mapping from a player's name to its optimizer, in place of the paper's; a
                single optimizer where there is one player; None for the paper's.
            run_eagerly: As in Keras.
            steps_per_execution: As in Keras.
            jit_compile: As in Keras; None takes what was measured to be faster for this model.

        Raises:
            ConfigError: If the players' networks overlap or leave a weight unmoved, or the
                mapping names a player that does not exist.
        """
        if jit_compile is None:
            on_tensorflow = keras.backend.backend() == "tensorflow"
            jit_compile = self.jit_compile_on_tensorflow if on_tensorflow else "auto"
        players = tuple(self.players())
        _check_players(self, players)
        optimizers = _choose_optimizers(players, optimizer)
        scale_losses = self.compute_dtype == "float16"
        super().compile(
            optimizer=PlayersOptimizer(optimizers, players, scale_losses, self.renew_statistics),
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=False,
        )
        self.optimizer.build(self.trainable_variables)
        self._players = players
        self._means = [TermMeans(player) for player in players]
        self._compile_options = {
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }

    def renew_statistics(self) -> None:
        """Measure anew what batch normalisation goes by, as moving averages are put in place.

        It is called where an optimizer keeps such averages; the running statistics are of the
        weights that they replace. By default nothing is done.
        """

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train as Keras does, after a look at what is given as arrays."""
        self._look_at_arrays(x, y)
        if hasattr(x, "__array__"):
            given = inspect.signature(keras.Model.fit).bind(self, x, y, *args, **kwargs).arguments
            check_last_batch(len(x), given, self.slices * self.smallest_batch, type(self).__name__)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Measure as Keras does, after a look at what is given as arrays."""
        self._look_at_arrays(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def _look_at_arrays(self, x: Any, y: Any) -> None:
        x, y = (value if hasattr(value, "__array__") else None for value in (x, y))
        self.check_arrays(x, y)

    def check_arrays(self, x: Any, y: Any) -> None:
        """Raise DataError where values that `fit` is given as arrays do not suit the model.

        It is for what a step on tensors, which must not wait for their values, cannot see.

        Args:
            x: Examples (N, ...); None where they are no array, but come one batch after another.
            y: Labels (N,), or None.
        """

    @property
    def slices(self) -> int:
        """Into how many slices a batch is cut, so that moves which ask for it see fresh data."""
        return max((p.steps for p in self.players() if p.fresh_data), default=1)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The running means of every player's terms."""
        return list(self._means) if self.compiled else []

    def reset_metrics(self) -> None:
        """Forget the running means, and rewind the noise of evaluation."""
        super().reset_metrics()
        state = self.evaluation_seed_generator.state
        state.assign(ops.zeros(state.shape, state.dtype))

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the mean of every term, and `loss`."""
        results = {name: mean for means in self._means for name, mean in means.result().items()}
        loss = sum(results[player.terms[0]] for player in self._players)
        return {"loss": loss, **results}

    def play_turn(self, data: Any) -> dict[str, Any]:
        """Let every player move once in its turn; called by Keras through `train_step`."""
        batches = _cut(data, max((p.steps for p in self._players if p.fresh_data), default=1))
        self.check_batch(_count(batches[0][0]))
        for player, means in zip(self._players, self._means, strict=True):
            if player.moves_at is None:
                handed = self._move(player, means, batches)
                batches = [(_with_handed(player, x, handed), y) for x, y in batches]
            else:
                conditionally(
                    self,
                    player.moves_at(self.optimizer.iterations),
                    lambda player=player, means=means, batches=batches: self._move(
                        player, means, batches
                    ),
                )
        self.optimizer.iterations.assign_add(1)
        return self.get_metrics_result()

    def check_batch(self, count: Any) -> None:
        """Raise ConfigError where `count` examples are too few to train on; a tensor passes."""
        if isinstance(count, int) and count < self.smallest_batch:
            raise ConfigError(
                f"A batch of {type(self).__name__} must hold at least {self.smallest_batch} "
                f"examples, because batch normalisation needs a variance. Received: {count}. "
                "Raise the batch size."
            )

    def assess(self, data: Any) -> dict[str, Any]:
        """Compute every player's terms; called by Keras through `test_step`."""
        [(x, y)] = _cut(data, 1)
        count = _count(x)
        for player, means in zip(self._players, self._means, strict=True):
            results = _results(player, x, y, training=False)
            means.update_state(results, count)
            x = _with_handed(player, x, results)
        return self.get_metrics_result()

    def _move(
        self, player: Player, means: TermMeans, batches: Sequence[tuple[Any, Any]]
    ) -> Mapping[str, Any]:
        """Let a player move, and return what its loss returned at its last move."""
        variables = player.variables
        results: Mapping[str, Any] = {}
        for step in range(player.steps):
            scale = self.optimizer.loss_scale(player.name)
            x, y = batches[step if player.fresh_data else 0]

            def objective(
                x: Any = x, y: Any = y, scale: Any = scale
            ) -> tuple[Any, Mapping[str, Any]]:
                results = _results(player, x, y, training=True)
                first = results[player.terms[0]]
                return first if scale is None else first * scale, results

            results, gradients = value_and_gradients(self, objective, variables)
            for variable, gradient in zip(variables, gradients, strict=True):
                if gradient is None:
                    raise ConfigError(
                        f"The loss of player '{player.name}' does not depend on its weight "
                        f"'{variable.path}'. Use the layer in the loss, or take it out."
                    )
            self.optimizer.move(self, player.name, gradients, variables)
            means.update_state(results, _count(x))
        return results

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal model of."""
        return {"config": configs.to_json(self.config), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "PlayerModel":
        """Make an equal model, with fresh weights."""
        return cls(**config)

    def get_compile_config(self) -> dict[str, Any]:
        """Return what `compile_from_config` compiles an equal model with; nothing if it was not."""
        if not self.compiled:
            return {}
        optimizers = {
            name: keras.optimizers.serialize(optimizer)
            for name, optimizer in self.optimizer.by_player.items()
        }
        return {"optimizer": optimizers, **self._compile_options}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the model of `get_compile_config` was."""
        self.compile(**config)


def _check_players(model: PlayerModel, players: Sequence[Player]) -> None:
    """Raise ConfigError unless every trainable weight has exactly one player to move it."""
    owners: dict[int, str] = {}
    terms: dict[str, str] = {}
    for player in players:
        for variable in player.variables:
            other = owners.setdefault(id(variable), player.name)
            if other != player.name:
                raise ConfigError(
                    f"Players '{other}' and '{player.name}' both move the weight "
                    f"'{variable.path}'. Each weight belongs to one player."
                )
        for term in player.terms:
            other = terms.setdefault(term, player.name)
            if other != player.name or term == "loss":
                raise ConfigError(
                    f"The term '{term}' of player '{player.name}' has a name that is taken. Name "
                    f"it after the player, such as '{player.name}_{term}'."
                )
    unmoved = [v.path for v in model.trainable_variables if id(v) not in owners]
    if unmoved:
        raise ConfigError(
            f"No player moves {', '.join(unmoved)}. List the network in a player's `networks`, or "
            "set its `trainable` to False."
        )


def _choose_optimizers(
    players: Sequence[Player], asked: Any
) -> dict[str, keras.optimizers.Optimizer]:
    """Return each player's optimizer: the one asked for, or else the paper's."""
    names = [player.name for player in players]
    if asked is None:
        asked = {}
    elif not isinstance(asked, Mapping):
        if len(players) > 1:
            raise ConfigError(
                f"There are {len(players)} players, so `optimizer` must be a mapping from their "
                f"names ({', '.join(names)}) to optimizers. Received: {asked!r}."
            )
        asked = {names[0]: asked}
    unknown = sorted(set(asked) - set(names))
    if unknown:
        raise ConfigError(f"There is no player '{unknown[0]}'. Players: {', '.join(names)}.")
    return {
        player.name: keras.optimizers.get(asked[player.name])
        if player.name in asked
        else player.optimizer()
        for player in players
    }


def _results(player: Player, x: Any, y: Any, training: bool) -> Mapping[str, Any]:
    """Return the terms of the player's loss and what it hands on, as it announced them."""
    results = player.loss(x, y, training)
    announced = (*player.terms, *player.hands_on)
    if tuple(results) != announced:
        raise ConfigError(
            f"The loss of player '{player.name}' must return the terms that the player names, and "
            f"then what it hands on, in order: {', '.join(announced)}. Received: "
            f"{', '.join(results)}."
        )
    return results


def _with_handed(player: Player, x: Any, results: Mapping[str, Any]) -> Any:
    """Return `x` with what a player hands on to those after it."""
    if not player.hands_on:
        return x
    if not isinstance(x, Mapping):
        raise ConfigError(
            f"Player '{player.name}' hands on {', '.join(player.hands_on)}; `x` must then be a "
            f"mapping, to which these are added. Received: {type(x).__name__}."
        )
    return {**x, **{name: results[name] for name in player.hands_on}}


def _cut(data: Any, slices: int) -> list[tuple[Any, Any]]:
    """Return (x, y) of each of `slices` equal parts of a batch; a remainder is left out."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if sample_weight is not None:
        raise DataError(
            "Sample weights and class weights have no meaning in the likelihood of a batch; leave "
            "them out."
        )
    # `test_on_batch` hands NumPy arrays on as they are, where eager layers want tensors alone.
    x, y = tree.map_structure(
        lambda array: None if array is None else ops.convert_to_tensor(array), (x, y)
    )
    if slices == 1:
        return [(x, y)]
    size = _count(x) // slices
    if isinstance(size, int) and size == 0:
        raise DataError(
            f"A batch must hold at least {slices} examples, one for each move on fresh data. "
            f"Received: {_count(x)}. Raise the batch size."
        )
    return [
        tree.map_structure(
            lambda tensor, start=index * size: (
                None if tensor is None else tensor[start : start + size]
            ),
            (x, y),
        )
        for index in range(slices)
    ]


def _count(x: Any) -> Any:
    """Return the number of examples in a batch."""
    return ops.shape(tree.flatten(x)[0])[0]
