import json

import numpy as np
import pytest
from PIL import Image

from zoo.commands import run


def zoo(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code, stdout and stderr."""
    code = run(["data", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def folder(tmp_path):
    for index in range(12):
        path = tmp_path / "pets" / ("cat", "dog")[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 6, 3), 20 * index, np.uint8)).save(path)
    (tmp_path / "pets" / "cat" / "broken.png").write_text("not a picture")
    return tmp_path / "pets"


def test_list_shows_registered_sets_and_how_others_are_named(capsys):
    code, out, err = zoo(capsys, "list")
    assert (code, err) == (0, "")
    assert "digits" in out
    assert "CC BY 4.0" in out
    assert "tfds:mnist" in out


def test_list_as_json_is_an_array_of_cards(capsys):
    code, out, _ = zoo(capsys, "list", "--json")
    assert code == 0
    (digits,) = (card for card in json.loads(out) if card["name"] == "digits")
    assert digits["kind"] == "image"


def test_info_shows_shape_splits_classes_and_skipped_files(capsys, folder):
    code, out, err = zoo(capsys, "info", str(folder))
    assert (code, err) == (0, "")
    assert "image_shape: 4, 6, 3" in out
    assert "class_names: cat, dog" in out
    assert "skipped: 1\n  cat/broken.png: it is not an image" in out


def test_info_as_json_has_counts_and_fingerprints(capsys, folder):
    code, out, _ = zoo(capsys, "info", str(folder), "--image-size", "2", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["kind"] == "image"
    assert facts["image_shape"] == [2, 2, 3]
    assert facts["class_names"] == ["cat", "dog"]
    assert sum(split["count"] for split in facts["splits"].values()) == 12
    fingerprints = {split["fingerprint"] for split in facts["splits"].values()}
    assert len(fingerprints) == 2
    assert facts["skipped"] == ["cat/broken.png: it is not an image"]


def test_show_writes_a_picture_of_examples(capsys, tmp_path):
    code, out, _ = zoo(capsys, "show", "digits", "--out", str(tmp_path / "d.png"), "-n", "9")
    assert (code, out) == (0, f"Examples: {tmp_path / 'd.png'}\n")
    with Image.open(tmp_path / "d.png") as picture:
        assert min(picture.size) > 3 * 8
        assert len(np.unique(np.asarray(picture))) > 10


def test_show_writes_beside_under_the_name_of_set_and_split(capsys, folder, tmp_path):
    code, out, _ = zoo(capsys, "show", str(folder), "--split", "test")
    assert (code, out) == (0, "Examples: pets-test.png\n")
    assert (tmp_path / "work" / "pets-test.png").exists()


def test_a_failure_is_one_line(capsys):
    code, out, err = zoo(capsys, "info", "digit")
    assert (code, out) == (1, "")
    assert err.startswith("error: Unknown data set 'digit'. Did you mean 'digits'?")
    assert err.count("\n") == 1


def test_prepare_needs_from(capsys):
    code, _, err = zoo(capsys, "prepare", "mnist")
    assert code == 2
    assert "--from" in err


def test_prepare_from_nowhere_is_an_error(capsys):
    code, _, err = zoo(capsys, "prepare", "mnist", "--from", "nowhere")
    assert code == 1
    assert "There is no folder 'nowhere'" in err
