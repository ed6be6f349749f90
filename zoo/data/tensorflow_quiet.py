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
from typing import Any

from zoo.backends import quietly
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
    tf = sys.modules["tensorflow"]
    _leave_accelerators(tf)
    return tf


def _leave_accelerators(tf: Any) -> None:
    keras = sys.modules.get("keras")
    backend = keras.config.backend() if keras else os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        # It raises where the devices are in use already, by a choice that was not ours.
        with contextlib.suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")


def _import_quietly() -> None:
    with warnings.catch_warnings(), quietly():
        warnings.simplefilter("ignore")
        if importlib.util.find_spec("torch") is not None:
            importlib.import_module("torch")  # loaded after TensorFlow it can crash the process
        tf = importlib.import_module("tensorflow")
        _leave_accelerators(tf)
        tf.zeros(())  # the first tensor makes it look for devices, and say so
