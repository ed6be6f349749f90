"""What every model of the zoo must do, as tests that a plugin's own tests inherit.

```python
from zoo.testing import PluginContract

class TestMyModel(PluginContract):
    model_name = "my-model"
    config = {"latent_size": 2, "hidden_sizes": (8,)}    # small: it is trained some 20 steps
```
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from zoo import registry
from zoo.card import ModelCard, resolve
from zoo.config import describe, find_preset, format_value, from_json, make_config, to_json
from zoo.config import presets as presets_of
from zoo.errors import ConfigError
from zoo.testing.claims import Claims
from zoo.testing.kills import Kills, assert_same_course

_UNITS = (
    "_nats",
    "_nats_per_step",
    "_nats_per_dim",
    "_bits",
    "_bits_per_dim",
    "_score",
    "_weight",
    "_accuracy",
    "_probability",
    "_l1",
    "_l2",
)


@pytest.mark.backends
class PluginContract(Claims, Kills):
    """The tests; a subclass says which model, and how to make it small.

    Attributes:
        model_name: Name of the model, as in `zoo list`.
        config: Fields of its configuration that make it small.
        data: Data set to train on; None takes the one that the card names.
        batch_size: Examples per batch.
        form: Form of the data beside the preset's, by field of `zoo.data.forms`.
        skips: Reason by name of a test that does not hold for this model.
    """

    model_name: ClassVar[str]
    config: ClassVar[Mapping[str, Any]] = {}
    data: ClassVar[str | None] = None
    batch_size: ClassVar[int] = 16
    form: ClassVar[Mapping[str, Any]] = {}
    skips: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _stated_skips(self, request: pytest.FixtureRequest) -> None:
        reason = self.skips.get(request.node.originalname)
        if reason is not None:
            assert reason.strip(), f"A reason must be given for skipping {request.node.name}."
            pytest.skip(reason)

    @pytest.fixture(scope="class")
    @classmethod
    def card(cls) -> ModelCard:
        """The model's card."""
        card: ModelCard = registry.find(cls.model_name).card
        return card

    @pytest.fixture(scope="class")
    @classmethod
    def request_(cls) -> Any:
        """A complete request for a small training."""
        from zoo import planning

        overrides = [f"{name}={format_value(value)}" for name, value in cls.config.items()]
        return planning.plan(
            cls.model_name,
            planning.Asked(
                overrides=overrides,
                data=cls.data,
                form=cls.form,
                batch_size=cls.batch_size,
                epochs=1,
                seed=3,
            ),
        )

    @pytest.fixture(scope="class")
    @classmethod
    def dataset(cls, request_: Any) -> Any:
        """The training data."""
        from zoo.planning import data_of

        return data_of(request_, "train")

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, request_: Any, dataset: Any) -> tuple[Any, Any, list[np.ndarray]]:
        """A model after two steps of `fit`, what `fit` returned, and the weights before."""
        return _fitted(request_, dataset)

    def test_the_entry_point_is_a_card_of_that_name(self, card: ModelCard) -> None:
        """The registry finds the card, and the card's references lead somewhere."""
        assert isinstance(card, ModelCard)
        assert card.name == self.model_name
        assert card.summary
        assert card.url.startswith("https://")
        for reference in (card.model, card.config, card.presets, card.trainer):
            assert resolve(reference) is not None

    def test_the_presets_make_valid_configurations(self, card: ModelCard) -> None:
        """`laptop` and `paper` are there, and every preset's fields exist and fit."""
        assert {"laptop", "paper"} <= set(presets_of(card))
        config_class = resolve(card.config)
        decided = {"class_count": 10} if "class_count" in _field_names(config_class) else {}
        for name in presets_of(card):
            preset = find_preset(card, name)
            make_config(config_class, {**decided, **preset.config})

    def test_the_configuration_survives_json(self, card: ModelCard, request_: Any) -> None:
        """What is written into run.json makes an equal configuration."""
        config = from_json(resolve(card.config), request_.config)
        assert from_json(resolve(card.config), to_json(config)) == config
        assert to_json(config) == request_.config

    def test_an_unknown_field_is_refused_by_name(self, card: ModelCard) -> None:
        """The message names the unknown field and all that exist."""
        config_class = resolve(card.config)
        with pytest.raises(ConfigError, match="no field 'no_such_field'") as raised:
            make_config(config_class, {"no_such_field": 1})
        assert all(name in str(raised.value) for name in _field_names(config_class))

    def test_every_field_is_described(self, card: ModelCard) -> None:
        """`zoo info` has a text for each field."""
        missing = [field.name for field in describe(resolve(card.config)) if not field.help]
        assert not missing, f"Describe {missing} in the Args of the configuration's docstring."

    def test_every_trainable_weight_moves(self, trained: Any) -> None:
        """Two steps of training change every weight."""
        import keras

        model, _, before = trained
        after = [keras.ops.convert_to_numpy(v.value) for v in model.trainable_variables]
        still = [
            variable.path
            for variable, old, new in zip(model.trainable_variables, before, after, strict=True)
            if np.array_equal(old, new)
        ]
        assert not still, f"These weights did not move: {still}"

    def test_the_terms_are_finite_and_end_in_their_unit(self, trained: Any) -> None:
        """Every term that a player names is logged, a number, and says its unit."""
        model, history, _ = trained
        terms = [term for player in model.players() for term in player.terms]
        assert set(history) == {"loss", *terms}
        assert all(np.isfinite(history[term]).all() for term in terms)
        nameless = [term for term in terms if not term.endswith(_UNITS)]
        assert not nameless, f"These terms must end in one of {_UNITS}: {nameless}"

    def test_two_devices_have_the_losses_of_one(
        self, trained: Any, request_: Any, dataset: Any
    ) -> None:
        """Shared out between two devices, a training's terms are the same within rounding."""
        import keras

        from zoo.engine.devices import BACKEND, shared_among

        if keras.backend.backend() != BACKEND:
            pytest.skip(f"Batches are shared out on {BACKEND} alone.")
        if len(keras.distribution.list_devices()) < 2:
            pytest.skip(
                "There is one device. On a CPU, "
                "XLA_FLAGS=--xla_force_host_platform_device_count=2 makes two of it."
            )
        with shared_among(2, request_.batch_size):
            _, history, _ = _fitted(request_, dataset)
        for term, values in trained[1].items():
            np.testing.assert_allclose(history[term], values, rtol=1e-4, atol=1e-5, err_msg=term)

    def test_it_makes_examples_or_translates_them(self, trained: Any) -> None:
        """A model has `sample`, or it has `translate`."""
        from zoo.protocols import GenerativeModel, Translates, supports

        assert supports(trained[0], GenerativeModel) or supports(trained[0], Translates)

    def test_samples_have_the_form_of_the_data(self, trained: Any, dataset: Any) -> None:
        """Shape, type and range are those of the public form."""
        _skip_without_samples(trained[0])
        samples = _parts(trained[0].sample(3, seed=5))
        examples = _parts(dataset.read(np.arange(3))[0])
        # A model need not make the embeddings that come with captions.
        assert samples.keys() == examples.keys() - {"embedding"}
        for name, part in samples.items():
            assert part.shape == examples[name].shape
            assert part.dtype == examples[name].dtype
            if dataset.spec.kind in ("image", "video") or name == "image":
                assert part.min() >= 0
                assert part.max() <= 1

    def test_the_seed_decides_the_samples(self, trained: Any) -> None:
        """The same seed gives the same bits, another seed others; the count is kept."""
        model = trained[0]
        _skip_without_samples(model)
        first, again, other = (_parts(model.sample(3, seed=seed)) for seed in (5, 5, 6))
        assert all(np.array_equal(first[name], again[name]) for name in first)
        assert not all(np.array_equal(first[name], other[name]) for name in first)
        assert all(len(part) == 1 for part in _parts(model.sample(1, seed=5)).values())

    def test_a_saved_model_gives_the_same_samples(
        self, trained: Any, dataset: Any, tmp_path: Path
    ) -> None:
        """A `.keras` file loads in safe mode, compiled, with its optimizers' state."""
        import keras

        model = trained[0]
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        pairs = zip(_made(loaded, dataset), _made(model, dataset), strict=True)
        assert all(np.array_equal(again, before) for again, before in pairs)
        assert loaded.config == model.config
        for saved, restored in zip(
            model.optimizer.variables, loaded.optimizer.variables, strict=True
        ):
            assert np.array_equal(
                keras.ops.convert_to_numpy(saved.value), keras.ops.convert_to_numpy(restored.value)
            )

    def test_resuming_equals_not_stopping(self, request_: Any, tmp_path: Path) -> None:
        """Ended in the middle of an epoch, while it was saved, training ends on the same bits."""
        from zoo.checkpoints import STATE_FILE
        from zoo.training import train_anew, train_on

        short, long = (dataclasses.replace(request_, epochs=None, steps=n) for n in (3, 5))
        whole = train_anew(long, tmp_path / "whole", progress=False)
        half = train_anew(short, tmp_path / "half", progress=False, checkpoint_seconds=0)
        # As a kill leaves it: of the last checkpoint a part, and whole the one in mid-training.
        torn = half.checkpoints_path / "step-00000003"
        (torn / STATE_FILE).write_bytes(b"")
        torn.rename(torn.with_name(".tmp-0123456789abcdef"))
        half = train_on(half, long, progress=False)
        assert_same_course(half.path, whole.path)


