"""What every test of the core starts from: folders of its own, and the imports in a safe order."""

import contextlib

import fuzzed  # noqa: F401  # registers the profile `thorough`
import pytest

# TensorFlow and torch can crash together where TensorFlow was imported first.
with contextlib.suppress(ImportError):
    import torch  # noqa: F401


@pytest.fixture(autouse=True)
def own_folders(tmp_path, tmp_path_factory, monkeypatch):
    """Keep data and runs of a test inside its own temporary folder; feature networks are shared."""
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
