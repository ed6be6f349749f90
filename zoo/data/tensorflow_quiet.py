"""TensorFlow for what only it can do with data: TFDS files and KerasCV layers.

It is imported without a word, beside any backend, and never takes memory of an accelerator that
another backend works on.
"""

import contextlib
import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from zoo.errors import DataError


def import_tensorflow(purpose: str) -> Any:
    """Import and return TensorFlow.

    Args:
        purpose: What it is needed for, as the beginning of the error's sentence.

    Raises:
        DataError: If it is not installed.
    """
    if sys.modules.get("tensorflow") is None:
        try:
            _import_quietly()
        except ImportError as error:
            raise DataError(
                f"{purpose} needs TensorFlow, which cannot be imported: {error}. "
                "Install it with `pip install tensorflow`."
            ) from error
    tf = importlib.import_module("tensorflow")
    keras = sys.modules.get("keras")
    backend = keras.config.backend() if keras else os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        # It raises where the devices are in use already, by a choice that was not ours.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    return tf


def _import_quietly() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings(), _without_stderr():
        warnings.simplefilter("ignore")
        if importlib.util.find_spec("torch") is not None:
            importlib.import_module("torch")  # loaded after TensorFlow it can crash the process
        importlib.import_module("tensorflow")


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Mute file descriptor 2: TensorFlow's library logs there before its levels can be set."""
    try:
        saved = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