def _fitted(request: Any, dataset: Any) -> tuple[Any, Any, list[np.ndarray]]:
    """Return a model after two steps of `fit`, what `fit` returned, and the weights before."""
    import keras

    from zoo.planning import build_model

    model = build_model(request)
    model.compile()
    before = [keras.ops.convert_to_numpy(v.value).copy() for v in model.trainable_variables]
    size = request.batch_size * model.slices
    x, y = dataset.read(np.arange(2 * size))
    history = model.fit(x, y, batch_size=size, epochs=1, shuffle=False, verbose=0)
    return model, history.history, before


def _skip_without_samples(model: Any) -> None:
    from zoo.protocols import GenerativeModel, supports

    if not supports(model, GenerativeModel):
        pytest.skip("The model makes no examples of nothing: it translates.")


def _made(model: Any, dataset: Any) -> list[np.ndarray]:
    """Return what a model makes: samples, or translations into each domain."""
    from zoo.protocols import GenerativeModel, supports
    from zoo.translation import DOMAINS, other

    if supports(model, GenerativeModel):
        return list(_parts(model.sample(3, seed=5)).values())
    x, _ = dataset.read(np.arange(3))
    return [model.translate(x[other(to)], to) for to in DOMAINS]


def _parts(examples: Any) -> Mapping[str, np.ndarray]:
    """Return the arrays of examples by name; those that are one array have no name."""
    return examples if isinstance(examples, Mapping) else {"": examples}


def _field_names(config_class: type) -> list[str]:
    return [field.name for field in dataclasses.fields(config_class)]
