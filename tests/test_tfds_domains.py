import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_tfds import write_sets

from zoo.data import load
from zoo.data.summary import kind_of
from zoo.errors import DataError


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A TFDS folder with small sets of two domains, in the form of `cycle_gan`'s."""
    return write_sets(tmp_path_factory.mktemp("tfds-domains"), sets)


@pytest.fixture(autouse=True)
def data_dir(tiny, tmp_path, monkeypatch) -> Path:
    """A copy of the folder of small sets, which `$ZOO_DATA_DIR` names."""
    shutil.copytree(tiny, tmp_path / "tfds")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


def sets(tfds):
    def of_domains(name, splits, label_names=("A", "B")):
        labels = tfds.features.ClassLabel(names=list(label_names))
        examples = {
            split: [
                {"image": image, "label": split[-1] if split[-1] in label_names else label_names[0]}
                for image in images
            ]
            for split, images in splits.items()
        }
        return name, {"image": tfds.features.Image(), "label": labels}, examples

    whole = {"trainA": flat(5), "trainB": flat(3, 100), "testA": flat(2, 50), "testB": flat(2, 150)}
    yield of_domains("tiny_domains", whole)
    yield of_domains("tiny_untested", {"trainA": flat(20), "trainB": flat(10, 100)})
    yield of_domains("tiny_sizes", {**whole, "trainB": [*flat(1), *flat(1, size=(4, 9))]})
    yield of_domains("tiny_half", {"trainA": flat(3)})
    yield of_domains("tiny_plain", {"train": flat(3)}, label_names=("cat", "dog"))


def flat(count: int, level: int = 0, size: tuple[int, int] = (6, 5)) -> list[np.ndarray]:
    return [np.full((*size, 3), level + index, np.uint8) for index in range(count)]


def levels(dataset) -> list[int]:
    images, _ = dataset.read(np.arange(len(dataset)))
    return sorted(np.rint(255 * images.mean(axis=(1, 2, 3))).astype(int).tolist())


def test_the_domains_of_a_set_are_its_splits():
    train = load("tiny_domains", kind="domains")
    test = load("tfds:tiny_domains", kind="domains", split="test")
    assert train.splits == test.splits == ("train", "test")
    assert (levels(train.a), levels(train.b)) == ([0, 1, 2, 3, 4], [100, 101, 102])
    assert (levels(test.a), levels(test.b)) == ([50, 51], [150, 151])
    assert train.spec.image_shape_a == train.spec.image_shape_b == (6, 5, 3)
    assert not train.paired
    assert not test.paired


def test_labels_that_name_the_domain_are_left_out():
    train = load("tiny_domains", kind="domains")
    assert train.a.spec.class_names == ()
    assert train.a.read(np.arange(2))[1] is None


def test_a_set_without_tests_gives_the_last_tenth_of_each_domain():
    parts = [load("tiny_untested", kind="domains", split=split) for split in ("train", "test")]
    assert [(len(part.a), len(part.b)) for part in parts] == [(18, 9), (2, 1)]


def test_several_sizes_need_image_size_and_the_domain_is_named():
    with pytest.raises(DataError, match=r"^Domain B: .*several sizes.*--image-size"):
        load("tiny_sizes", kind="domains")
    spec = load("tiny_sizes", kind="domains", image_size=4).spec
    assert spec.image_shape_a == spec.image_shape_b == (4, 4, 3)


def test_a_missing_domain_is_named():
    with pytest.raises(DataError, match=r"^Domain B: .*no split 'trainB'\. TFDS has: trainA"):
        load("tiny_half", kind="domains")


def test_one_set_of_images_is_told_what_is_missing():
    with pytest.raises(DataError, match=r"'tiny_plain' holds one set of images\. .*--data-b"):
        load("tiny_plain", kind="domains")


def test_one_set_of_images_becomes_two_domains():
    train = load("tiny_plain", kind="domains", pair="colourisation")
    assert (train.spec.image_shape_a, train.spec.image_shape_b) == ((6, 5, 1), (6, 5, 3))
    other = load("tiny_plain", kind="domains", data_b="digits")
    assert other.spec.image_shape_b == (8, 8, 1)


def test_the_kind_is_known_before_and_after_a_set_is_decoded():
    assert [kind_of("tiny_domains"), kind_of("tiny_plain")] == ["domains", "image"]
    load("tiny_domains", kind="domains")
    load("tiny_plain")
    assert [kind_of("tiny_domains"), kind_of("tiny_plain")] == ["domains", "image"]


def test_the_second_load_needs_neither_tfds_nor_tensorflow():
    fingerprint = load("tiny_domains", kind="domains").fingerprint
    code = (
        "import sys; sys.modules |= {'tensorflow': None, 'tensorflow_datasets': None}\n"
        "from zoo.data import load\n"
        "print(load('tiny_domains', kind='domains').fingerprint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == fingerprint
