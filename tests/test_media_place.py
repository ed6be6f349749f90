"""Where a picture or text goes: refused before it is made, if it cannot be written there."""

import os
import tempfile
from pathlib import Path

import pytest

from zoo.errors import RunError
from zoo.media.grid import MediaError
from zoo.media.place import place_of


def test_the_suffix_is_added_where_there_is_none(tmp_path):
    assert place_of(tmp_path / "a", ".png") == tmp_path / "a.png"
    assert place_of(str(tmp_path / "a.b.PNG"), ".png") == tmp_path / "a.b.PNG"
    assert not list(tmp_path.glob("a*"))
    with pytest.raises(MediaError, match=r"written as '\.txt'\. Received: 'a\.png'"):
        place_of(tmp_path / "a.png", ".txt")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(RunError, match=r"there is no folder '.*nowhere'\. Make it first"):
        place_of(tmp_path / "nowhere" / "a.png", ".png")


@pytest.mark.parametrize("name", ["pictures", "pictures.png", "."])
def test_a_folder_is_no_place_for_a_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir(exist_ok=True)
    with pytest.raises(RunError, match=r"it is a folder\. Name a file in it, .*name\.png'"):
        place_of(name, ".png")


def test_a_folder_whose_name_is_that_with_the_suffix_is_no_place_either(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(RunError, match=r"a\.png' could not be written: it is a folder"):
        place_of(tmp_path / "a", ".png")


def test_a_folder_that_takes_no_files_is_said():
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        try:
            if user == 0:
                os.seteuid(65534)  # permissions do not bind root
            with pytest.raises(RunError, match=r"Permission denied\. Name a file in a folder that"):
                place_of(Path(name) / "a.png", ".png")
        finally:
            os.seteuid(user)
            Path(name).chmod(0o755)
