"""What a person looks at: pictures of samples, curves, the report and the card of a run."""

import importlib
from typing import Any

_HOMES = {
    "MediaError": "zoo.media.grid",
    "grid_image": "zoo.media.grid",
    "save_films": "zoo.media.film",
    "save_gif": "zoo.media.grid",
    "save_grid": "zoo.media.grid",
    "save_samples": "zoo.media.samples",
    "save_sound_picture": "zoo.media.sound",
    "save_sounds": "zoo.media.sound",
    "sound_picture": "zoo.media.sound",
    "write_card": "zoo.media.report",
    "write_report": "zoo.media.report",
}

__all__ = [  # `__getattr__` brings them
    "MediaError",
    "grid_image",
    "save_films",
    "save_gif",
    "save_grid",
    "save_samples",
    "save_sound_picture",
    "save_sounds",
    "sound_picture",
    "write_card",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: Pillow, Jinja and Matplotlib are slow to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
