"""Samples of a model beside held-out examples, each drawn and seen by the network once.

Of images with captions, the images are compared. Samples are then made of the first captions of the
held-out examples, of each once before of any twice.
"""

import inspect
import logging
from functools import cached_property
from typing import Any

import numpy as np
from tqdm import tqdm

from zoo.data.dataset import Captioned, Dataset
from zoo.data.files import shown
from zoo.data.vocabulary import UNKNOWN, tokens_of
from zoo.errors import DataError, NonFiniteError
from zoo.metrics import MetricError, Settings
from zoo.metrics.examples import choose, read_batches, takes_class
from zoo.metrics.features import FeatureNetwork, feature_network
from zoo.protocols import GenerativeModel, Illustrates, supports

# Shapes: N real examples, M samples, B batch, F features, H height, W width, C channels.

MAX_SAMPLES = 10_000
SAMPLES_PER_CALL = 500
BATCH_SIZE = 500
MEMORY_BYTES = 1 << 30  # of samples at once, unless --samples asks for more
_logger = logging.getLogger(__name__)


def compare(model: GenerativeModel, dataset: Dataset, settings: Settings) -> "Comparison":
    """Return the comparison of model and data, the same one for all metrics of one evaluation.

    Raises:
        MetricError: If the data are not images, or have captions and the model illustrates none.
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
        dataset: Held-out examples: images, or images with captions.
        settings: How many of each, and seen by which features.

    Attributes:
        dataset: The images of the held-out examples.
        captioned: The held-out examples with their captions; None where they have none.
    """

    def __init__(self, model: GenerativeModel, dataset: Dataset, settings: Settings):
        self.captioned = dataset if isinstance(dataset, Captioned) else None
        self.dataset = images_of(dataset)
        if self.dataset.spec.kind != "image":
            raise MetricError(
                "Samples are compared with held-out examples as images. Received: "
                f"'{dataset.name}', which is of kind '{dataset.spec.kind}'."
            )
        if self.captioned is not None and not supports(model, Illustrates):
            raise MetricError(
                f"'{dataset.name}' is images with captions, and {type(model).__name__} makes no "
                "images of text. Expected: a model with the protocol 'Illustrates'."
            )
        self.model = model
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
        return images_of(self.settings.load_seen())

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
        indices = self.real_indices if self.captioned is None else self.legible
        return self.affordable(min(len(indices), MAX_SAMPLES))

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

    @cached_property
    def legible(self) -> np.ndarray:
        """The indices of the held-out examples whose captions the model knows a word of.

        Raises:
            DataError: If there are none.
        """
        examples: Any = self.captioned
        if examples.spec.embedding_size:
            return self.real_indices
        texts = [examples.texts(index)[0] for index in self.real_indices]
        known = [set(tokens_of(text, examples.spec.vocabulary)) != {UNKNOWN} for text in texts]
        indices = self.real_indices[known]
        if len(indices) == 0:
            raise DataError(
                f"The model knows no word of the captions of '{examples.name}', split "
                f"'{examples.split}'. Give data with captions like those that it was trained on."
            )
        if len(indices) < len(texts):
            _logger.warning(
                "No images are made of %d of %d held-out captions, such as '%s': the model knows "
                "no word of them.",
                len(texts) - len(indices),
                len(texts),
                shown(texts[known.index(False)][:60]),
            )
        return indices

    def illustrated(self, count: int) -> np.ndarray:
        """Return the indices (M,) of the examples whose captions `samples(count)` are made of."""
        generator = np.random.default_rng(self.settings.seed)
        return np.resize(generator.permutation(self.legible), count)

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
        asked = self._asked(count, generator)
        chunks = []
        disable = None if self.settings.progress else True
        with tqdm(total=count, desc="sampling", unit="sample", disable=disable, leave=False) as bar:
            for start in range(0, count, SAMPLES_PER_CALL):
                size = min(SAMPLES_PER_CALL, count - start)
                options = {name: values[start : start + size] for name, values in asked.items()}
                made = self.model.sample(size, seed=int(generator.integers(2**31)), **options)
                chunks.append(self._checked(made, size))
                bar.update(size)
        return np.concatenate(chunks)

    def _asked(self, count: int, generator: np.random.Generator) -> dict[str, Any]:
        """Return what of each sample (M,) is asked: its text, its label, or nothing."""
        if self.captioned is not None:
            return self._captions(self.captioned, count)
        if takes_class(self.model):
            return {"labels": self._labels(count, generator)}
        return {}

    def _captions(self, examples: Captioned, count: int) -> dict[str, Any]:
        """Return texts (M,), and their embeddings (M, E) where the data bring them."""
        indices = self.illustrated(count)
        asked: dict[str, Any] = {"texts": [examples.texts(index)[0] for index in indices]}
        if examples.spec.embedding_size:  # type: ignore[union-attr]
            batches = read_batches(examples, indices, BATCH_SIZE, "embeddings", self.settings)
            asked["embeddings"] = np.concatenate([x["embedding"] for x, _ in batches])
        return asked

    def _labels(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Return labels (M,) as frequent as those of the real examples."""
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

    def _checked(self, made: Any, count: int) -> np.ndarray:
        samples = made if self.captioned is None else made["image"]
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


def images_of(dataset: Dataset) -> Dataset:
    """Return the images alone, of images with captions; other data as they are."""
    return dataset.images if isinstance(dataset, Captioned) else dataset
