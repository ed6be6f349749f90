import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_tfds import write_sets

from zoo.data import Batches, load, prepare
from zoo.errors import DataError

REAL = os.environ.get("ZOO_TEST_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="ZOO_TEST_DATA names no folder")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A TFDS folder with small sets of every form, made by this test."""
    return write_sets(tmp_path_factory.mktemp("tfds"), sets)


@pytest.fixture
def data_dir(tiny, tmp_path, monkeypatch) -> Path:
    """A copy of the folder of small sets, which `$ZOO_DATA_DIR` names."""
    shutil.copytree(tiny, tmp_path / "data")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def sets(tfds):
    """Yield sets whose examples come from functions below."""
    image = tfds.features.Image
    labelled = {
        "image": image(shape=(6, 5, 3)),
        "label": tfds.features.ClassLabel(names=["cat", "dog"]),
    }
    yield ("tiny_labelled", labelled, {"train": pairs(20), "test": pairs(4, 100)})
    yield ("tiny_unsplit", labelled, {"train": pairs(20)})
    yield (
        "tiny_binary",
        {"image": image(shape=(4, 4, 1))},
        {"train": [{"image": mask(index)} for index in range(300)]},
    )
    yield (
        "tiny_sizes",
        {"image": image(shape=(None, None, 3))},
        {
            "train": [
                {"image": np.full((4, 4 + index, 3), 50 * index, np.uint8)} for index in (0, 1)
            ]
        },
    )
    yield (
        "tiny_clear",
        {"image": image(shape=(2, 2, 4))},
        {"train": [{"image": np.zeros((2, 2, 4), np.uint8)}]},
    )
    yield (
        "tiny_unlabelled",
        labelled,
        {"train": pairs(3), "test": [{"image": picture(0), "label": -1}]},
    )
    yield (
        "tiny_words",
        {"words": tfds.features.Text()},
        {"train": [{"words": "no picture"}]},
    )
    yield ("tiny_odd", labelled, {"holdout": pairs(3)})


def picture(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (6, 5, 3), np.uint8)


def pairs(count: int, start: int = 0) -> list[dict]:
    return [{"image": picture(start + k), "label": k % 2} for k in range(count)]


def mask(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 2, (4, 4, 1), np.uint8)


def everything(dataset):
    return dataset.read(np.arange(len(dataset)))


def without_tfds(code: str) -> str:
    """Run code in a process that can import neither TFDS nor TensorFlow."""
    blocked = "import sys; sys.modules |= {'tensorflow': None, 'tensorflow_datasets': None}\n"
    done = subprocess.run(
        [sys.executable, "-c", blocked + code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.usefixtures("data_dir")
def test_images_labels_and_class_names_are_those_of_the_set():
    dataset = load("tfds:tiny_labelled")
    assert dataset.splits == ("train", "test")
    assert dataset.spec.class_names == ("cat", "dog")
    assert dataset.spec.image_shape == (6, 5, 3)
    images, labels = everything(dataset)
    assert images.dtype == np.float32
    assert type(images) is np.ndarray
    assert labels.dtype == np.int32
    found = {np.rint(image * 255).astype(np.uint8).tobytes(): int(label)
             for image, label in zip(images, labels, strict=True)}  # fmt: skip
    assert found == {picture(index).tobytes(): index % 2 for index in range(20)}
    assert len(load("tiny_labelled", split="test")) == 4


def test_the_second_load_needs_neither_tfds_nor_tensorflow(data_dir):
    first = load("tiny_labelled")
    code = "from zoo.data import load; print(load('tiny_labelled').fingerprint)"
    assert without_tfds(code).strip() == first.fingerprint
    (folder,) = (data_dir / "zoo-cache" / "tiny_labelled").iterdir()
    assert {path.name for path in folder.iterdir()} == {"images.npy", "labels.npy", "about.json"}


@pytest.mark.usefixtures("data_dir")
def test_pixels_are_mapped_not_read():
    load("tiny_labelled")
    dataset = load("tiny_labelled")
    base = dataset._pixels
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


@pytest.mark.usefixtures("data_dir")
def test_a_set_without_tests_gives_the_last_tenth_of_training():
    train, test = load("tiny_unsplit"), load("tiny_unsplit", split="test")
    assert (len(train), len(test)) == (18, 2)
    both = np.concatenate([everything(train)[0], everything(test)[0]])
    assert len({image.tobytes() for image in both}) == 20


@pytest.mark.usefixtures("data_dir")
def test_images_of_0_and_1_become_black_and_white():
    images, labels = everything(load("tiny_binary"))
    assert labels is None
    assert set(np.unique(images)) == {0.0, 1.0}
    found = {image.astype(np.uint8).tobytes() for image in images}
    assert found <= {mask(index).tobytes() for index in range(300)}


@pytest.mark.usefixtures("data_dir")
def test_binary_images_are_resized_as_levels_of_grey():
    images, _ = everything(load("tiny_binary", image_size=3))
    assert images.max() > 0.9
    assert len(np.unique(images)) > 20


@pytest.mark.usefixtures("data_dir")
def test_several_sizes_need_image_size():
    with pytest.raises(DataError, match=r"several sizes, such as .*x4 and .*x4.*--image-size"):
        load("tiny_sizes")
    dataset = load("tiny_sizes", image_size=(2, 3))
    assert dataset.spec.image_shape == (2, 3, 3)
    levels = sorted(np.rint(image.mean() * 255) for image in everything(dataset)[0])
    assert levels == [0, 50]


@pytest.mark.usefixtures("data_dir")
def test_transparent_images_are_put_on_white():
    images, _ = everything(load("tiny_clear"))
    assert images.shape == (1, 2, 2, 3)
    assert images.min() == 1


@pytest.mark.usefixtures("data_dir")
def test_a_split_whose_labels_are_missing_has_none():
    assert everything(load("tiny_unlabelled"))[1] is not None
    assert everything(load("tiny_unlabelled", split="test"))[1] is None


@pytest.mark.usefixtures("data_dir")
def test_a_set_without_images_names_its_features():
    with pytest.raises(DataError, match=r"no feature 'image'.*Its features: words"):
        load("tiny_words")


@pytest.mark.usefixtures("data_dir")
def test_a_set_without_training_split_names_its_own():
    with pytest.raises(DataError, match=r"no split 'train'. TFDS has: holdout"):
        load("tiny_odd")


@pytest.mark.usefixtures("data_dir")
def test_an_absent_split_names_those_that_are_there():
    with pytest.raises(DataError, match=r"no split 'validation'. It has: train, test\."):
        load("tiny_labelled", split="validation")


def test_decoded_images_follow_the_set_they_come_from(data_dir):
    load("tiny_labelled")
    cache = data_dir / "zoo-cache" / "tiny_labelled" / "train-native"
    before = (cache / "about.json").stat().st_ino
    info = data_dir / "tiny_labelled" / "1.0.0" / "dataset_info.json"
    info.write_text(info.read_text() + "\n")
    load("tiny_labelled")
    assert (cache / "about.json").stat().st_ino != before


@pytest.mark.parametrize("damage", ["images.npy", "labels.npy", "about.json"])
def test_damaged_decoded_images_are_made_anew(data_dir, damage):
    fingerprint = load("tiny_labelled").fingerprint
    path = data_dir / "zoo-cache" / "tiny_labelled" / "train-native" / damage
    path.write_bytes(path.read_bytes()[:20])
    assert load("tiny_labelled").fingerprint == fingerprint
    assert path.stat().st_size > 20


def test_a_decoding_that_fails_leaves_nothing_behind(data_dir):
    with pytest.raises(DataError):
        load("tiny_sizes")
    assert not list((data_dir / "zoo-cache" / "tiny_sizes").iterdir())


@pytest.mark.usefixtures("data_dir")
def test_batches_of_a_mapped_set_hold_arrays():
    stream = Batches(load("tiny_labelled"), 4, seed=0).stream()
    images, labels = next(stream)
    stream.close()
    assert (images.shape, labels.shape) == ((4, 6, 5, 3), (4,))


def test_nothing_is_printed_while_a_set_is_decoded(data_dir):
    code = "from zoo.data import load; load('tiny_labelled')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_without_tensorflow_datasets_the_error_says_what_to_install(tmp_path):
    (tmp_path / "data" / "some_set").mkdir(parents=True)
    code = (
        "from zoo.data import load\nfrom zoo.errors import DataError\n"
        "try:\n    load('some_set')\nexcept DataError as error:\n    print(error)"
    )
    assert "`pip install tensorflow-datasets`" in without_tfds(code)


# Without a network.


@pytest.fixture
def no_network(monkeypatch):
    """Send what would leave this machine to a port where nobody listens."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)


@pytest.mark.usefixtures("no_network")
def test_a_set_that_is_not_there_and_cannot_be_had_names_the_command_that_helps(tmp_path):
    with pytest.raises(DataError, match=r"cannot be reached: .*zoo data prepare mnist --from DIR"):
        load("mnist")
    assert not (tmp_path / "data" / "mnist").exists()


@pytest.mark.usefixtures("no_network")
def test_preparing_without_a_file_names_it_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "files").mkdir()
    with pytest.raises(DataError, match=r"needs the file 't10k-images-idx3-ubyte\.gz' \(https"):
        prepare("mnist", tmp_path / "files")
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.usefixtures("no_network")
def test_preparing_from_the_wrong_file_names_it_and_both_checksums(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    for name in ("t10k-images-idx3", "t10k-labels-idx1", "train-images-idx3", "train-labels-idx1"):
        (files / f"{name}-ubyte.gz").write_bytes(gzip.compress(b"not digits"))
    with pytest.raises(DataError, match=r"-ubyte\.gz' is not the file .*sha256 is .*Expected: "):
        prepare("mnist", files)
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.usefixtures("no_network")
def test_a_file_that_is_still_packed_is_pointed_out(tmp_path):
    (tmp_path / "binarized_mnist_test.amat.gz").touch()
    with pytest.raises(DataError, match=r"'binarized_mnist_test\.amat\.gz' is there: unpack it"):
        prepare("binarized_mnist", tmp_path)


def test_preparing_an_unknown_set_or_from_nowhere_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no set 'mnits'. Did you mean 'mnist'\?"):
        prepare("mnits", tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        prepare("mnist", tmp_path / "nowhere")


@pytest.mark.slow
@pytest.mark.usefixtures("no_network")
@needs_real
def test_mnist_is_prepared_from_its_files():
    prepare("mnist", Path(REAL) / "mnist")
    train, test = load("mnist"), load("mnist", split="test")
    assert (len(train), len(test)) == (60_000, 10_000)
    with gzip.open(Path(REAL) / "mnist" / "train-labels-idx1-ubyte.gz") as file:
        expected = np.bincount(np.frombuffer(file.read()[8:], np.uint8))
    images, labels = everything(train)
    np.testing.assert_array_equal(np.bincount(labels), expected)
    with gzip.open(Path(REAL) / "mnist" / "train-images-idx3-ubyte.gz") as file:
        total = np.frombuffer(file.read()[16:], np.uint8).sum(dtype=np.int64)
    np.testing.assert_allclose(images.sum(dtype=np.float64) * 255, total, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("no_network")
@needs_real
def test_binarized_mnist_is_prepared_from_its_files(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    for packed in (Path(REAL) / "binarized_mnist").glob("*.amat.gz"):
        with gzip.open(packed) as source, (files / packed.stem).open("wb") as target:
            shutil.copyfileobj(source, target)
    prepare("binarized_mnist", files)
    test = load("binarized_mnist", split="test")
    assert test.splits == ("train", "validation", "test")
    images, labels = everything(test)
    assert labels is None
    assert set(np.unique(images)) == {0.0, 1.0}
    ones = (files / "binarized_mnist_test.amat").read_bytes().count(b"1")
    assert int(images.sum()) == ones
