"""What every test of the plugin starts from: folders of its own, a safe order of imports."""

import contextlib

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
