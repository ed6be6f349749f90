import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from two_domains import domains, draw, fill, levels, side_by_side, whole

from zoo.data.domains import block_means, luminance
from zoo.data.folder import FolderImages, load_folder
from zoo.errors import DataError

REAL = os.environ.get("ZOO_TEST_DATA")


# Folders.


@pytest.mark.parametrize("layout", ["A", "trainA"])
def test_two_folders_are_two_domains_each_with_its_own_size_and_channels(tmp_path, layout):
    fill(tmp_path / layout, 20, shape=(4, 6, 3))
    fill(tmp_path / layout.replace("A", "B"), 9, level=100, shape=(8, 8))
    train, test = domains(tmp_path), domains(tmp_path, "test")
    assert train.spec.image_shape_a == (4, 6, 3)
    assert train.spec.image_shape_b == (8, 8, 1)
    assert (train.paired, train.splits) == (False, ("train", "test"))
    assert len(train.a) + len(test.a) == 20
    assert len(train.b) + len(test.b) == 9
    assert sorted(levels(whole(train)["B"][: len(train.b)]) + levels(whole(test.b))) == list(
        range(100, 109)
    )


def test_the_public_layout_names_the_splits(tmp_path):
    for index, folder in enumerate(("trainA", "trainB", "testA", "testB", "valA", "valB")):
        fill(tmp_path / folder, 3 + index, level=40 * index)
    parts = {split: domains(tmp_path, split) for split in ("train", "test", "validation")}
    assert parts["train"].splits == ("train", "validation", "test")
    assert levels(whole(parts["train"].a)) == [0, 1, 2]
    assert levels(whole(parts["train"].b)) == [40, 41, 42, 43]
    assert levels(whole(parts["test"].a))[0] == 80
    assert levels(whole(parts["validation"].b))[0] == 200
    assert len({part.fingerprint for part in parts.values()}) == 3
    assert not parts["train"].skipped


def test_classes_are_those_of_each_domain(tmp_path):
    for folder in ("trainA/cat", "trainA/dog", "testA/cat", "testA/dog", "trainB", "testB"):
        fill(tmp_path / folder, 2)
    train = domains(tmp_path)
    assert train.a.spec.class_names == ("cat", "dog")
    assert train.b.spec.class_names == ()
    np.testing.assert_array_equal(train.a.read(np.arange(4))[1], [0, 0, 1, 1])


def test_one_size_is_asked_for_for_both(tmp_path):
    fill(tmp_path / "A", 3, shape=(4, 6, 3))
    fill(tmp_path / "B", 3, shape=(8, 8))
    spec = domains(tmp_path, image_size=(2, 3)).spec
    assert (spec.image_shape_a, spec.image_shape_b) == ((2, 3, 3), (2, 3, 1))


@pytest.mark.parametrize("domain", ["A", "B"])
def test_an_empty_domain_is_named(tmp_path, domain):
    fill(tmp_path / "A", 3)
    fill(tmp_path / "B", 3)
    for path in (tmp_path / domain).iterdir():
        path.unlink()
    with pytest.raises(DataError, match=rf"holds no images in {domain}/, but in: [AB]/"):
        domains(tmp_path)


def test_an_empty_split_of_one_domain_is_named(tmp_path):
    for folder in ("trainA", "trainB", "testA"):
        fill(tmp_path / folder, 2)
    (tmp_path / "testB").mkdir()
    with pytest.raises(DataError, match="holds no images in testB/"):
        domains(tmp_path)
    (tmp_path / "testB" / "torn.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"^Domain B: .*testB' holds no image .*torn\.png: "):
        domains(tmp_path)


def test_unreadable_files_are_skipped_with_the_letter_of_their_domain(tmp_path):
    fill(tmp_path / "A", 3)
    fill(tmp_path / "B", 3)
    (tmp_path / "B" / "torn.png").write_bytes(b"no picture")
    fill(tmp_path / "C", 1)
    fill(tmp_path, 1)
    assert domains(tmp_path).skipped == (
        "B: torn.png: it is not an image",
        "00.png: outside A/, B/",
        "C/00.png: outside A/, B/",
    )


def test_a_domain_without_a_readable_file_is_an_error(tmp_path):
    fill(tmp_path / "A", 3)
    (tmp_path / "B").mkdir()
    (tmp_path / "B" / "torn.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"^Domain B: None of the 1 image files .*torn\.png: it is"):
        domains(tmp_path)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (
            ["A"],
            r"in B/, but in: A/\. Expected: A/ and B/, or trainA/ and trainB/",
        ),
        (["trainA", "testA", "testB"], r"no images in trainB/"),
        (
            ["trainA", "trainB", "testA"],
            r"in testB/, but in: testA/, trainA/, trainB/",
        ),
        (["photos"], r"no images in A/ and B/, but in: photos/.*--data-b.*--pair"),
        (["A", "B", "trainA", "trainB"], "has both A/ and B/, and trainA/ and trainB/"),
    ],
)
def test_a_missing_domain_is_named(tmp_path, folders, message):
    for folder in folders:
        fill(tmp_path / folder, 2)
    with pytest.raises(DataError, match=message):
        domains(tmp_path)


