"""What a person looks at: pictures of samples, curves, the report and the card of a run."""

import importlib
from typing import Any

_HOMES = {
    "MediaError": "zoo.media.grid",
    "grid_image": "zoo.media.grid",
    "save_captioned": "zoo.media.captioned",
    "save_films": "zoo.media.film",
    "save_gif": "zoo.media.grid",
    "save_grid": "zoo.media.grid",
    "save_round_trips": "zoo.media.translation",
    "save_samples": "zoo.media.samples",
    "save_sketches": "zoo.media.sketch",
    "save_sound_picture": "zoo.media.sound",
    "save_sounds": "zoo.media.sound",
    "save_svg": "zoo.media.sketch",
    "sketch_svg": "zoo.media.sketch",
    "save_texts": "zoo.media.text",
    "sound_picture": "zoo.media.sound",
    "text_table": "zoo.media.text",
    "write_card": "zoo.media.report",
    "write_comparison": "zoo.media.comparison",
    "write_report": "zoo.media.report",
}

__all__ = [  # `__getattr__` brings them
    "MediaError",
    "grid_image",
    "save_captioned",
    "save_films",
    "save_gif",
    "save_grid",
    "save_round_trips",
    "save_samples",
    "save_sketches",
    "save_sound_picture",
    "save_sounds",
    "save_svg",
    "save_texts",
    "sketch_svg",
    "sound_picture",
    "text_table",
    "write_card",
    "write_comparison",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: Pillow, Jinja and Matplotlib are slow to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
