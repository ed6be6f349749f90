import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from zoo.data import RECIPES, Augmentation, Batches, load
from zoo.data.augment import DomainsAugmentation
from zoo.errors import DataError

ALL = ",".join(RECIPES)


@pytest.fixture(scope="module")
def keras_cv():
    pytest.importorskip("tensorflow")
    Augmentation("flip", 0)  # its import warns; the augmentation keeps that quiet
    return pytest.importorskip("keras_cv")


def noise(channels: int) -> np.ndarray:
    return np.random.default_rng(0).random((6, 12, 10, channels), np.float32)


@pytest.mark.usefixtures("keras_cv")
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_position_gives_the_same_bits_and_any_other_gives_others(recipe, channels):
    images = noise(channels)
    original = images.copy()
    augment = Augmentation(recipe, 3)
    first = augment(images, 2, 5)
    others = [augment(images, 2, 6), augment(images, 3, 5), Augmentation(recipe, 4)(images, 2, 5)]
    np.testing.assert_array_equal(augment(images, 2, 5), first)
    np.testing.assert_array_equal(Augmentation(recipe, 3)(images, 2, 5), first)
    assert first.shape == images.shape
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    assert sum(not np.array_equal(first, other) for other in others) >= 2  # flips can coincide
    np.testing.assert_array_equal(images, original)


@pytest.mark.usefixtures("keras_cv")
def test_flips_are_mirror_images_and_both_ways_occur():
    images = noise(1)
    flipped = Augmentation("flip", 0)(images, 0, 0)
    is_same = [np.array_equal(a, b) for a, b in zip(images, flipped, strict=True)]
    is_mirrored = [np.array_equal(a[:, ::-1], b) for a, b in zip(images, flipped, strict=True)]
    assert all(same or mirrored for same, mirrored in zip(is_same, is_mirrored, strict=True))
    assert any(is_same)
    assert any(is_mirrored)


@pytest.mark.usefixtures("keras_cv")
def test_brightness_shifts_each_image_by_one_amount_of_at_most_a_tenth():
    images = np.full((64, 4, 4, 3), 0.5, np.float32)
    shift = Augmentation("brightness", 0)(images, 0, 0) - 0.5
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:, :1, :1, :1], shift.shape))
    assert 0.05 < np.abs(shift).max() <= 0.1 + 1e-6
    assert len(np.unique(shift)) > 32


@pytest.mark.usefixtures("keras_cv")
def test_cutout_blackens_a_part_of_the_image_and_leaves_the_rest():
    images = np.full((32, 20, 20, 1), 0.5, np.float32)
    cut = Augmentation("cutout", 0)(images, 0, 0)
    assert set(np.unique(cut)) == {0.0, np.float32(0.5)}
    share = (cut == 0).mean(axis=(1, 2, 3))
    assert share.max() <= 0.4**2 + 0.05


@pytest.mark.usefixtures("keras_cv")
@pytest.mark.parametrize(("shape", "larger"), [((16, 16), (18, 18)), ((12, 20), (14, 23))])
def test_a_crop_is_a_part_of_the_enlarged_image_and_every_place_occurs(shape, larger):
    import tensorflow as tf

    images = np.random.default_rng(0).random((32, *shape, 3), np.float32)
    enlarged = np.clip(tf.image.resize(images, larger, "bicubic").numpy(), 0, 1)
    augment = Augmentation("crop", 0)
    rooms = larger[0] - shape[0] + 1, larger[1] - shape[1] + 1
    seen = set()
    for step in range(4):
        for image, crop in zip(enlarged, augment(images, 0, step), strict=True):
            places = [
                (top, left)
                for top in range(rooms[0])
                for left in range(rooms[1])
                if np.array_equal(image[top : top + shape[0], left : left + shape[1]], crop)
            ]
            assert len(places) == 1
            seen.add(places[0])
    assert len(seen) == rooms[0] * rooms[1]


