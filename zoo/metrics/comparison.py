"""Samples of a model beside held-out examples, each drawn and seen by the network once."""

import inspect
import logging
from functools import cached_property
from typing import Any

import numpy as np
from tqdm import tqdm

from zoo.data.dataset import Dataset
from zoo.errors import DataError, NonFiniteError
from zoo.metrics import MetricError, Settings
from zoo.metrics.examples import choose, read_batches, takes_class
from zoo.metrics.features import FeatureNetwork, feature_network
from zoo.protocols import GenerativeModel

# Shapes: N real examples, M samples, B batch, F features, H height, W width, C channels.

MAX_SAMPLES = 10_000
SAMPLES_PER_CALL = 500
BATCH_SIZE = 500
MEMORY_BYTES = 1 << 30  # of samples at once, unless --samples asks for more
_logger = logging.getLogger(__name__)


def compare(model: GenerativeModel, dataset: Dataset, settings: Settings) -> "Comparison":
    """Return the comparison of model and data, the same one for all metrics of one evaluation.

    Raises:
        MetricError: If the data are not images.
    """
    key = ("comparison", id(model), id(dataset), settings)
    if key not in settings.shared:
        settings.shared[key] = Comparison(model, dataset, settings)  # which keeps both ids alive
    comparison: Comparison = settings.shared[key]
    return comparison


class Comparison:
    """What a model makes and what it should make, as images and as features.

    Args:
        model: The model.
        dataset: Held-out examples.
        settings: How many of each, and seen by which features.
    """

    def __init__(self, model: GenerativeModel, dataset: Dataset, settings: Settings):
        if dataset.spec.kind != "image":
            raise MetricError(
                "Samples are compared with held-out examples as images. Received: "
                f"'{dataset.name}', which is of kind '{dataset.spec.kind}'."
            )
        self.model = model
        self.dataset = dataset
        self.settings = settings
        self._samples: dict[int, np.ndarray] = {}
        self._sample_features: dict[int, np.ndarray] = {}

    @cached_property
    def real_indices(self) -> np.ndarray:
        """The indices (N,) of the held-out examples."""
        return choose(self.dataset, self.settings.count, self.settings.seed)

    @cached_property
    def seen(self) -> Dataset:
        """The examples that the model was trained on."""
        if self.settings.load_seen is None:
            raise MetricError(
                "The features, or the nearest neighbours, come from the training examples. "
                "Received: settings without load_seen."
            )
        return self.settings.load_seen()

    @cached_property
    def network(self) -> FeatureNetwork:
        """What sees the images."""
        return feature_network(self.settings.features, self.seen, progress=self.settings.progress)

    @cached_property
    def real_features(self) -> np.ndarray:
        """Features (N, F) of the held-out examples."""
        return self.features_of(self.dataset, self.real_indices)

    @property
    def sample_count(self) -> int:
        """How many samples, M, the settings ask for."""
        if self.settings.samples is not None:
            return self.settings.samples
        return self.affordable(min(len(self.real_indices), MAX_SAMPLES))

    def affordable(self, count: int) -> int:
        """Return `count`, or as many samples as fit in memory; fewer are logged."""
        shape = self.dataset.spec.image_shape  # type: ignore[union-attr]
        fitting = max(1, MEMORY_BYTES // (4 * int(np.prod(shape))))
        if fitting < count:
            _logger.warning(
                "%d samples are drawn, not %d, to bound the memory. --samples asks for more.",
                fitting,
                count,
            )
        return min(count, fitting)

    def samples(self, count: int) -> np.ndarray:
        """Return `count` samples (M, H, W, C); equal counts give the same ones.

        Raises:
            NonFiniteError: If a pixel is NaN or infinite.
            DataError: If the samples do not have the shape of the data, or the model is
                conditioned on the class and the data have no labels.
        """
        if count not in self._samples:
            self._samples[count] = self._draw(count)
        return self._samples[count]

    def sample_features(self, count: int) -> np.ndarray:
        """Return features (M, F) of `samples(count)`."""
        if count not in self._sample_features:
            self._sample_features[count] = self.network.features(self.samples(count))
        return self._sample_features[count]

    def features_of(self, dataset: Dataset, indices: np.ndarray) -> np.ndarray:
        """Return features (B, F) of the examples at `indices`, which are read in batches."""
        title = f"features of {dataset.split}"
        batches = read_batches(dataset, indices, BATCH_SIZE, title, self.settings)
        return np.concatenate([self.network.features(images) for images, _ in batches])

    def _draw(self, count: int) -> np.ndarray:
        # Every chunk has a seed of its own: equal seeds would give equal samples.
        generator = np.random.default_rng(self.settings.seed)
        labels = self._labels(count, generator)
        chunks = []
        disable = None if self.settings.progress else True
        with tqdm(total=count, desc="sampling", unit="sample", disable=disable, leave=False) as bar:
            for start in range(0, count, SAMPLES_PER_CALL):
                size = min(SAMPLES_PER_CALL, count - start)
                options: dict[str, Any] = {"seed": int(generator.integers(2**31))}
                if labels is not None:
                    options["labels"] = labels[start : start + size]
                chunks.append(self._checked(self.model.sample(size, **options), size))
                bar.update(size)
        return np.concatenate(chunks)

    def _labels(self, count: int, generator: np.random.Generator) -> np.ndarray | None:
        """Return labels (M,) as frequent as those of the real examples, if the model takes any."""
        if not takes_class(self.model):
            return None
        if "labels" not in inspect.signature(self.model.sample).parameters:
            raise MetricError(
                f"{type(self.model).__name__} is conditioned on the class, and its `sample` takes "
                "no `labels`. Expected: a model that follows `zoo.protocols`."
            )
        _, labels = self.dataset.read(self.real_indices)
        if labels is None:
            raise DataError(
                f"The model is conditioned on the class, and '{self.dataset.name}' has no labels "
                "to draw classes from. Give data with labels."
            )
        return generator.choice(labels, count)

    def _checked(self, samples: np.ndarray, count: int) -> np.ndarray:
        shape = (count, *self.dataset.spec.image_shape)  # type: ignore[union-attr]
        if samples.shape != shape:
            raise DataError(
                f"The model makes samples of shape {samples.shape}; the data are {shape}. Give "
                "data of the form that it was trained on."
            )
        if not np.isfinite(samples).all():
            raise NonFiniteError(
                "A sample has pixels that are NaN or infinite. The model may have diverged; see "
                "the curves in its report."
            )
        return np.asarray(samples, np.float32)