def test_a_split_that_one_domain_lacks_is_named(tmp_path):
    for folder in ("A/train", "A/validation", "B/train"):
        fill(tmp_path / folder, 2)
    assert domains(tmp_path).splits == ("train",)
    with pytest.raises(DataError, match=r"^Domain B: .*no split 'validation'"):
        domains(tmp_path, "validation")


def test_a_file_is_no_folder_of_domains(tmp_path):
    draw(tmp_path / "one.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match=r"is a file\. Expected: a folder that holds A/ and B/"):
        domains(tmp_path / "one.png")


# Two sets.


def test_any_two_sets_of_images_are_two_domains(tmp_path):
    fill(tmp_path / "pale", 6, level=200, shape=(5, 5))
    train = domains("digits", data_b=str(tmp_path / "pale"))
    assert (train.spec.image_shape_a, train.spec.image_shape_b) == ((8, 8, 1), (5, 5, 1))
    assert (len(train), len(train.a), train.paired) == (1437, 1437, False)
    assert train.a.spec.class_names == tuple("0123456789")
    assert domains("digits", data_b=str(tmp_path / "pale"), image_size=5).spec.image_shape_a == (
        *(5, 5),
        1,
    )


def test_the_fingerprint_follows_either_domain(tmp_path):
    fill(tmp_path / "one", 6)
    fill(tmp_path / "two", 6, level=9)
    one, two, other = (
        domains(tmp_path / a, data_b=str(tmp_path / b)).fingerprint
        for a, b in (("one", "one"), ("one", "two"), ("two", "one"))
    )
    assert len({one, two, other}) == 3


def test_what_is_wrong_with_one_of_two_sets_names_its_domain(tmp_path):
    with pytest.raises(DataError, match=r"^Domain B: There is no file or folder"):
        domains("digits", data_b=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"^Domain B: 'digit-styles' holds domains data"):
        domains("digits", data_b="digit-styles")
    with pytest.raises(DataError, match=r"^Domain A: 'notes' holds waveform data"):
        domains("notes", data_b="digits")


def test_one_set_alone_is_told_what_is_missing():
    with pytest.raises(DataError, match=r"holds image data\. Expected: domains data.*--data-b"):
        domains("digits")


# Two domains from one set.


def test_halves_of_files_are_pairs(tmp_path):
    for index in range(12):
        side_by_side(tmp_path / f"{index:02}.png", index, 100 + index)
    train, test = (domains(tmp_path, split, pair="side-by-side") for split in ("train", "test"))
    assert train.spec.image_shape_a == train.spec.image_shape_b == (8, 8, 3)
    assert train.paired
    assert test.paired
    for part in (train, test):
        assert levels(whole(part.b)) == [100 + level for level in levels(whole(part.a))]
    assert len(train) + len(test) == 12
    assert train.a.fingerprint != train.b.fingerprint


@pytest.mark.parametrize("size", [4, (4, 8), (8, 4)])
def test_each_half_is_cropped_by_itself(tmp_path, size):
    for index in range(3):
        side_by_side(tmp_path / f"{index}.png", 10, 200)
    train = domains(tmp_path, pair="side-by-side", image_size=size)
    assert set(levels(whole(train.a))) == {10}
    assert set(levels(whole(train.b))) == {200}
    assert np.ptp(whole(train.a)) == 0


def test_colour_in_one_half_is_colour_in_both(tmp_path):
    for index in range(3):
        pixels = np.zeros((4, 8, 3), np.uint8)
        pixels[:, 4:] = (200, 0, 0)
        draw(tmp_path / f"{index}.png", pixels)
    assert domains(tmp_path, pair="side-by-side").spec.image_shape_a == (4, 4, 3)


def test_a_large_folder_of_pairs_reads_the_same_halves(tmp_path):
    for index in range(5):
        side_by_side(tmp_path / f"{index}.png", index, 50 + index)
    kept = domains(tmp_path, pair="side-by-side")
    read = load_folder(str(tmp_path), split="train", half="right", memory_bytes=0)
    assert isinstance(read, FolderImages)
    np.testing.assert_array_equal(whole(read), whole(kept.b))
    assert read.fingerprint == kept.b.fingerprint


def test_files_that_hold_no_two_images_are_skipped_and_named_once(tmp_path):
    for index in range(3):
        side_by_side(tmp_path / f"{index}.png", 1, 2)
    draw(tmp_path / "odd.png", np.zeros((8, 17, 3), np.uint8))
    draw(tmp_path / "square.png", np.zeros((8, 8, 3), np.uint8))
    skipped = domains(tmp_path, pair="side-by-side").skipped
    assert [reason.partition(",")[0] for reason in skipped] == ["odd.png: 17x8", "square.png: 8x8"]
    assert "expected an even width, larger than the height" in skipped[0]


def test_a_folder_of_single_images_is_refused_as_side_by_side(tmp_path):
    fill(tmp_path, 4, shape=(6, 6, 3))
    with pytest.raises(DataError, match=r"None of the 4 .*6x6, width x height; expected an even"):
        domains(tmp_path, pair="side-by-side")
    with pytest.raises(DataError, match=r"'digits' is not a folder\. Expected, for --pair side-by"):
        domains("digits", pair="side-by-side")


def test_colourisation_gives_the_luminance_of_the_same_images(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(6):
        draw(tmp_path / f"{index}.png", rng.integers(0, 256, (5, 7, 3), np.uint8))
    train = domains(tmp_path, pair="colourisation")
    assert train.paired
    assert (train.spec.image_shape_a, train.spec.image_shape_b) == ((5, 7, 1), (5, 7, 3))
    grey, colour = whole(train)["A"], whole(train)["B"]
    pictures = [Image.fromarray(np.rint(255 * image).astype(np.uint8)) for image in colour]
    by_pillow = np.stack([np.asarray(picture.convert("L")) for picture in pictures])
    np.testing.assert_allclose(255 * grey[..., 0], by_pillow, atol=0.51)
    assert grey.dtype == np.float32
    assert luminance(np.ones((1, 1, 1, 3), np.float32)) == 1


def test_grey_images_cannot_be_coloured():
    with pytest.raises(DataError, match=r"'digits' are grey\. Expected: colour images"):
        domains("digits", pair="colourisation")


def test_super_resolution_shrinks_by_the_mean_of_four_by_four_pixels():
    train = domains("digits", pair="super-resolution")
    assert train.paired
    assert (train.spec.image_shape_a, train.spec.image_shape_b) == ((2, 2, 1), (8, 8, 1))
    x, _ = train.read(np.arange(3))
    naive = [
        [x["B"][n, 4 * r : 4 * r + 4, 4 * c : 4 * c + 4, 0].mean() for r in (0, 1) for c in (0, 1)]
        for n in range(3)
    ]
    np.testing.assert_allclose(x["A"].reshape(3, 4), naive, rtol=1e-6)
    np.testing.assert_array_equal(train.a.read(np.arange(3))[1], train.b.read(np.arange(3))[1])
    assert train.a.spec.class_names == train.b.spec.class_names
    assert block_means(np.ones((1, 4, 8, 3), np.float32)).shape == (1, 1, 2, 3)


def test_super_resolution_asks_for_a_size_that_can_be_shrunk():
    with pytest.raises(DataError, match=r"10x12 pixels.*divisible by 4.*--image-size"):
        domains("digits", pair="super-resolution", image_size=(12, 10))


@pytest.mark.skipif(not REAL, reason="ZOO_TEST_DATA names no folder")
def test_real_photos_and_label_maps_are_pairs(tmp_path):
    with tarfile.open(Path(REAL) / "facades" / "facades_100.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    train, test = (
        domains(tmp_path / "facades", split, pair="side-by-side", image_size=64)
        for split in ("train", "test")
    )
    assert len(train) + len(test) == 100
    assert train.spec.image_shape_a == train.spec.image_shape_b == (64, 64, 3)
    assert train.paired
    assert not train.skipped
    # Label maps have few and bright colours: they are far more saturated than photos.
    saturation = [np.ptp(whole(part), axis=-1).mean() for part in (test.a, test.b)]
    assert saturation[1] > 3 * saturation[0]
