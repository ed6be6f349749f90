"""A small classifier of the data set itself as feature network, trained once and kept.

Three convolutions or more, by the size of the images, averaged over the image to 64 numbers. Where
the data have no labels it learns by how many quarter turns an image was rotated (Gidaris et al.
2018, https://arxiv.org/abs/1803.07728), half turns if the images are not square.

The weights stand in `$ZOO_CACHE_DIR/features/`, by the fingerprint of the training images, and are
the same file for every backend. The network has a seed of its own, and takes nothing from the
generators that a model's training draws from. Trained anew on another backend it would differ.
"""

import hashlib
import logging
import math
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from safetensors.numpy import save
from tqdm import tqdm

from zoo.checkpoints import write_atomically
from zoo.data.dataset import Dataset
from zoo.errors import DataError, RunError
from zoo.metrics import Figure
from zoo.metrics.examples import mean_figure
from zoo.metrics.features import FeatureNetwork, short_name

# Shapes: N images, B batch, H height, W width, C channels, F features, L labels.

VERSION = 1  # of all that decides the weights: raise it with any change, so that old ones are left
SEED = 0
FEATURES = 64
STEM_FILTERS = 32
LEARNING_RATE = 3e-3  # falls to 0 along a cosine
BATCH_SIZE = 128
MAX_STEPS = 1000  # at 32 x 32 pixels; fewer on larger images, for they take longer
MIN_STEPS = 250
MAX_EPOCHS = 30
MAX_HELD_OUT = 5000
IMAGES_PER_CALL = 256
_logger = logging.getLogger(__name__)


def classifier_network(train: Dataset, *, progress: bool = False) -> FeatureNetwork:
    """Return the classifier of the images of `train`: from the cache, or trained and put there.

    Raises:
        DataError: If there are fewer than two images.
    """
    if len(train) < 2:
        raise DataError(
            f"A classifier learns from two training images or more. '{train.name}' has "
            f"{len(train)}. Take --features pixels."
        )
    state = random.getstate()  # Keras draws from Python's generator, as a model's weights do
    try:
        network = build_network(train.spec.image_shape, _class_count(train))  # type: ignore[union-attr]
        path = cache_path(train)
        accuracy = load_cached(network, path)
        if accuracy is None:
            accuracy = train_network(network, train, progress=progress)
            save_cached(network, path, accuracy)
    finally:
        random.setstate(state)
    return _as_features(network, train, accuracy)


