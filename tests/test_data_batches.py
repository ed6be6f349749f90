import gc
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data import Batches
from zoo.data.arrays import ArrayImages
from zoo.errors import DataError


def numbered(count: int, *, with_labels: bool = True) -> ArrayImages:
    """Images of one pixel whose grey level is their index."""
    return ArrayImages(
        name="numbers",
        split="train",
        splits=("train",),
        pixels=np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1),
        labels=np.arange(count, dtype=np.int32) if with_labels else None,
    )


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "zoo-batches"]


def wait_until_none_reads() -> None:
    deadline = time.monotonic() + 5
    while reading_threads() and time.monotonic() < deadline:
        for thread in reading_threads():
            thread.join(0.1)


@given(count=st.integers(1, 200), seed=st.integers(0, 2**63), epoch=st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_the_order_is_a_permutation_and_a_function_of_seed_and_epoch(count, seed, epoch):
    order = Batches(numbered(count), 1, seed=seed).order(epoch)
    assert sorted(order) == list(range(count))
    again = Batches(numbered(count), 1, seed=seed).order(epoch)
    np.testing.assert_array_equal(order, again)


def test_orders_of_other_epochs_and_seeds_differ():
    batches = Batches(numbered(50), 1, seed=3)
    orders = [batches.order(0), batches.order(1), Batches(numbered(50), 1, seed=4).order(0)]
    assert len({order.tobytes() for order in orders}) == 3


def test_the_order_sorts_the_raw_integers_of_pcg64_on_every_platform():
    expected = np.random.PCG64([7, 2]).random_raw(20).argsort(kind="stable")
    np.testing.assert_array_equal(Batches(numbered(20), 1, seed=7).order(2), expected)


def test_every_position_of_the_first_image_is_about_as_likely():
    firsts = [Batches(numbered(4), 1, seed=seed).order(0)[0] for seed in range(400)]
    assert np.bincount(firsts, minlength=4).min() > 60  # 100 expected, standard deviation 8.7


def test_the_stream_from_a_position_continues_the_stream_from_the_start():
    batches = Batches(numbered(10), 3, seed=1)
    assert batches.steps_per_epoch == 3
    start, resumed = batches.stream(), batches.stream(epoch=1, step=2)
    for _ in range(5):
        next(start)
    for _ in range(4):
        np.testing.assert_array_equal(next(start)[1], next(resumed)[1])


def test_a_step_past_the_end_of_an_epoch_is_one_of_the_next():
    batches = Batches(numbered(10), 3, seed=1)
    np.testing.assert_array_equal(
        next(batches.stream(epoch=0, step=3))[1], next(batches.stream(epoch=1))[1]
    )


def test_an_epoch_holds_every_example_once_where_the_remainder_is_kept():
    batches = Batches(numbered(10), 4, seed=0, drop_remainder=False)
    stream = batches.stream()
    epoch = [next(stream)[1] for _ in range(batches.steps_per_epoch)]
    assert [len(labels) for labels in epoch] == [4, 4, 2]
    assert sorted(np.concatenate(epoch)) == list(range(10))


def test_one_pass_is_in_order_and_ends_with_the_remainder():
    passed = list(Batches(numbered(10), 4, seed=0).once())
    assert [len(labels) for _, labels in passed] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([y for _, y in passed]), np.arange(10))
    np.testing.assert_allclose(passed[0][0].ravel(), np.arange(4) / 255)


def test_batches_without_labels_are_tuples_of_one():
    (images,) = next(Batches(numbered(4, with_labels=False), 2, seed=0).stream())
    assert images.shape == (2, 1, 1, 1)
    assert images.dtype == np.float32


def test_without_shuffling_every_epoch_is_in_the_order_of_the_data():
    batches = Batches(numbered(4), 2, seed=0, shuffle=False)
    stream = batches.stream(epoch=5)
    labels = np.concatenate([next(stream)[1] for _ in range(2)])
    np.testing.assert_array_equal(labels, np.arange(4))


def test_augmentation_is_told_epoch_and_step():
    seen = []

    def note(images, epoch, step):
        seen.append((epoch, step))
        return images + 1

    stream = Batches(numbered(4), 2, seed=0, augment=note).stream(epoch=2, step=1)
    assert next(stream)[0].min() >= 1
    next(stream)
    assert seen[:2] == [(2, 1), (3, 0)]


def test_too_few_examples_for_one_batch_names_both_numbers_and_the_option():
    with pytest.raises(DataError, match=r"3 examples .*one batch of 8.*--batch-size"):
        Batches(numbered(3), 8, seed=0)


