"""What every test of the plugin starts from: folders of its own, a safe order of imports."""

import contextlib

import pytest

# TensorFlow and torch can crash together where TensorFlow was imported first.
with contextlib.suppress(ImportError):
    import torch  # noqa: F401


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Keep data and runs of a test inside its own temporary folder."""
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
