"""What every test starts from: imports in a safe order."""

import contextlib

# TensorFlow and torch can crash together where TensorFlow was imported first.
with contextlib.suppress(ImportError):
    import torch  # noqa: F401
