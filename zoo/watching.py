"""Showing how far a long making has come: a bar with time left, and a sound that can be heard."""

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

from tqdm import tqdm

PREVIEW_SECONDS = 2.0  # between two previews


@contextmanager
def watched(
    method: Callable[..., Any], title: str, preview: Callable[[Any], None] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the options for `method` that show how far it has come; none if it takes no `watch`.

    Args:
        method: A model's `sample` or `complete`.
        title: What stands before the bar, which is shown on a terminal only.
        preview: Called every few seconds with a `zoo.making.Made`.
    """
    if "watch" not in inspect.signature(method).parameters:
        yield {}
        return
    last = time.monotonic()
    # `disable=None` shows the bar on a terminal only.
    with tqdm(desc=title, unit="element", unit_scale=True, disable=None, leave=False) as bar:

        def watch(made: Any) -> None:
            nonlocal last
            bar.total = made.total
            bar.update(made.elements - bar.n)
            if preview is not None and time.monotonic() - last > PREVIEW_SECONDS:
                preview(made)
                last = time.monotonic()

        yield {"watch": watch}


@contextmanager
def growing_sound(path: Path, sample_rate_hz: int) -> Iterator[Callable[[Any], None]]:
    """Yield a preview that writes what is made of the first sound of a batch to `path`.

    The file is removed when the making has ended. One that is there already stays as it is, and the
    preview has a number behind its name.
    """
    from zoo.media.sound import save_sounds

    names = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    heard = next(name for name in chain([path], names) if not name.exists())

    def preview(made: Any) -> None:
        save_sounds(made.examples()[:1, : made.rows], sample_rate_hz, heard)

    try:
        yield preview
    finally:
        heard.unlink(missing_ok=True)
