import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.data import describe, load
from zoo.data.captioned import ChosenImages
from zoo.data.folder import FolderImages
from zoo.data.summary import kind_of
from zoo.errors import DataError

REAL = os.environ.get("ZOO_TEST_DATA")


def paint(folder: Path, *names: str, size=(4, 4)) -> Path:
    """Write images whose first grey level is the number of the name."""
    for level, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*size, 3), [level, 9, 0], np.uint8)).save(path)
    return folder


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def captions(folder: Path, split="train", **form) -> dict[int, tuple[str, ...]]:
    """Return the captions of each image by its grey level."""
    data = load(str(folder), kind="captioned", split=split, **form)
    levels = np.rint(data.read(np.arange(len(data)))[0]["image"][:, 0, 0, 0] * 255).astype(int)
    return {level: data.texts(index) for index, level in enumerate(levels)}


@pytest.fixture
def split_folder(tmp_path) -> Path:
    """Two images to train and one to test, without captions."""
    return paint(tmp_path / "pictures", "train/a.png", "train/b.png", "test/c.png")


def test_a_table_has_a_file_and_its_captions_in_each_line(split_folder):
    write(
        split_folder,
        captions_tsv="train/a.png\tA Cat\tIt, 'sits'\n\ntrain/b.png\tA dog\n"
        "./train/a.png\tone more\ntest/c.png\tA cat, a dog\n",
    )
    assert captions(split_folder) == {0: ("a cat", "it, 'sits'", "one more"), 1: ("a dog",)}
    assert captions(split_folder, "test") == {2: ("a cat, a dog",)}
    assert kind_of(str(split_folder)) == "captioned"


@pytest.mark.parametrize("header", ["file,caption\n", "\ufeffFile_Name,one,two\r\n", ""])
def test_a_header_and_a_byte_order_mark_are_no_example(split_folder, header):
    rows = 'train/a.png,"a ""red"" cat, asleep"\ntrain/b.png,dog\ntest/c.png,"two\nlines"\n'
    write(split_folder, captions_csv=header + rows)
    assert captions(split_folder) == {0: ('a "red" cat, asleep',), 1: ("dog",)}
    assert captions(split_folder, "test", tokens="character") == {2: ("two lines",)}


def test_tables_may_stand_in_the_folders_of_the_splits(split_folder):
    write(
        split_folder, train__captions_tsv="a.png\tcat\nb.png\tdog", test__captions_csv="c.png,dog"
    )
    assert captions(split_folder) == {0: ("cat",), 1: ("dog",)}
    assert captions(split_folder, "test") == {2: ("dog",)}
    other = paint(split_folder.parent / "other", "deep/a.png", "deep/b.png")
    write(other, deep__captions_tsv="a.png\tcat")  # of a class, not of a split
    assert kind_of(str(other)) == "image"


def test_texts_beside_images_hold_a_caption_in_each_line(split_folder):
    write(
        split_folder,
        train__a_txt="A cat\n\n  on a mat \nA cat\n",
        train__b_TXT="dog",
        test__c_txt="cat",
        notes_txt="of something else",
    )
    assert captions(split_folder) == {0: ("a cat", "on a mat"), 1: ("dog",)}
    assert captions(split_folder, "test") == {2: ("cat",)}
    assert kind_of(str(split_folder)) == "captioned"
    data = load(str(split_folder), kind="captioned")
    assert data.skipped == ("notes.txt: no image of this name",)


def test_a_table_goes_before_texts(split_folder):
    write(split_folder, captions_tsv="train/a.png\tcat", train__b_txt="dog")
    assert captions(split_folder) == {0: ("cat",)}


def test_images_without_captions_and_captions_without_images_are_named(split_folder):
    write(
        split_folder,
        captions_tsv="train/a.png\tcat\t\ntrain/x.png\tdog\n../b.png\tdog\ntest/c.png\t",
    )
    data = load(str(split_folder), kind="captioned")
    assert data.skipped == (
        "captions.tsv: there is no image 'train/x.png'",
        "captions.tsv: there is no image '../b.png'",
        "train/b.png: no caption",
        f"{split_folder}, train: 1 captions are empty, or longer than 1 tokens",
        f"{split_folder}, train: 1 images have no usable caption",
    )
    assert isinstance(data.images, ChosenImages)
    assert len(data) == len(data.images) == 1
    with pytest.raises(DataError, match=r"No image of .* in split 'test' has a caption of 1 to 1"):
        load(str(split_folder), kind="captioned", split="test")


def test_broken_images_are_named_and_the_others_keep_their_captions(split_folder):
    (split_folder / "train" / "a.png").write_bytes(b"no image")
    write(split_folder, captions_tsv="train/a.png\tcat\ntrain/b.png\tdog\ntest/c.png\tdog")
    assert captions(split_folder) == {1: ("dog",)}
    data = load(str(split_folder), kind="captioned")
    assert data.skipped == ("train/a.png: it is not an image",)


