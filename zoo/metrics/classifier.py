"""A small classifier of the data set itself as feature network, trained once and kept.

Three convolutions or more, by the size of the images, averaged over the image to 64 numbers. Where
the data have no labels it learns by how many quarter turns an image was rotated (Gidaris et al.
2018, https://arxiv.org/abs/1803.07728), half turns if the images are not square.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.errors import DataError
from zoo.metrics import Figure, learning
from zoo.metrics.examples import mean_figure
from zoo.metrics.features import FeatureNetwork, short_name
from zoo.metrics.learning import BATCH_SIZE, SEED, fit_network, learnt, shuffled, training_steps

# Shapes: N images, B batch, H height, W width, C channels, F features, L labels.

VERSION = 1  # of all that decides the weights: raise it with any change, so that old ones are left
FEATURES = 64
STEM_FILTERS = 32
MAX_HELD_OUT = 5000
IMAGES_PER_CALL = 256


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
    network, known = learnt(
        lambda: build_network(train.spec.image_shape, _class_count(train)),  # type: ignore[union-attr]
        cache_path(train),
        lambda network: train_network(network, train, progress=progress),
    )
    return _as_features(network, train, _accuracy(known))


def cache_path(train: Dataset) -> Path:
    """Return where the classifier of these images is kept."""
    return learning.cache_path("classifier" if _is_labelled(train) else "rotations", train, VERSION)


def build_network(image_shape: tuple[int, int, int], class_count: int) -> Any:
    """Return the network: images (B, H, W, C) to features (B, F) and logits (B, L)."""
    import keras
    from keras import layers

    inputs = keras.Input(image_shape, name="images")
    features = image_features(inputs)  # (B, F)
    logits = layers.Dense(
        class_count,
        kernel_initializer=keras.initializers.GlorotUniform(seed=SEED),
        name="logits",
    )(features)  # (B, L)
    return keras.Model(inputs, [features, logits], name="feature_classifier")


def image_features(images: Any) -> Any:
    """Return what a network of new layers sees in symbolic images (B, H, W, C), (B, F)."""
    import keras
    from keras import layers

    # Standardises each channel: the moving mean and variance are those of the training images.
    x = layers.BatchNormalization(center=False, scale=False, momentum=0.9, name="standardise")(
        images
    )
    # To 4 x 4 or less, so that a feature sees the whole of an image.
    halvings = max(0, math.ceil(math.log2(min(images.shape[1:3]) / 4)))
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
    return layers.GlobalAveragePooling2D(name="features")(x)


def train_network(network: Any, train: Dataset, *, progress: bool) -> dict[str, np.ndarray]:
    """Train on nine tenths of `train` and return the accuracy on the last."""
    import keras

    order = np.random.default_rng(SEED).permutation(len(train))
    held_out = order[: min(MAX_HELD_OUT, len(train) // 10)]
    indices = order[len(held_out) :]
    fit_network(
        keras.Model(network.input, network.output[1], name="learner"),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        _batches(train, indices),
        training_steps(train.spec.image_shape, len(indices)),  # type: ignore[union-attr]
        title=f"learning {short_name(train)}",
        progress=progress,
    )
    is_correct = []
    judged = held_out if len(held_out) else indices
    compiled = _compiled(network)
    for start in range(0, len(judged), BATCH_SIZE):
        chosen = judged[start : start + BATCH_SIZE]
        images, labels = _task(train, chosen, np.random.default_rng((SEED, start)))
        is_correct.append(_run(compiled, images)[:, FEATURES:].argmax(axis=1) == labels)
    accuracy = mean_figure(np.concatenate(is_correct), "accuracy of the feature network")
    return {"accuracy": np.array([accuracy.value, accuracy.count])}


def _accuracy(known: Mapping[str, np.ndarray]) -> Figure:
    """Return the figure of what is kept with the weights."""
    value, count = known["accuracy"]
    error_of_mean = math.sqrt(value * (1 - value) / (count - 1)) if count > 1 else None
    return Figure(value=float(value), standard_error=error_of_mean, count=int(count))


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
    for chosen in shuffled(indices, generator):
        yield _task(train, chosen, generator)


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