@pytest.mark.usefixtures("keras_cv")
def test_each_domain_is_changed_by_itself_and_the_same_way_again():
    examples = {"A": noise(3), "B": np.random.default_rng(1).random((6, 16, 8, 1), np.float32)}
    augment = DomainsAugmentation("flip,crop", 5)
    changed = augment(examples, 2, 7)
    assert {domain: images.shape for domain, images in changed.items()} == {
        "A": (6, 12, 10, 3),
        "B": (6, 16, 8, 1),
    }
    again = DomainsAugmentation("flip,crop", 5)(examples, 2, 7)
    for domain, images in changed.items():
        np.testing.assert_array_equal(images, again[domain])
        assert (images != examples[domain]).any()
    same = augment({"A": noise(3), "B": noise(3)}, 2, 7)
    assert not np.array_equal(same["A"], same["B"])


@pytest.mark.usefixtures("keras_cv")
def test_batches_of_two_domains_are_augmented_and_a_resumed_stream_is_too():
    augment = DomainsAugmentation("flip,crop", 0)
    batches = Batches(load("digit-styles", kind="domains"), 128, seed=0, augment=augment)
    start, resumed = batches.stream(), batches.stream(step=1)
    next(start)
    (went_on,), (began,) = next(start), next(resumed)
    plain = batches.dataset.read(batches.order(0)[128:256])[0]
    for domain in ("A", "B"):
        np.testing.assert_array_equal(went_on[domain], began[domain])
        assert (went_on[domain] != plain[domain]).any(axis=(1, 2, 3)).mean() > 0.9


@pytest.mark.usefixtures("keras_cv")
def test_names_are_applied_one_after_the_other():
    images = noise(3)
    both = Augmentation("flip, brightness", 1)(images, 0, 0)
    assert not np.array_equal(both, Augmentation("flip", 1)(images, 0, 0))


@pytest.mark.usefixtures("keras_cv")
def test_a_resumed_stream_gives_the_same_augmented_bits():
    batches = Batches(load("digits"), 256, seed=0, augment=Augmentation("flip,translate", 0))
    start, resumed = batches.stream(), batches.stream(step=2)
    for _ in range(2):
        next(start)
    np.testing.assert_array_equal(next(start)[0], next(resumed)[0])


@pytest.mark.parametrize("recipe", ["flop", "flip,", "flip;zoom", ""])
def test_an_unknown_name_lists_the_known_ones(recipe):
    with pytest.raises(DataError, match=r"Unknown augmentation .*flip, translate, rotate"):
        Augmentation(recipe, 0)


def test_a_misspelt_name_is_corrected():
    with pytest.raises(DataError, match=r"'rotat'. Did you mean 'rotate'\?"):
        Augmentation("rotat", 0)


@pytest.mark.parametrize("missing", ["tensorflow", "keras_cv"])
def test_without_tensorflow_or_keras_cv_the_error_says_what_to_install(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from zoo.data import Augmentation\n"
        "from zoo.errors import DataError\n"
        "try:\n    Augmentation('flip', 0)\n"
        "except DataError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.startswith("--augment needs ")
    assert f"`pip install {missing.replace('_', '-')}`" in done.stdout


PRINT_DIGEST = f"""
import hashlib
import numpy as np
from zoo.data import Augmentation
images = np.random.default_rng(0).random((6, 12, 10, 3), np.float32)
print(hashlib.sha256(Augmentation({ALL!r}, 3)(images, 1, 2).tobytes()).hexdigest())
import keras
print(keras.config.backend())
"""


@pytest.mark.slow
@pytest.mark.usefixtures("keras_cv")
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_every_backend_gets_the_same_bits(backend):
    pytest.importorskip(backend)
    done = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=os.environ | {"KERAS_BACKEND": backend},
    )
    images = np.random.default_rng(0).random((6, 12, 10, 3), np.float32)
    expected = hashlib.sha256(Augmentation(ALL, 3)(images, 1, 2).tobytes()).hexdigest()
    assert done.stdout.split() == [expected, backend]