def test_class_folders_give_labels(tmp_path):
    paint(tmp_path, "train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "test/dog/d.png")
    write(tmp_path, captions_csv="train/cat/a.png,one\ntrain/dog/b.png,two\ntest/dog/d.png,one")
    data = load(str(tmp_path), kind="captioned", split="test")
    assert data.read(np.array([0]))[1].tolist() == [1]
    assert data.attributes["class"].names == ("cat", "dog")
    assert data.attributes["class"].values.tolist() == [1]


def test_accents_may_be_composed_otherwise_in_file_names(tmp_path):
    names = [unicodedata.normalize("NFD", f"caf\u00e9{k}.png") for k in range(3)]
    paint(tmp_path, *names)
    write(tmp_path, captions_tsv="\n".join(f"caf\u00e9{k}.png\tn {k}" for k in range(3)))
    both = captions(tmp_path) | captions(tmp_path, "test")
    assert both == {k: (f"n {k}",) for k in range(3)}


def test_without_split_folders_a_hash_of_each_path_decides(tmp_path):
    names = [f"{k}.png" for k in range(40)]
    paint(tmp_path, *names)
    write(tmp_path, captions_tsv="\n".join(f"{k}.png\tpicture {k % 5}" for k in range(40)))
    train, test = captions(tmp_path), captions(tmp_path, "test")
    assert not set(train) & set(test)
    assert set(train) | set(test) == set(range(40))
    assert set(test) == {int(Path(p).stem) for p in load(str(tmp_path), split="test").paths}


def test_a_large_folder_is_read_file_by_file(split_folder, monkeypatch):
    write(split_folder, captions_tsv="train/a.png\tcat\ntest/c.png\tcat")
    in_memory = load(str(split_folder), kind="captioned", image_size=2)
    from zoo.data import caption_files, folder

    monkeypatch.setattr(
        caption_files,
        "load_folder",
        lambda name, **options: folder.load_folder(name, memory_bytes=0, **options),
    )
    out_of_core = load(str(split_folder), kind="captioned", image_size=2)
    assert isinstance(out_of_core.images._images, FolderImages)
    assert out_of_core.fingerprint == in_memory.fingerprint
    a, b = (data.read(np.array([[0, 3]]))[0] for data in (in_memory, out_of_core))
    assert np.array_equal(a["image"], b["image"])
    assert np.array_equal(a["caption"], b["caption"])


def test_a_caption_of_any_length_takes_no_other_with_it(split_folder):
    write(split_folder, captions_csv="train/b.png,cat\ntrain/a.png," + "a b " * 50_000)
    assert captions(split_folder) == {1: ("cat",)}


def test_what_helps_nobody_is_an_error_that_says_how_to_mend_it(split_folder, tmp_path):
    def refused(match: str) -> None:
        with pytest.raises(DataError, match=match):
            load(str(split_folder), kind="captioned")

    assert kind_of(str(split_folder)) == "image"
    refused(r"No training image in '.*' has a caption\. Expected: captions\.csv or captions\.tsv")
    write(split_folder, captions_tsv="a.png\tcat")
    refused("Left out: captions.tsv: there is no image 'a.png'")
    write(split_folder, captions_csv="train/a.png,cat")
    refused(r"has two tables of captions, 'captions.csv' and 'captions.tsv'\. Keep one\.")
    (split_folder / "captions.tsv").unlink()
    write(split_folder, captions_csv='train/b.png,cat\ntrain/a.png,"a "red" cat"')
    refused(r"captions.csv' cannot be read: .*, in line 2\. Text that holds quotes stands between")
    (split_folder / "captions.csv").write_bytes("train/a.png,é".encode("latin1"))
    refused(r"captions.csv' cannot be read: it is not UTF-8")
    (split_folder / "captions.csv").write_bytes(b"")
    refused("captions.csv' cannot be read: it is empty")
    with pytest.raises(DataError, match=r"is a file\. Expected: a folder of images"):
        load(str(split_folder / "captions.csv"), kind="captioned")
    with pytest.raises(DataError, match="There is no file or folder"):
        load(str(tmp_path / "nothing"), kind="captioned")
    (split_folder / "captions.csv").write_text("train/a.png,cat")
    with pytest.raises(DataError, match="no split 'validation'"):
        load(str(split_folder), kind="captioned", split="validation")


def test_a_text_that_is_not_utf_8_is_named(split_folder):
    write(split_folder, train__a_txt="cat", test__c_txt="cat")
    (split_folder / "train" / "b.txt").write_bytes(b"\xff\xfed\0")
    data = load(str(split_folder), kind="captioned")
    assert captions(split_folder) == {0: ("cat",)}
    assert data.skipped[0].startswith("train/b.txt: it is UTF-16; expected UTF-8")


def test_other_alphabets_are_captions_like_any(split_folder):
    write(split_folder, captions_tsv="train/a.png\tדג כחל\ntrain/b.png\t赤い丸")
    assert captions(split_folder) == {0: ("דג כחל",), 1: ("赤い丸",)}


def test_changed_captions_are_other_data(split_folder):
    write(split_folder, captions_tsv="train/a.png\tcat\ntest/c.png\tcat")
    first = load(str(split_folder), kind="captioned").fingerprint
    write(split_folder, captions_tsv="train/a.png\tdogs\ntest/c.png\tcat")
    assert load(str(split_folder), kind="captioned").fingerprint != first
    facts = describe(str(split_folder))
    assert facts["splits"]["train"]["captions"] == 1
    assert facts["vocabulary"] == ("", "▁<unknown>", "▁dogs")


@pytest.mark.skipif(not REAL, reason="ZOO_TEST_DATA names no folder")
def test_real_captions_of_emoji_are_read(tmp_path):
    import tarfile

    (archive,) = (Path(REAL) / "emoji").glob("*.tar")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    folder = tmp_path / "png" / "128"
    (folder / "captions.tsv").write_bytes((Path(REAL) / "emoji" / "captions.tsv").read_bytes())
    train = load(str(folder), kind="captioned", image_size=16)
    test = load(str(folder), kind="captioned", image_size=16, split="test")
    assert len(train) + len(test) == 1644
    assert train.spec.config_values() == test.spec.config_values()
    assert train.caption_counts.max() == 2
    assert len(train.skipped) == 1  # two have no keywords