@pytest.mark.parametrize(("batch_size", "seed"), [(0, 0), (1, -1)])
def test_an_impossible_batch_size_or_seed_is_refused(batch_size, seed):
    with pytest.raises(DataError, match="Received: "):
        Batches(numbered(3), batch_size, seed=seed)


class FailsAtFive(ArrayImages):
    def read(self, indices):
        if 5 in indices:
            raise DataError("'five.png' cannot be read")
        return super().read(indices)


def test_an_error_of_the_reader_is_raised_where_the_batch_is_awaited():
    dataset = FailsAtFive(
        name="bad",
        split="train",
        splits=("train",),
        pixels=np.zeros((8, 1, 1, 1), np.uint8),
        labels=None,
    )
    stream = Batches(dataset, 2, seed=0, shuffle=False).stream()
    next(stream)
    next(stream)
    with pytest.raises(DataError, match=r"five\.png"):
        next(stream)
    assert not reading_threads()


def test_the_thread_ends_when_the_stream_is_closed():
    stream = Batches(numbered(10), 2, seed=0).stream()
    next(stream)
    assert reading_threads()
    stream.close()
    assert not reading_threads()


def test_the_thread_ends_when_the_stream_is_forgotten():
    stream = Batches(numbered(10), 2, seed=0).stream()
    next(stream)
    del stream
    gc.collect()
    wait_until_none_reads()
    assert not reading_threads()


def test_what_is_read_ahead_is_bounded():
    reads = []

    class Counting(ArrayImages):
        def read(self, indices):
            reads.append(len(indices))
            return super().read(indices)

    dataset = Counting(
        name="many",
        split="train",
        splits=("train",),
        pixels=np.zeros((100, 1, 1, 1), np.uint8),
        labels=None,
    )
    stream = Batches(dataset, 1, seed=0).stream()
    for _ in range(3):
        next(stream)
    stream.close()
    assert len(reads) <= 3 + 6  # taken, four in the queue, one in each hand


def test_an_unstarted_stream_leaves_no_thread():
    Batches(numbered(10), 2, seed=0).stream()
    gc.collect()
    assert not reading_threads()


class Words:
    """Sequences of ones, as long as their index says; the rest is 0."""

    name, split, splits, fingerprint, skipped = "words", "train", ("train",), "0", ()
    spec = None

    def __init__(self, lengths, most):
        self.lengths, self.most = np.asarray(lengths, np.int32), most

    def __len__(self):
        return len(self.lengths)

    def read(self, indices):
        return (np.arange(self.most) < self.lengths[indices][:, None]).astype("int32"), None


def test_batches_by_length_are_cut_where_their_longest_sequence_ends():
    lengths = np.random.default_rng(0).integers(1, 61, 640)
    words = Words(lengths, 60)
    batches = Batches(words, 10, seed=1, by_length=True)
    stream = batches.stream()
    seen, shapes = [], set()
    for _ in range(batches.steps_per_epoch):
        (batch,) = next(stream)
        longest = batch.sum(axis=1).max()
        assert longest <= batch.shape[1] < longest + 10
        seen += batch.sum(axis=1).tolist()
        shapes.add(batch.shape[1])
    stream.close()
    assert sorted(seen) == sorted(lengths)
    assert shapes == {10, 20, 30, 40, 50, 60}
    cost = np.mean([lengths[batch].max() for batch in batches.order(0).reshape(-1, 10)])
    plain = Batches(words, 10, seed=1).order(0).reshape(-1, 10)
    assert cost < 0.65 * np.mean([lengths[batch].max() for batch in plain])


@pytest.mark.parametrize("drop_remainder", [True, False])
def test_the_order_by_length_is_a_permutation_of_whole_batches(drop_remainder):
    words = Words(np.random.default_rng(0).integers(1, 9, 333), 8)
    options = {"seed": 1, "by_length": True, "drop_remainder": drop_remainder}
    batches = Batches(words, 10, **options)
    order = batches.order(4)
    assert sorted(order) == list(range(333))
    np.testing.assert_array_equal(order, Batches(words, 10, **options).order(4))
    assert (order != batches.order(5)).any()
    plain = Batches(words, 10, seed=1).order(4)
    np.testing.assert_array_equal(order[330:], plain[330:])
    means = words.lengths[order[:320]].reshape(-1, 10).mean(axis=1)
    assert abs(np.corrcoef(means, np.arange(32))[0, 1]) < 0.5  # short ones do not come first


def test_images_have_no_lengths_to_be_cut_at():
    batches = Batches(numbered(20), 5, seed=0, by_length=True)
    np.testing.assert_array_equal(batches.order(0), Batches(numbered(20), 5, seed=0).order(0))