def cache_path(train: Dataset) -> Path:
    """Return where the classifier of these images is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("ZOO_CACHE_DIR") or Path(base) / "zoo")
    shape = "x".join(map(str, train.spec.image_shape))  # type: ignore[union-attr]
    task = "classifier" if _is_labelled(train) else "rotations"
    return folder / "features" / f"{task}-{train.fingerprint[:32]}-{shape}-v{VERSION}.safetensors"


def build_network(image_shape: tuple[int, int, int], class_count: int) -> Any:
    """Return the network: images (B, H, W, C) to features (B, F) and logits (B, L)."""
    import keras
    from keras import layers

    inputs = keras.Input(image_shape, name="images")
    # Standardises each channel: the moving mean and variance are those of the training images.
    x = layers.BatchNormalization(center=False, scale=False, momentum=0.9, name="standardise")(
        inputs
    )
    # To 4 x 4 or less, so that a feature sees the whole of an image.
    halvings = max(0, math.ceil(math.log2(min(image_shape[:2]) / 4)))
    strides = [1] * max(0, 2 - halvings) + [2] * halvings + [1]
    for number, stride in enumerate(strides):
        x = layers.Conv2D(
            STEM_FILTERS if number == 0 else FEATURES,
            3,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.HeNormal(seed=SEED + number),
            name=f"convolution_{number}",
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"normalisation_{number}")(x)
        x = layers.Activation("relu", name=f"activation_{number}")(x)
    features = layers.GlobalAveragePooling2D(name="features")(x)  # (B, F)
    logits = layers.Dense(
        class_count,
        kernel_initializer=keras.initializers.GlorotUniform(seed=SEED),
        name="logits",
    )(features)  # (B, L)
    return keras.Model(inputs, [features, logits], name="feature_classifier")


def train_network(network: Any, train: Dataset, *, progress: bool) -> Figure:
    """Train on nine tenths of `train` and return the accuracy on the last."""
    import keras

    order = np.random.default_rng(SEED).permutation(len(train))
    held_out = order[: min(MAX_HELD_OUT, len(train) // 10)]
    indices = order[len(held_out) :]
    steps = training_steps(train.spec.image_shape, len(indices))  # type: ignore[union-attr]
    learner = keras.Model(network.input, network.output[1], name="learner")
    learner.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    disable = None if progress else True
    title = f"learning {short_name(train)}"
    with tqdm(total=steps, desc=title, unit="step", disable=disable, leave=False) as bar:
        learner.fit(
            _batches(train, indices),
            steps_per_epoch=steps,
            shuffle=False,  # the stream is shuffled
            verbose=0,
            callbacks=[
                keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: bar.update())
            ],
        )
    is_correct = []
    judged = held_out if len(held_out) else indices
    compiled = _compiled(network)
    for start in range(0, len(judged), BATCH_SIZE):
        chosen = judged[start : start + BATCH_SIZE]
        images, labels = _task(train, chosen, np.random.default_rng((SEED, start)))
        is_correct.append(_run(compiled, images)[:, FEATURES:].argmax(axis=1) == labels)
    return mean_figure(np.concatenate(is_correct), "accuracy of the feature network")


def training_steps(image_shape: tuple[int, int, int], count: int) -> int:
    """Return how many steps to train on `count` images: as many as a minute or so has."""
    area = image_shape[0] * image_shape[1] / 32**2
    most = max(MIN_STEPS, round(MAX_STEPS / max(1.0, area)))
    return min(most, MAX_EPOCHS * math.ceil(count / BATCH_SIZE))


def _as_features(network: Any, train: Dataset, accuracy: Figure) -> FeatureNetwork:
    """Return the network in the form that metrics use."""
    compiled = _compiled(network)
    is_labelled = _is_labelled(train)

    def classify(images: np.ndarray) -> np.ndarray:
        return _run(compiled, images)[:, FEATURES:].argmax(axis=1)

    return FeatureNetwork(
        name=f"{'classifier' if is_labelled else 'rotations'}-{short_name(train)}",
        features=lambda images: _run(compiled, images)[:, :FEATURES],
        classify=classify if is_labelled else None,
        accuracy=accuracy,
    )


def _compiled(network: Any) -> Any:
    """Return the compiled network: images (B, H, W, C) to features and logits, (B, F + L)."""
    from keras import ops

    from zoo.engine import compile_function

    return compile_function(
        network, lambda images: ops.concatenate(network(images, training=False), axis=-1)
    )


def _run(compiled: Any, images: np.ndarray) -> np.ndarray:
    from zoo.engine import in_batches

    return in_batches(compiled, IMAGES_PER_CALL, np.asarray(images, np.float32))


def _batches(train: Dataset, indices: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield images and what is to be told of them, without end."""
    generator = np.random.default_rng(SEED)
    size = min(BATCH_SIZE, len(indices))
    while True:
        order = generator.permutation(indices)
        for start in range(0, len(order) - size + 1, size):
            yield _task(train, order[start : start + size], generator)


def _task(
    train: Dataset, indices: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return images (B, H, W, C) and labels (B,): the data's own, or turns done to the images."""
    images, labels = train.read(indices)
    if _is_labelled(train):
        return images, labels  # type: ignore[return-value]
    turns = _class_count(train)
    labels = generator.integers(0, turns, len(indices))
    quarters = labels * (4 // turns)
    rotated = [np.rot90(image, k) for image, k in zip(images, quarters, strict=True)]
    return np.stack(rotated), labels


def _is_labelled(train: Dataset) -> bool:
    return len(train.spec.class_names) > 1  # type: ignore[union-attr]


def _class_count(train: Dataset) -> int:
    if _is_labelled(train):
        return len(train.spec.class_names)  # type: ignore[union-attr]
    height, width, _ = train.spec.image_shape  # type: ignore[union-attr]
    return 4 if height == width else 2


def save_cached(network: Any, path: Path, accuracy: Figure) -> None:
    """Put the weights into the cache; a cache that cannot be written is no reason to stop."""
    arrays = {f"{number:02d}": np.asarray(w) for number, w in enumerate(network.get_weights())}
    arrays["accuracy"] = np.array([accuracy.value, accuracy.count])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save(arrays, {"sha256": _digest(arrays)}))
    except (OSError, RunError) as error:
        _logger.warning("The feature network is trained anew next time: %s", error)


def load_cached(network: Any, path: Path) -> Figure | None:
    """Put the weights of `path` in place and return the accuracy, or None if there are none."""
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if (file.metadata() or {}).get("sha256") != _digest(arrays):
                raise ValueError("its SHA-256 differs")
        value, count = arrays.pop("accuracy")
        network.set_weights([arrays[name] for name in sorted(arrays)])
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        _logger.warning("'%s' is broken and is made anew: %s.", path, error)
        return None
    error_of_mean = math.sqrt(value * (1 - value) / (count - 1)) if count > 1 else None
    return Figure(value=float(value), standard_error=error_of_mean, count=int(count))


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
