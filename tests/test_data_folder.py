import hashlib
import os
import struct
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zoo.data import Batches, load
from zoo.data.arrays import ArrayImages
from zoo.data.files import by_split, hash_place
from zoo.data.folder import FolderImages, load_folder
from zoo.data.forms import ImageForm
from zoo.errors import DataError

OUT_OF_CORE = 0  # bytes of memory for decoded images

as_user = pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read every folder"
)


def picture(index: int, size: tuple[int, int] = (6, 5), mode: str = "L") -> Image.Image:
    """A picture (width, height) of noise that `index` decides."""
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "LA": 2, "CMYK": 4}[mode]
    noise = np.random.default_rng(index).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(noise[..., 0] if channels == 1 else noise, mode=mode)


def fill(folder: Path, names: list[str], mode: str = "L") -> Path:
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.fromarray(np.asarray(picture(index, mode=mode))) as image:
            image.save(path)
    return folder


def numbered(count: int) -> list[str]:
    return [f"{index:03d}.png" for index in range(count)]


def everything(dataset):
    return dataset.read(np.arange(len(dataset)))


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds nothing."""
    fields = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + fields
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(fields))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 0)
        + b"IDAT"
        + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


# What a folder holds.


def test_images_without_classes_are_grey_levels_between_0_and_1(tmp_path):
    fill(tmp_path / "set", numbered(20))
    train = load(str(tmp_path / "set"))
    test = load(str(tmp_path / "set"), split="test")
    assert train.splits == ("train", "test")
    assert train.spec.image_shape == (5, 6, 1)
    assert train.spec.class_names == ()
    assert len(train) + len(test) == 20
    images, labels = everything(train)
    assert labels is None
    assert images.dtype == np.float32
    expected = {np.asarray(picture(index)).tobytes() for index in range(20)}
    found = [np.rint(image * 255).astype(np.uint8).tobytes() for image in images]
    found += [np.rint(image * 255).astype(np.uint8).tobytes() for image in everything(test)[0]]
    assert set(found) == expected


@pytest.mark.parametrize("memory_bytes", [OUT_OF_CORE, 2**20])
def test_subfolders_are_classes_in_the_order_of_their_names(tmp_path, memory_bytes):
    names = [f"{name}/{index}.png" for name in ("zebra", "ant/deep", "éclair") for index in "0123"]
    fill(tmp_path / "set", names)
    train = load_folder(str(tmp_path / "set"), split="train", memory_bytes=memory_bytes)
    assert train.spec.class_names == ("ant", "zebra", "éclair")
    images, labels = everything(train)
    assert labels.dtype == np.int32
    for image, label in zip(images, labels, strict=True):
        pixels = np.rint(image[..., 0] * 255).astype(np.uint8)
        (index,) = (i for i in range(12) if np.array_equal(pixels, np.asarray(picture(i))))
        assert names[index].split("/")[0] == train.spec.class_names[label]


@pytest.mark.parametrize("folder", ["validation", "valid", "val", "Val"])
def test_split_folders_are_the_splits(tmp_path, folder):
    fill(tmp_path / "set", ["train/b/0.png", "train/a/1.png", f"{folder}/b/2.png", "test/b/3.png"])
    splits = {
        split: load(str(tmp_path / "set"), split=split) for split in ("train", "validation", "test")
    }
    assert splits["train"].splits == ("train", "validation", "test")
    assert [len(dataset) for dataset in splits.values()] == [2, 1, 1]
    assert splits["validation"].spec.class_names == ("a", "b")
    assert everything(splits["validation"])[1].tolist() == [1]


def test_files_beside_the_split_folders_are_named(tmp_path):
    fill(tmp_path / "set", ["train/0.png", "test/1.png", "logo.png"])
    dataset = load(str(tmp_path / "set"))
    assert dataset.skipped == ("logo.png: outside test/, train/",)
    assert len(dataset) == 1


def test_an_absent_split_names_those_that_are_there(tmp_path):
    fill(tmp_path / "set", numbered(3))
    with pytest.raises(DataError, match=r"no split 'validation'. It has: train, test\."):
        load(str(tmp_path / "set"), split="validation")


def test_two_folders_for_one_split_are_refused(tmp_path):
    fill(tmp_path / "set", ["train/0.png", "val/1.png", "valid/2.png"])
    with pytest.raises(DataError, match=r"'val' and 'valid' both name the split 'validation'"):
        load(str(tmp_path / "set"))


def test_split_folders_without_train_are_refused(tmp_path):
    fill(tmp_path / "set", ["test/0.png", "val/1.png"])
    with pytest.raises(DataError, match=r"none in train/"):
        load(str(tmp_path / "set"))


def test_images_beside_class_folders_are_refused(tmp_path):
    fill(tmp_path / "set", ["cat/0.png", "dog/1.png", "stray.png"])
    with pytest.raises(DataError, match=r"1 images beside its class folders \(cat, dog\).*stray"):
        load(str(tmp_path / "set"))


# The split by hash.


@given(
    paths=st.sets(st.text(st.characters(codec="utf-8"), min_size=1), min_size=25, max_size=60),
    new=st.text(min_size=1),
)
@settings(max_examples=50, deadline=None)
def test_a_new_file_moves_no_other_to_another_split(paths, new):
    before = by_split(sorted(paths), {})
    after = by_split(sorted(paths | {new}), {})
    assert sorted(before["train"] + before["test"]) == sorted(paths)
    if any(hash_place(path) < 0.1 for path in paths):  # else the first file below moves in
        assert set(before["train"]) <= set(after["train"])
        assert set(before["test"]) <= set(after["test"])


@given(count=st.integers(2, 30))
def test_with_two_images_and_more_neither_split_is_empty(count):
    parts = by_split(numbered(count), {})
    assert parts["train"]
    assert parts["test"]


def test_about_a_tenth_is_for_testing():
    assert 850 < len(by_split([f"{index}.jpg" for index in range(10_000)], {})["test"]) < 1150


def test_the_place_is_the_first_48_bits_of_the_sha256_of_the_composed_name():
    digest = hashlib.sha256("caf\u00e9.png".encode()).hexdigest()
    assert hash_place("cafe\u0301.png") == int(digest[:12], 16) / 2**48


def test_one_image_is_for_training_and_there_is_no_test_split(tmp_path):
    fill(tmp_path / "set", ["one.png"])
    dataset = load(str(tmp_path / "set"))
    assert (len(dataset), dataset.splits) == (1, ("train",))
    with pytest.raises(DataError, match=r"no split 'test'. It has: train\."):
        load(str(tmp_path / "set"), split="test")


# Sizes and colours.


def test_different_sizes_need_image_size(tmp_path):
    fill(tmp_path / "set", numbered(2))
    picture(9, size=(8, 8)).save(tmp_path / "set" / "other.png")
    with pytest.raises(DataError, match=r"6x5 \(2\), 8x8 \(1\)\. Give one with --image-size"):
        load(str(tmp_path / "set"))
    assert load(str(tmp_path / "set"), image_size=4).spec.image_shape == (4, 4, 1)
    assert load(str(tmp_path / "set"), image_size=(3, 7)).spec.image_shape == (3, 7, 1)


@pytest.mark.parametrize("image_size", [0, -1, 100_000, (4, 0), (1, 2, 3), 2.5])
def test_an_impossible_image_size_is_refused(tmp_path, image_size):
    fill(tmp_path / "set", numbered(2))
    with pytest.raises(DataError, match="image_size must be"):
        load(str(tmp_path / "set"), image_size=image_size)


def test_one_coloured_file_makes_all_images_coloured(tmp_path):
    fill(tmp_path / "set", numbered(4))
    picture(9, mode="RGB").save(tmp_path / "set" / "004.png")
    dataset = load_folder(str(tmp_path / "set"), split="train")
    assert dataset.spec.image_shape == (5, 6, 3)
    images, _ = everything(dataset)
    grey = images[0]
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


@pytest.mark.parametrize("memory_bytes", [OUT_OF_CORE, 2**20])
def test_sixteen_bits_keep_their_precision_beside_eight(tmp_path, memory_bytes):
    folder = tmp_path / "set"
    (folder / "train").mkdir(parents=True)
    deep = np.array([[0, 1, 257], [1000, 65534, 65535]], np.uint16)
    Image.fromarray(deep).save(folder / "train" / "deep.png")
    Image.fromarray((deep >> 8).astype(np.uint8)).save(folder / "train" / "flat.png")
    images, _ = everything(load_folder(str(folder), split="train", memory_bytes=memory_bytes))
    np.testing.assert_allclose(images[0, ..., 0], deep / 65535, rtol=1e-6)
    np.testing.assert_allclose(images[1, ..., 0], (deep >> 8) / 255, rtol=1e-6)


# Files that cannot be used.


@pytest.fixture
def mixed(tmp_path) -> Path:
    folder = fill(tmp_path / "set", numbered(12))
    (folder / "empty.png").touch()
    (folder / "huge.png").write_bytes(png_header(50_000, 50_000))
    (folder / "large.png").write_bytes(png_header(10_000, 8_000))
    (folder / "text.png").write_text("not a picture")
    (folder / "short.png").write_bytes((folder / "000.png").read_bytes()[:20])
    content = (folder / "001.png").read_bytes()
    (folder / "truncated.png").write_bytes(content[: len(content) // 2])
    return folder


def test_unusable_files_are_skipped_counted_and_named(mixed):
    dataset = load(str(mixed))
    test = load(str(mixed), split="test")
    assert len(dataset) + len(test) == 12
    reasons = dict(line.split(": ", 1) for line in {*dataset.skipped, *test.skipped})
    assert set(reasons) == {f"{name}.png" for name in
                            ("empty", "huge", "large", "text", "short", "truncated")}  # fmt: skip
    assert reasons["empty.png"] == "it is empty"
    assert reasons["text.png"] == "it is not an image"
    assert "64 megapixels" in reasons["huge.png"]
    assert "64 megapixels" in reasons["large.png"]
    assert "truncated" in reasons["truncated.png"]


def test_a_file_that_fails_later_is_named_where_the_folder_is_too_large_for_memory(mixed):
    parts = [load_folder(str(mixed), split=split, memory_bytes=OUT_OF_CORE)
             for split in ("train", "test")]  # fmt: skip
    (dataset,) = (part for part in parts if len(part) and "truncated.png" in part.paths)
    with pytest.raises(DataError, match=r"truncated\.png' cannot be read: .*Replace or remove it"):
        everything(dataset)


def test_the_stream_of_batches_names_the_file_that_fails(mixed):
    parts = [load_folder(str(mixed), split=split, memory_bytes=OUT_OF_CORE)
             for split in ("train", "test")]  # fmt: skip
    (dataset,) = (part for part in parts if "truncated.png" in part.paths)
    with pytest.raises(DataError, match=r"truncated\.png"):
        for _ in Batches(dataset, 1, seed=0).once():
            pass


def test_a_file_removed_during_the_run_is_named(tmp_path):
    folder = fill(tmp_path / "set", [f"train/{name}" for name in numbered(3)])
    dataset = load_folder(str(folder), split="train", memory_bytes=OUT_OF_CORE)
    (folder / "train" / "001.png").unlink()
    with pytest.raises(DataError, match=r"001\.png' cannot be read: No such file"):
        everything(dataset)


def test_a_file_replaced_by_one_of_another_size_is_named(tmp_path):
    folder = fill(tmp_path / "set", [f"train/{name}" for name in numbered(3)])
    dataset = load_folder(str(folder), split="train", memory_bytes=OUT_OF_CORE)
    picture(0, size=(9, 9)).save(folder / "train" / "001.png")
    with pytest.raises(DataError, match=r"001\.png' cannot be read: it has changed"):
        everything(dataset)


def test_an_empty_folder_names_what_it_may_hold(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "notes.txt").write_text("nothing here")
    with pytest.raises(DataError, match=r"holds no images \(\.png, \.jpg"):
        load(str(tmp_path / "set"))


def test_a_folder_of_unusable_files_only_names_some(tmp_path):
    (tmp_path / "set").mkdir()
    for index in range(5):
        (tmp_path / "set" / f"{index}.png").touch()
    with pytest.raises(DataError, match=r"None of the 5 .*0\.png: it is empty.* and 2 more"):
        load(str(tmp_path / "set"))


def test_a_folder_whose_images_all_fail_at_decoding_names_some(tmp_path):
    folder = fill(tmp_path / "set", ["one.png"])
    content = (folder / "one.png").read_bytes()
    (folder / "one.png").write_bytes(content[:-30])
    with pytest.raises(DataError, match=r"None of the images in split 'train'.*one\.png"):
        load(str(folder))


def test_a_file_instead_of_a_folder_is_refused(tmp_path):
    fill(tmp_path, ["one.png"])
    with pytest.raises(DataError, match=r"is a file. Expected: a folder of images"):
        load(str(tmp_path / "one.png"))


@as_user
def test_an_unreadable_folder_is_an_error_and_an_unreadable_subfolder_is_named(tmp_path):
    folder = fill(tmp_path / "set", ["a/0.png", "b/1.png", "b/2.png"])
    (folder / "a").chmod(0)
    assert load(str(folder)).skipped == ("a/: Permission denied",)
    folder.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        load(str(folder))
    folder.chmod(0o700)
    (folder / "a").chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links and pipes")
def test_links_in_a_circle_broken_links_and_pipes_are_named_and_nothing_hangs(tmp_path):
    folder = fill(tmp_path / "set", ["a/0.png", "a/1.png"])
    (folder / "a" / "again").symlink_to(folder)
    (folder / "a" / "gone.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "a" / "pipe.png")
    dataset = load(str(folder))
    assert dataset.skipped == (
        "a/again/: a link to a folder already read",
        "a/gone.png: not a file, or a broken link",
        "a/pipe.png: not a file, or a broken link",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_in_any_alphabet_and_of_any_bytes_work(tmp_path):
    folder = fill(tmp_path / "数字", ["ζ/λ é.png", "ζ/ü\n.png"])
    broken = os.fsencode(folder) + b"/\xce\xb6/\xff.png"
    with open(broken, "wb"):
        pass
    dataset = load(str(folder))
    assert len(dataset) == 1
    (reason,) = dataset.skipped
    assert reason.isprintable()
    assert reason.endswith("\\udcff.png: it is empty")


def test_hidden_files_are_not_looked_at(tmp_path):
    folder = fill(tmp_path / "set", ["0.png", "1.png", ".cache/2.png", "__MACOSX/3.png"])
    (folder / "._0.png").write_text("what macOS leaves")
    dataset = load(str(folder))
    assert dataset.skipped == ()
    assert dataset.spec.class_names == ()


# Fingerprints.


def test_the_fingerprint_is_of_content_not_of_place_or_time(tmp_path):
    names = [f"train/{name}" for name in numbered(4)]
    first = load(str(fill(tmp_path / "one", names))).fingerprint
    second = fill(tmp_path / "two", names)
    for path in (second / "train").iterdir():
        os.utime(path, (1, 1))
    assert load(str(second)).fingerprint == first
    assert load(str(second), image_size=4).fingerprint != first
    picture(77).save(second / "train" / "002.png")
    changed = load(str(second)).fingerprint
    assert changed != first
    (second / "train" / "003.png").rename(second / "train" / "0.png")
    assert load(str(second)).fingerprint not in (first, changed)


def test_memory_and_disc_give_the_same_images_and_fingerprint(tmp_path):
    folder = str(fill(tmp_path / "set", [f"train/{name}" for name in numbered(5)], mode="RGB"))
    kept = load_folder(folder, split="train", form=ImageForm(image_size=(4, 3)))
    read = load_folder(
        folder, split="train", form=ImageForm(image_size=(4, 3)), memory_bytes=OUT_OF_CORE
    )
    assert isinstance(kept, ArrayImages)
    assert isinstance(read, FolderImages)
    assert kept.fingerprint == read.fingerprint
    order = np.array([3, 0, 3])
    np.testing.assert_array_equal(kept.read(order)[0], read.read(order)[0])


FORMS = {  # of images: mode, suffix, size
    "grey": ("L", ".png", (6, 5)),
    "colour": ("RGB", ".png", (6, 5)),
    "transparent": ("RGBA", ".png", (6, 5)),
    "transparent grey": ("LA", ".png", (6, 5)),
    "deep": ("I;16", ".png", (6, 5)),
    "palette": ("P", ".gif", (6, 5)),
    "print": ("CMYK", ".jpg", (6, 5)),
    "wide": ("L", ".bmp", (12, 5)),
}


def save_form(path: Path, index: int, form: str) -> None:
    mode, suffix, size = FORMS[form]
    image = picture(index, size, mode if mode in ("L", "RGB", "RGBA", "LA", "CMYK") else "L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 200)
    elif mode == "P":
        image = image.convert("P")
    image.save(path.with_suffix(suffix))


@pytest.mark.parametrize("second", FORMS)
@pytest.mark.parametrize("first", FORMS)
def test_images_of_any_two_forms_are_the_same_from_memory_and_disc(tmp_path, first, second):
    folder = tmp_path / "set" / "train"
    folder.mkdir(parents=True)
    for index in range(6):
        save_form(folder / str(index), index, first if index < 4 else second)
    form = ImageForm(image_size=4)
    kept, read = (
        load_folder(str(tmp_path / "set"), split="train", form=form, memory_bytes=memory_bytes)
        for memory_bytes in (2**20, OUT_OF_CORE)
    )
    assert isinstance(kept, ArrayImages)
    assert isinstance(read, FolderImages)
    assert kept.spec == read.spec
    assert kept.paths == read.paths
    assert kept.fingerprint == read.fingerprint
    np.testing.assert_array_equal(everything(kept)[0], everything(read)[0])


@pytest.mark.parametrize("memory_bytes", [5 * 6 * 12, 2**20])
def test_the_same_files_are_left_out_whether_splits_fit_into_memory_together_or_not(
    mixed, memory_bytes
):
    parts = {split: load_folder(str(mixed), split=split) for split in ("train", "test")}
    for split, whole in parts.items():
        part = load_folder(str(mixed), split=split, memory_bytes=memory_bytes)
        assert isinstance(part, ArrayImages)
        assert part.skipped == whole.skipped
        assert part.fingerprint == whole.fingerprint
        assert part.paths == whole.paths
        np.testing.assert_array_equal(everything(part)[0], everything(whole)[0])


@pytest.mark.parametrize("broken_first", [True, False])
def test_a_broken_file_is_left_out_among_files_of_one_form_and_of_several(tmp_path, broken_first):
    folder = fill(tmp_path / "set", [f"train/{name}" for name in numbered(5)])
    broken = folder / "train" / ("000.png" if broken_first else "004.png")
    broken.write_bytes(broken.read_bytes()[:-30])
    alike = load(str(folder))
    picture(9, mode="RGB").save(folder / "train" / "009.png")
    mixed = load(str(folder))
    reason = f"train/{broken.name}: "
    assert [line.startswith(reason) for line in alike.skipped] == [True]
    assert mixed.skipped == alike.skipped
    assert (len(alike), len(mixed)) == (4, 5)
    grey = everything(mixed)[0][:4]  # in three channels
    np.testing.assert_array_equal(grey, np.repeat(everything(alike)[0], 3, axis=-1))


def test_what_changes_in_a_folder_is_seen_when_it_is_loaded_again(tmp_path):
    folder = fill(tmp_path / "set", [f"train/{name}" for name in numbered(3)])
    before = load(str(folder))
    picture(77).save(folder / "train" / "001.png")
    after = load(str(folder))
    assert after.fingerprint != before.fingerprint
    np.testing.assert_array_equal(everything(after)[0][1, ..., 0] * 255, np.asarray(picture(77)))
    np.testing.assert_array_equal(everything(before)[0][1, ..., 0] * 255, np.asarray(picture(1)))


@pytest.mark.parametrize("memory_bytes", [OUT_OF_CORE, 2**20])
def test_large_files_are_decoded_in_threads_in_the_order_asked_for(tmp_path, memory_bytes):
    folder = tmp_path / "set" / "train"
    folder.mkdir(parents=True)
    for index in range(6):
        picture(index, size=(128, 128)).save(folder / f"{index}.png")
    dataset = load_folder(str(tmp_path / "set"), split="train", memory_bytes=memory_bytes)
    images, _ = dataset.read(np.array([5, 1, 4]))
    for image, index in zip(images, (5, 1, 4), strict=True):
        expected = np.asarray(picture(index, size=(128, 128)))
        np.testing.assert_array_equal(np.rint(image[..., 0] * 255), expected)
    if memory_bytes == OUT_OF_CORE:
        assert any(thread.name.startswith("zoo-decode") for thread in threading.enumerate())
