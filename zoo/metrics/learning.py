"""Small networks that look at examples: each is trained on real ones once, and kept.

The weights stand in `$ZOO_CACHE_DIR/features/`, by the fingerprint of the training examples, and
are the same file for every backend. A network has a seed of its own, and takes nothing from the
generators that a model's training draws from. Trained anew on another backend it would differ.
"""

import hashlib
import logging
import math
import os
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import save
from tqdm import tqdm

from zoo.checkpoints import write_atomically
from zoo.data.dataset import Dataset
from zoo.data.pipeline import for_fit
from zoo.errors import RunError

# Shapes: N examples, B batch.

SEED = 0
LEARNING_RATE = 3e-3  # falls to 0 along a cosine
BATCH_SIZE = 128
MAX_STEPS = 1000  # at 32 x 32 pixels; fewer on larger images, for they take longer
MIN_STEPS = 250
MAX_EPOCHS = 30
_logger = logging.getLogger(__name__)
# What comes of a file that is no cache of ours; of a type that NumPy has not, AttributeError.
_BROKEN = (
    *(OSError, ValueError, KeyError, AttributeError, TypeError, IndexError),
    safetensors.SafetensorError,
)


def cache_path(task: str, train: Dataset, version: int) -> Path:
    """Return where the network is kept that has learnt a task from these examples."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("ZOO_CACHE_DIR") or Path(base) / "zoo")
    shape = "x".join(map(str, train.spec.image_shape))  # type: ignore[union-attr]
    return folder / "features" / f"{task}-{train.fingerprint[:32]}-{shape}-v{version}.safetensors"


def learnt(
    build: Callable[[], Any], path: Path, learn: Callable[[Any], dict[str, np.ndarray]]
) -> tuple[Any, dict[str, np.ndarray]]:
    """Return a network and what is known of it: from the cache, or trained and put there.

    Args:
        build: Returns the network as it is before it has learnt anything.
        path: Where it is kept.
        learn: Trains the network, and returns what is to be kept with its weights, by name.
    """
    state = random.getstate()  # Keras draws from Python's generator, as a model's weights do
    try:
        network = build()
        known = load_cached(network, path)
        if known is None:
            known = learn(network)
            save_cached(network, path, known)
    finally:
        random.setstate(state)
    return network, known


def fit_network(
    learner: Any,
    loss: Any,
    batches: Iterator[tuple[Any, np.ndarray]],
    steps: int,
    *,
    title: str,
    progress: bool,
) -> None:
    """Train a Keras model for so many steps, with a progress bar where stderr is a terminal."""
    import keras

    learner.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)), loss
    )
    disable = None if progress else True
    with tqdm(total=steps, desc=title, unit="step", disable=disable, leave=False) as bar:
        learner.fit(
            for_fit(batches),
            steps_per_epoch=steps,
            shuffle=False,  # the stream is shuffled
            verbose=0,
            callbacks=[
                keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
            ],
        )


def training_steps(image_shape: tuple[int, int, int], count: int) -> int:
    """Return how many steps to train on `count` images: as many as a minute or so has."""
    area = image_shape[0] * image_shape[1] / 32**2
    most = max(MIN_STEPS, round(MAX_STEPS / max(1.0, area)))
    return min(most, MAX_EPOCHS * math.ceil(count / BATCH_SIZE))


def shuffled(indices: np.ndarray, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield indices (B,) in batches of one size without end, shuffled anew for every pass."""
    size = min(BATCH_SIZE, len(indices))
    while True:
        order = generator.permutation(indices)
        for start in range(0, len(order) - size + 1, size):
            yield order[start : start + size]


def save_cached(network: Any, path: Path, known: Mapping[str, np.ndarray]) -> None:
    """Put the weights into the cache; a cache that cannot be written is no reason to stop."""
    arrays = {f"{number:02d}": np.asarray(w) for number, w in enumerate(network.get_weights())}
    arrays |= known
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save(arrays, {"sha256": _digest(arrays)}))
    except (OSError, RunError) as error:
        _logger.warning("The feature network is trained anew next time: %s", error)


def load_cached(network: Any, path: Path) -> dict[str, np.ndarray] | None:
    """Put the weights of `path` in place and return what stands beside them; None if not there."""
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if (file.metadata() or {}).get("sha256") != _digest(arrays):
                raise ValueError("its SHA-256 differs")
        names = sorted(name for name in arrays if name.isdecimal())
        network.set_weights([arrays.pop(name) for name in names])
    except _BROKEN as error:
        _logger.warning("'%s' is broken and is made anew: %s.", path, error)
        return None
    return arrays


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
