"""The pool of older fakes does what the plain list of the authors does, for a batch at once."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_cyclegan.pool import ImagePool

pytestmark = pytest.mark.backends

SHAPE = (1, 1, 1)


def array(values):
    return np.asarray(ops.convert_to_numpy(values))


def batches_of(size, count):
    """Return batches of images that are told apart by their value, 1, 2, 3, ..."""
    numbers = 1 + np.arange(size * count, dtype="float32")
    return numbers.reshape(count, size, *SHAPE)


def exchanged_one_by_one(kept, size, fakes, order, chances):
    """Return what a pool gives for images one after another; `kept` is the list of its images."""
    old = np.argsort(order[: len(kept)], kind="stable").tolist()
    given = []
    for fake, chance in zip(fakes.ravel().tolist(), chances, strict=True):
        if len(kept) < size:
            kept.append(fake)
            given.append(fake)
            continue
        place = old.pop(0)
        if chance > 0.5:
            given.append(kept[place])
            kept[place] = fake
        else:
            given.append(fake)
    return given


@pytest.mark.parametrize(("size", "batch"), [(5, 1), (5, 2), (7, 3), (4, 4), (1, 1)])
def test_a_batch_is_exchanged_as_images_one_by_one(size, batch):
    random = np.random.default_rng(0)
    pool, kept = ImagePool(size, SHAPE), []
    for fakes in batches_of(batch, 12):
        order = random.random(size, "float32")
        chances = random.random(batch, "float32")
        given = pool.exchange(*(ops.convert_to_tensor(v) for v in (fakes, order, chances)))
        expected = exchanged_one_by_one(kept, size, fakes, order, chances)
        assert array(given).ravel().tolist() == expected
        assert array(pool.images.value).ravel()[: len(kept)].tolist() == kept
        assert int(array(pool.count.value)) == len(kept)


def test_a_full_pool_gives_an_older_image_half_of_the_time_from_every_place():
    pool, seed = ImagePool(10, SHAPE), keras.random.SeedGenerator(0)
    first, *later = batches_of(10, 101)
    assert np.array_equal(array(pool(ops.convert_to_tensor(first), seed=seed)), first)
    older, ages = 0, []
    for fakes in later:
        given = array(pool(ops.convert_to_tensor(fakes), seed=seed)).ravel()
        newest = fakes.ravel()
        older += (given != newest).sum()
        ages.extend(newest[given != newest] - given[given != newest])
    assert older / 1000 == pytest.approx(0.5, abs=0.05)
    # An image stays for 10 / 0.5 images in the mean, as places are drawn alike.
    assert np.mean(ages) == pytest.approx(20, rel=0.15)
