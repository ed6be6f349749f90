"""From what a user asks for to a complete request, and from a request to data and model."""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo import backends, registry
from zoo.card import Kind, ModelCard, resolve
from zoo.config import find_preset, from_json, make_config, parse_overrides, to_json
from zoo.data.dataset import Dataset
from zoo.data.forms import OPTIONS, form_fields
from zoo.errors import ConfigError, RunError, ZooError
from zoo.runs import Run, RunRequest, differences

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
DEFAULT_PRESET = "laptop"
NO_AUGMENTATION = "none"
_PLACES = ("data_b", "embeddings")  # what in a form may be a path
_AUGMENTATIONS: Mapping[Kind, str] = {
    "image": "zoo.data.augment:Augmentation",
    "strokes": "zoo.data.stroke_augmentation:StrokeAugmentation",
    "domains": "zoo.data.augment:DomainsAugmentation",
    "captioned": "zoo.data.augment:CaptionedAugmentation",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a user may ask of a training; None is left to the preset, or to the run resumed.

    Args:
        preset: Name of a preset of the model.
        overrides: `"field=value"` for the model's configuration.
        data: Name or path of the data.
        form: Form of the data, by field of `zoo.data.forms`; only what is asked for.
        augment: Names of augmentations; "none" leaves out those of the preset.
        epochs: Passes over the data.
        steps: Training steps, in place of epochs.
        batch_size: Examples per batch.
        seed: Seed of everything random.
        backend: Keras backend.
        precision: "float32", "bfloat16" or "float16".
        devices: Devices that share each batch out.
    """

    preset: str | None = None
    overrides: Sequence[str] = ()
    data: str | None = None
    form: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    augment: str | None = None
    epochs: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    backend: str | None = None
    precision: str | None = None
    devices: int | None = None


def plan(model: str, asked: Asked) -> RunRequest:
    """Return the complete request for a new run; the data are looked at, nothing is written.

    Raises:
        ZooError: If the model, preset, data or a value is unknown or does not suit the others.
    """
    entry = registry.find(model)
    card = entry.card
    preset_name = asked.preset or DEFAULT_PRESET
    preset = find_preset(card, preset_name)
    config_class = resolve(card.config)
    overrides = parse_overrides(config_class, asked.overrides)  # typing errors before slow imports
    _check_length(asked)
    backend = backends.use_backend(asked.backend or preset.backend)
    augment = asked.augment or preset.augment
    augment = None if augment == NO_AUGMENTATION else augment
    augmentation(card, augment, 0)  # unknown ones are named before anything is made
    batch_size = asked.batch_size or preset.batch_size
    _check_devices(asked.devices or 1, batch_size)
    data = asked.data or preset.data
    # A preset speaks of its own data alone.
    form = dict(asked.form if asked.data else {**preset.form, **asked.form})
    from zoo.data import load
    from zoo.data.sources import located

    dataset = load(data, kind=card.kind, **form)
    values = {**preset.config, **overrides}
    config = make_config(config_class, _with_data_values(config_class, values, overrides, dataset))
    lasts = (
        (preset.epochs, preset.steps)
        if asked.epochs is None and asked.steps is None
        else (asked.epochs, asked.steps)
    )
    return RunRequest(
        model=card.name,
        package=entry.package,
        package_version=entry.version,
        preset=preset_name,
        config=to_json(config),
        data=located(data),
        form=form | {name: located(form[name]) for name in _PLACES if form.get(name) is not None},
        augment=augment,
        fingerprint=dataset.fingerprint,
        epochs=lasts[0],
        steps=lasts[1],
        batch_size=batch_size,
        seed=0 if asked.seed is None else asked.seed,
        backend=backend,
        precision=asked.precision or preset.precision,
        versions=backends.versions(backend),
        devices=asked.devices or 1,
        class_names=list(getattr(dataset.spec, "class_names", ())),
    )


def plan_resume(run: Run, model: str | None, asked: Asked) -> RunRequest:
    """Return the request to go on with: the run's own, perhaps made longer.

    Raises:
        RunError: If what is asked, or the data as they are now, would make it another training.
    """
    recorded = run.request
    card = registry.find(recorded.model).card
    config_class = resolve(card.config)
    overrides = parse_overrides(config_class, asked.overrides)
    _check_length(asked)
    given = {
        name: value
        for name, value in dataclasses.asdict(asked).items()
        if value is not None and name not in ("overrides", "data", "form")
    }
    form = dict(asked.form)
    if asked.data is not None:
        given["data"] = _as_recorded(asked.data, recorded.data)
    for name in _PLACES:
        if form.get(name) is not None:
            form[name] = _as_recorded(form[name], recorded.form.get(name))
    if asked.epochs is not None or asked.steps is not None:
        given |= {"epochs": asked.epochs, "steps": asked.steps}
    config = make_config(
        config_class, {**_fields(from_json(config_class, recorded.config)), **overrides}
    )
    wanted = dataclasses.replace(
        recorded,
        **{"model": model or recorded.model, **given, "config": to_json(config)},
        form={**recorded.form, **form},
    )
    if not differences(wanted, recorded):
        backends.use_backend(recorded.backend)
        _check_devices(wanted.devices, wanted.batch_size)
        dataset = data_of(wanted, "train")
        wanted = dataclasses.replace(wanted, fingerprint=dataset.fingerprint)
    lines = differences(wanted, recorded)
    if lines:
        raise RunError(
            f"'{run.path}' cannot be resumed with other settings, for it would be another "
            f"training: {'; '.join(lines)}. Leave them out, or start a new run."
        )
    return wanted


def card_of(request: RunRequest) -> ModelCard:
    """Return the card of the request's model."""
    return registry.find(request.model).card


def open_run(path: Any) -> Run:
    """Return the run in a folder, with Keras on the backend that it was trained on."""
    run = Run.open(path)
    backends.use_backend(run.request.backend)
    return run


def load_dataset(run: Run, split: str) -> Dataset:
    """Return a split of the data that a run was trained on.

    Raises:
        RunError: If the training data have changed since.
    """
    request = run.request
    train = data_of(request, "train")
    if train.fingerprint != request.fingerprint:
        raise RunError(
            f"The data '{request.data}' have changed since '{run.path}' was trained on them. "
            "Restore them, or name other data with --data."
        )
    return train if split == "train" else data_of(request, split)


def class_names_of(run: Run) -> tuple[str, ...]:
    """Return the names of the classes of a run's data, which may be gone by now.

    Raises:
        RunError: If the run has no names, and its training data have changed since.
    """
    if run.request.class_names is not None:
        return tuple(run.request.class_names)
    # The run was made before they were kept.
    return tuple(getattr(load_dataset(run, "train").spec, "class_names", ()))


def held_out(run: Run, train: Dataset | None = None) -> Dataset:
    """Return what the run is measured on: the test split, else validation, else training data.

    Args:
        run: The run.
        train: Its training data, where `load_dataset` has returned them.

    Raises:
        RunError: If the training data have changed since.
    """
    train = load_dataset(run, "train") if train is None else train
    split = next(name for name in ("test", "validation", "train") if name in train.splits)
    return train if split == "train" else data_of(run.request, split)


def build_model(request: RunRequest) -> Any:
    """Return the request's model with fresh weights; the seed decides them."""
    import keras

    card = card_of(request)
    if request.precision not in POLICIES:
        raise ConfigError(
            f"precision must be one of {', '.join(POLICIES)}. Received: '{request.precision}'."
        )
    # Keras draws the seeds of weights and noise from Python's generator. Its own set_random_seed
    # would import TensorFlow under every backend, which takes seconds.
    random.seed(request.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[request.precision])
    try:
        return resolve(card.model)(from_json(resolve(card.config), request.config))
    finally:
        keras.config.set_dtype_policy(policy)


def augmentation(card: ModelCard, names: str | None, seed: int) -> Any:
    """Return what changes the examples of a batch, or None where nothing is asked for.

    Raises:
        ZooError: If a name is unknown, or there are no augmentations for this kind of data.
    """
    if names is None:
        return None
    if card.kind not in _AUGMENTATIONS:
        raise ConfigError(
            f"--augment changes data of the kinds {', '.join(_AUGMENTATIONS)}. '{card.name}' "
            f"models {card.kind} data. Leave it out."
        )
    return resolve(_AUGMENTATIONS[card.kind])(names, seed)


def data_of(request: RunRequest, split: str) -> Dataset:
    """Return a split of the data that a request names, in the form that it asks for."""
    from zoo.data import load

    return load(request.data, split=split, kind=card_of(request).kind, **request.form)


def _as_recorded(name: str, recorded: str | None) -> str:
    """Return the name that a run has for data, where the one given means the same."""
    from zoo.data.sources import located

    return name if recorded is None or located(name) != located(recorded) else recorded


def _with_data_values(
    config_class: type, values: Mapping[str, Any], overrides: Mapping[str, Any], dataset: Dataset
) -> dict[str, Any]:
    """Return the configuration's values with those that the data decide."""
    names = {field.name for field in dataclasses.fields(config_class)}
    decided = {name: value for name, value in dataset.spec.config_values().items() if name in names}
    for name, value in decided.items():
        if name in overrides and overrides[name] != value:
            raise ConfigError(
                f"{name} is decided by the data: '{dataset.name}' has {value}. Received: "
                f"{overrides[name]}. Leave it out. The form of the data is changed by "
                f"{', '.join(OPTIONS[field] for field in form_fields(dataset.spec.kind))}."
            )
    return {**values, **decided}


def _fields(config: Any) -> Mapping[str, Any]:
    """Return the fields of a configuration by name."""
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def _check_devices(count: int, batch_size: int) -> None:
    if count > 1:
        from zoo.engine.devices import choose_devices

        choose_devices(count, batch_size)


def _check_length(asked: Asked) -> None:
    if asked.epochs is not None and asked.steps is not None:
        raise ZooError(
            "Give epochs or steps, not both. Received: "
            f"epochs = {asked.epochs}, steps = {asked.steps}."
        )
