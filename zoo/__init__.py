"""A zoo of generative models on Keras 3: `create` or load one, `fit` it, `sample` from it.

Importing `zoo` imports neither Keras nor a backend; the public names are fetched on first use.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.archives import load_archive as load_model
    from zoo.card import ModelCard
    from zoo.config import Preset
    from zoo.data import load as load_data
    from zoo.doctor import TrainingDoctor
    from zoo.engine import Player, PlayerModel
    from zoo.errors import ZooError

_LAZY = {
    "ModelCard": "zoo.card:ModelCard",
    "Player": "zoo.engine:Player",
    "PlayerModel": "zoo.engine:PlayerModel",
    "Preset": "zoo.config:Preset",
    "TrainingDoctor": "zoo.doctor:TrainingDoctor",
    "ZooError": "zoo.errors:ZooError",
    "load_data": "zoo.data:load",
    "load_model": "zoo.archives:load_archive",
}

__all__ = [
    "ModelCard",
    "Player",
    "PlayerModel",
    "Preset",
    "TrainingDoctor",
    "ZooError",
    "__version__",
    "create",
    "load_data",
    "load_model",
]


def create(name: str, /, **config: Any) -> Any:
    """Return a new model of the zoo, ready to `compile` and `fit`.

    Args:
        name: Name of an installed model, as in `zoo list`.
        **config: Fields of its configuration; the others keep the paper's values.

    Raises:
        PluginError: If there is no such model, or its plugin is broken.
        ConfigError: If a field is unknown or its value does not fit.
    """
    from zoo import registry
    from zoo.card import resolve
    from zoo.config import make_config

    card = registry.find(name).card
    values = make_config(resolve(card.config), config)
    return resolve(card.model)(values)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("genzoo")
    if name not in _LAZY:
        raise AttributeError(f"module 'zoo' has no attribute '{name}'")
    from zoo.card import resolve

    return resolve(_LAZY[name])


def __dir__() -> list[str]:
    return sorted(__all__)
