"""Batches of a data set, in an order that is a function of (seed, epoch) alone."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zoo.data.dataset import Captioned, Dataset, Examples, Sequences, Unpaired
from zoo.errors import DataError

# Shapes: N examples, B batch.

WINDOW = 32  # batches among whose examples those of similar length are brought together
CUTS = 6  # so many lengths of batches at most: a model is compiled anew for each
_PREFETCHED = 4  # batches kept ready: enough to hide a read, little enough to bound memory

Augment = Callable[[Any, int, int], Examples]  # (examples, epoch, step) -> examples
_Item = tuple[Any, ...]


class Batches:
    """Batches as Keras `fit` takes them from a generator: `(x, y)`, or `(x,)` without labels.

    Args:
        dataset: Where the examples come from.
        batch_size: Examples per batch, B.
        seed: Decides, with the epoch, the order of examples.
        shuffle: Whether the order is random; otherwise it is that of the data set.
        drop_remainder: Whether an epoch leaves out the examples that fill no whole batch.
        augment: Changes the examples of a batch, given its epoch and step.
        by_length: Whether a batch holds sequences of similar length, and is cut where the longest
            of them ends, so that short ones cost little; the data set must say `lengths`.

    Raises:
        DataError: If the data set does not fill one batch.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        seed: int,
        shuffle: bool = True,
        drop_remainder: bool = True,
        augment: Augment | None = None,
        by_length: bool = False,
    ):
        if batch_size < 1:
            raise DataError(f"batch_size must be at least 1. Received: {batch_size}.")
        if seed < 0:
            raise DataError(f"seed must not be negative. Received: {seed}.")
        count = len(dataset)
        if count == 0 or (drop_remainder and count < batch_size):
            raise DataError(
                f"'{dataset.name}' has {count} examples in its split '{dataset.split}', which do "
                f"not fill one batch of {batch_size}. Give a smaller --batch-size."
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.steps_per_epoch = count // batch_size if drop_remainder else -(-count // batch_size)
        self._shuffle = shuffle
        self._augment = augment
        self.by_length = by_length and isinstance(dataset, Sequences)
        self._lengths = dataset.lengths if isinstance(dataset, Sequences) else np.zeros(count)

    def order(self, epoch: int) -> np.ndarray:
        """Return the indices (N,) of all examples in the order of `epoch`.

        Shuffled examples of two domains have indices (N, 2): those of A and of B are drawn apart.
        So have shuffled images with captions: with each goes a draw of one of its captions.
        """
        count = len(self.dataset)
        if not self._shuffle:
            return np.arange(count)
        if isinstance(self.dataset, Unpaired):
            sizes = (len(self.dataset.a), len(self.dataset.b))
            apart = [self._repeated(size, epoch, domain) for domain, size in enumerate(sizes)]
            return np.stack(apart, axis=1)
        # Raw integers of PCG64, sorted: NumPy promises those, but not its `permutation`, to stay
        # the same in all versions and on all platforms.
        keys = np.random.PCG64([self.seed, epoch]).random_raw(count)
        order = np.argsort(keys, kind="stable")
        if isinstance(self.dataset, Captioned):
            # The high bits decide the order; the low ones are as good as independent of them.
            drawn = keys[order] & np.uint64(2**31 - 1)
            return np.stack([order, drawn.astype(np.int64)], axis=1)
        return self._sorted(order, keys) if self.by_length else order

    def _repeated(self, size: int, epoch: int, domain: int) -> np.ndarray:
        """Return indices (N,) below `size`: all in one order, then all in another, and so on."""
        rounds = -(-len(self.dataset) // size)
        keys = np.random.PCG64([self.seed, epoch, domain]).random_raw((rounds, size))
        return np.argsort(keys, axis=1, kind="stable").ravel()[: len(self.dataset)]

    def _sorted(self, order: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return an order (N,) in which the examples of a batch have similar lengths.

        Examples are sorted by length within windows of some batches, and these batches shuffled;
        the keys, one for each example, decide both.
        """
        used = len(order) // self.batch_size * self.batch_size  # in whole batches
        batches = []
        for start in range(0, used, WINDOW * self.batch_size):
            window = order[start : min(start + WINDOW * self.batch_size, used)]
            window = window[np.argsort(self._lengths[window], kind="stable")]
            starts = np.arange(0, len(window), self.batch_size)
            shuffled = starts[np.argsort(keys[start + starts], kind="stable")]
            batches += [window[first : first + self.batch_size] for first in shuffled]
        return np.concatenate([*batches, order[used:]])

    def stream(self, epoch: int = 0, step: int = 0) -> Iterator[_Item]:
        """Yield batches without end, from batch `step` of `epoch` on.

        A thread reads ahead. It ends when the iterator is closed or collected; what it fails
        with is raised here.
        """
        return _read_ahead(lambda: self._batches_from(epoch, step))

    def once(self) -> Iterator[_Item]:
        """Yield every example once, in the order of the data set and as it is there.

        The last batch holds what remains.
        """
        indices = np.arange(len(self.dataset))
        starts = range(0, len(indices), self.batch_size)
        return _read_ahead(
            lambda: (self._read(indices[start : start + self.batch_size]) for start in starts)
        )

    def _batches_from(self, epoch: int, step: int) -> Iterator[_Item]:
        epoch, step = epoch + step // self.steps_per_epoch, step % self.steps_per_epoch
        while True:
            order = self.order(epoch)
            for position in range(step, self.steps_per_epoch):
                start = position * self.batch_size
                batch = self._read(order[start : start + self.batch_size])
                if self._augment is not None:
                    batch = (self._augment(batch[0], epoch, position), *batch[1:])
                yield batch
            epoch, step = epoch + 1, 0

    def _read(self, indices: np.ndarray) -> _Item:
        examples, labels = self.dataset.read(indices)
        if self.by_length:
            most = examples.shape[1]  # type: ignore[union-attr]
            part = -(-int(self._lengths[indices].max()) * CUTS // most)  # of CUTS
            examples = examples[:, : -(-part * most // CUTS)]  # type: ignore[index]
        return (examples,) if labels is None else (examples, labels)


class _Failure:
    def __init__(self, error: BaseException):
        self.error = error


_END = object()


def _read_ahead(start: Callable[[], Iterator[_Item]]) -> Iterator[_Item]:
    items: queue.Queue[Any] = queue.Queue(maxsize=_PREFETCHED)
    stopped = threading.Event()
    thread = threading.Thread(
        target=_fill, args=(start, items, stopped), name="zoo-batches", daemon=True
    )
    thread.start()
    try:
        while (item := items.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stopped.set()
        while not items.empty():  # room for the item that the thread may be waiting to put
            items.get_nowait()
        if thread is not threading.current_thread():  # a collection may run in any thread
            thread.join()


def _fill(
    start: Callable[[], Iterator[_Item]], items: queue.Queue[Any], stopped: threading.Event
) -> None:
    try:
        for item in start():
            items.put(item)
            if stopped.is_set():
                return
        items.put(_END)
    except BaseException as error:  # raised again where the batch is awaited
        items.put(_Failure(error))
