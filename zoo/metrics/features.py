"""Networks through whose features samples and real images are compared, by name.

Which network it was is part of a figure's name: distances in one feature space say nothing of
those in another.
"""

import contextlib
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.card import resolve
from zoo.data.dataset import Dataset
from zoo.errors import did_you_mean
from zoo.metrics import FEATURES, Figure, MetricError

# Shapes: N images, H height, W width, C channels, F features.

INCEPTION_SIDE = 299  # pixels; what Inception v3 was trained on
INCEPTION_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class FeatureNetwork:
    """What sees images as vectors of numbers.

    Args:
        name: Name that stands behind the metric's, as in `frechet_distance/<name>`.
        features: Float images (N, H, W, C) in [0, 1] to float32 features (N, F).
        classify: The images to labels (N,), where it is a classifier of the data's classes.
        accuracy: How well it does what it was trained on, on held-out training images.
    """

    name: str
    features: Callable[[np.ndarray], np.ndarray]
    classify: Callable[[np.ndarray], np.ndarray] | None
    accuracy: Figure | None = None


def feature_network(name: str, train: Dataset, *, progress: bool = False) -> FeatureNetwork:
    """Return the network that `name` in `FEATURES` stands for.

    Args:
        name: "classifier", "inception" or "pixels".
        train: Images that a network which is not trained yet learns from.
        progress: Whether to show a progress bar where stderr is a terminal.

    Raises:
        MetricError: If there is no such network, or it cannot be had.
    """
    if name not in FEATURES:
        raise MetricError(
            f"Unknown features '{name}'.{did_you_mean(name, FEATURES)} "
            f"Features: {', '.join(FEATURES)}."
        )
    return resolve(FEATURES[name])(train, progress=progress)


def pixel_network(train: Dataset, *, progress: bool = False) -> FeatureNetwork:
    """Return the pixels themselves as features."""
    return FeatureNetwork(
        name="pixels",
        features=lambda images: np.asarray(images, np.float32).reshape(len(images), -1),
        classify=None,
    )


def inception_network(train: Dataset, *, progress: bool = False) -> FeatureNetwork:
    """Return the pooled features of Inception v3 with Keras's ImageNet weights, F = 2048.

    These are not the weights of published FIDs, so the figures are not to be compared with those.

    Raises:
        MetricError: If the weights can be neither found nor downloaded.
    """
    import keras
    from keras import ops

    from zoo.engine import compile_function, in_batches

    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras reports the download there
            network = keras.applications.InceptionV3(
                include_top=False, weights="imagenet", pooling="avg"
            )
    except Exception as error:  # Keras raises this very class where a download fails
        others = ", ".join(name for name in FEATURES if name != "inception")
        home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        raise MetricError(
            f"The weights of Inception v3 could not be had: {str(error).rstrip('.')}. They are "
            f"kept in '{home / 'models'}' once Keras has downloaded them. Connect to a network "
            f"once, put the file there, or take other --features: {others}."
        ) from error

    def see(images: Any) -> Any:
        return ops.cast(network(inception_inputs(images), training=False), "float32")

    compiled = compile_function(network, see)
    return FeatureNetwork(
        name="inception-v3",
        features=lambda images: in_batches(compiled, INCEPTION_BATCH, images),
        classify=None,
    )


def inception_inputs(images: Any) -> Any:
    """Return images (N, H, W, C) in [0, 1] as Inception takes them: (N, 299, 299, 3) in [-1, 1]."""
    import keras
    from keras import ops

    images = ops.cast(images, "float32")
    if images.shape[-1] == 1:
        images = ops.repeat(images, 3, axis=-1)  # grey as colour
    resized = keras.ops.image.resize(
        images,
        (INCEPTION_SIDE, INCEPTION_SIDE),
        interpolation="bilinear",
        antialias=True,
        data_format="channels_last",
    )
    return 2 * resized - 1


def short_name(dataset: Dataset) -> str:
    """Return the name of the data as part of a figure's name: of a path, its last part."""
    name = Path(dataset.name.removeprefix("tfds:")).name or "data"
    return re.sub(r"[^\w.-]+", "-", name)
