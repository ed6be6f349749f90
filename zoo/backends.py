"""The choice of Keras's backend, which must be made before Keras is imported."""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

from zoo.errors import ZooError

BACKENDS = ("tensorflow", "jax", "torch")


def use_backend(name: str | None = None) -> str:
    """Import Keras on a backend and return its name.

    Args:
        name: "tensorflow", "jax" or "torch"; None takes `KERAS_BACKEND`, or else what Keras is
            configured to use, which is TensorFlow unless the user changed it.

    Raises:
        ZooError: If the backend is unknown or not installed, or Keras already runs on another.
    """
    name = name or os.environ.get("KERAS_BACKEND") or None
    if name is not None:
        if name not in BACKENDS:
            raise ZooError(f"The backend must be one of {', '.join(BACKENDS)}. Received: '{name}'.")
        if "keras" not in sys.modules:
            if importlib.util.find_spec(name) is None:
                raise ZooError(
                    f"The backend '{name}' is not installed. Run `pip install {name}`, or choose "
                    "another with --backend or KERAS_BACKEND."
                )
            os.environ["KERAS_BACKEND"] = name
    with quietly():
        # Where torch is wanted it must be imported before TensorFlow, or the two can crash.
        if name == "torch":
            importlib.import_module("torch")
        try:
            keras = importlib.import_module("keras")
        except ImportError as error:
            raise ZooError(
                f"Keras could not be imported: {error}. If TensorFlow is not installed, choose "
                "another backend with --backend or KERAS_BACKEND."
            ) from error
        keras.ops.zeros(())  # the first tensor makes the backend look for devices, and say so
    active: str = keras.backend.backend()
    if name is not None and active != name:
        raise ZooError(
            f"Keras already runs on '{active}' in this process and cannot change to '{name}'. Set "
            f"KERAS_BACKEND={name} before Keras is imported."
        )
    return active


def versions(backend: str) -> dict[str, str]:
    """Return the versions that a result depends on, by name."""
    names = {"zoo": "genzoo", "keras": "keras", "numpy": "numpy", backend: backend}
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name, package in names.items():
        try:
            found[name] = metadata.version(package)
        except metadata.PackageNotFoundError:  # nightly builds have other names
            found[name] = "unknown"
    return found


@contextmanager
def quietly() -> Iterator[None]:
    """Hold back what libraries write to the terminal while they load, unless they fail.

    TensorFlow's C++ code logs to file descriptor 2 before any of its own settings is read.
    """
    if os.environ.get("ZOO_DEBUG", "") not in ("", "0"):
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # its warnings of later, too
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
