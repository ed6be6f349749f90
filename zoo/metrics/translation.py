"""How well images are translated between two domains: there and back, in distribution, by label.

What is said of a direction, such as `a_to_b`, is of held-out images of domain A as they are
translated to B. Beside it stands the same of the images as they were given, only with the channels
and the size of the other domain (`_untranslated`), and of the other domain's own (`_real`).
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.data.domains import Domains, luminance
from zoo.data.pixels import fit
from zoo.errors import DataError, NonFiniteError
from zoo.metrics import Figure, MetricError, Settings, UnsuitableError
from zoo.metrics.distance import frechet_figure, kernel_figure
from zoo.metrics.examples import choose, mean_figure, read_batches
from zoo.metrics.features import feature_network
from zoo.metrics.recognition import image_recogniser
from zoo.protocols import Translates
from zoo.translation import DOMAINS, Domain, other

# Shapes: N images, B batch, F features, ... one image (H, W, C), in each domain its own.

BATCH_SIZE = 128
BATCH_BYTES = 1 << 24  # of images at once; what is computed of them takes many times as much
KEPT_BYTES = 1 << 29  # of images translated to one domain; more are translated for each metric


class Translations:
    """The held-out images of both domains, and what a model makes of them.

    Args:
        model: The model.
        dataset: Held-out images.
        settings: How many of them.
    """

    def __init__(self, model: Translates, dataset: Domains, settings: Settings):
        self.model = model
        self.dataset = dataset
        self.settings = settings
        self._kept: dict[Domain, list[np.ndarray]] = {domain: [] for domain in DOMAINS}
        most = max(len(self._indices(domain)) for domain in DOMAINS)
        fitting = max(1, BATCH_BYTES // max(map(self._bytes, DOMAINS)))
        self._batch_size = min(BATCH_SIZE, fitting, most)

    def read(self, domain: Domain, title: str) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Yield the held-out images (B, ...) of a domain and their labels; of pairs, both alike."""
        images = images_of(self.dataset, domain)
        indices = self._indices(domain)
        yield from read_batches(images, indices, self._batch_size, title, self.settings)

    def to(self, target: Domain) -> Iterator[tuple[np.ndarray, np.ndarray | None, np.ndarray]]:
        """Yield images (B, ...) of the other domain, their labels, and the translated images.

        Raises:
            DataError: If the translated images do not have the shape of the domain.
            NonFiniteError: If a pixel is NaN or infinite.
        """
        source, kept = other(target), self._kept[target]
        fits = self._bytes(target) * len(self._indices(source)) <= KEPT_BYTES
        batches = self.read(source, f"translating to {target}")
        for number, (given, labels) in enumerate(batches):
            if number < len(kept):
                translated = kept[number]
            else:
                translated = self.translate(given, target)
                if fits:
                    kept.append(translated)
            yield given, labels, translated

    def translate(self, images: np.ndarray, target: Domain) -> np.ndarray:
        """Return images (B, ...) as they would look in the domain `target`; see `to`."""
        # Filled up with copies of the last one, so that models are compiled for one shape only.
        filled = np.minimum(np.arange(self._batch_size), len(images) - 1)
        translated = self.model.translate(images[filled], target)[: len(images)]
        expected = (len(images), *shape_of(self.dataset, target))
        if translated.shape != expected:
            raise DataError(
                f"The model translates to images of shape {translated.shape}; those of domain "
                f"{target} are {expected}. Give data of the form that it was trained on."
            )
        if not np.isfinite(translated).all():
            raise NonFiniteError(
                "A translated image has pixels that are NaN or infinite. The model may have "
                "diverged; see the curves in its report."
            )
        return translated

    def _indices(self, domain: Domain) -> np.ndarray:
        images, count = images_of(self.dataset, domain), self.settings.count
        if count is not None and count <= len(self.dataset):
            count = min(count, len(images))  # a domain that has fewer than the other gives all
        return choose(images, count, self.settings.seed)

    def _bytes(self, domain: Domain) -> int:
        return 4 * int(np.prod(shape_of(self.dataset, domain)))


def translations(model: Translates, dataset: Domains, settings: Settings) -> Translations:
    """Return what the model makes of the data, the same for all metrics of one evaluation."""
    key = ("translations", id(model), id(dataset), settings)
    if key not in settings.shared:
        settings.shared[key] = Translations(model, dataset, settings)  # which keeps the ids alive
    made: Translations = settings.shared[key]
    return made


def measure_cycle(model: Translates, dataset: Domains, settings: Settings) -> dict[str, Figure]:
    """Return `cycle_a_l1`, the absolute error per pixel of A there and back, and `cycle_b_l1`."""
    made = translations(model, dataset, settings)
    figures = {}
    for domain in DOMAINS:
        errors = []
        for given, _, there in made.to(other(domain)):
            difference = np.abs(made.translate(there, domain) - given)
            errors.append(difference.reshape(len(given), -1).mean(axis=1))
        name = f"cycle_{domain.lower()}_l1"
        figures[name] = mean_figure(np.concatenate(errors), name)
    return figures


def measure_translation_distance(
    model: Translates, dataset: Domains, settings: Settings
) -> dict[str, Figure]:
    """Return distances from held-out images of the domain translated to, in both directions.

    The network that sees them is that of the domain's training images. `_real` are as many training
    images as are held out, unless these are the same.

    Raises:
        MetricError: If there are fewer than two images in a domain, or too many features.
    """
    made = translations(model, dataset, settings)
    seen = _loaded(settings.load_seen, "load_seen")
    figures: dict[str, Figure] = {}
    for source in DOMAINS:
        target = other(source)
        train = images_of(seen, target)
        network = feature_network(settings.features, train, progress=settings.progress)
        held_out = [network.features(x) for x, _ in made.read(target, f"features of {target}")]
        clouds: dict[str, list[np.ndarray]] = {"": [], "_untranslated": [], "_real": []}
        for given, _, translated in made.to(target):
            clouds[""].append(network.features(translated))
            as_they_are = adapted(given, shape_of(dataset, target))
            clouds["_untranslated"].append(network.features(as_they_are))
        if dataset.split != "train":
            indices = choose(train, min(len(train), sum(map(len, held_out))), settings.seed)
            title = f"features of training images of {target}"
            batches = read_batches(train, indices, BATCH_SIZE, title, settings)
            clouds["_real"] = [network.features(x) for x, _ in batches]
        real = np.concatenate(held_out)  # (N, F)
        for suffix, parts in clouds.items():
            if parts:
                name = f"{direction(source)}{suffix}/{network.name}"
                cloud = np.concatenate(parts)  # (N, F), of another N
                figures[f"frechet_distance_{name}"] = frechet_figure(real, cloud, settings.seed)
                figures[f"kernel_distance_{name}"] = kernel_figure(real, cloud)
        if network.accuracy is not None:
            figures[f"feature_accuracy_{target.lower()}/{network.name}"] = network.accuracy
    return figures


def measure_label_accuracy(
    model: Translates, dataset: Domains, settings: Settings
) -> dict[str, Figure]:
    """Return how often a classifier of the other domain sees the label of a translated image.

    It has learnt the training images of the domain that is translated to. `_untranslated` is its
    accuracy on the images that were given, `_real` that on held-out images of its own domain.

    Raises:
        UnsuitableError: If not all images have labels of the same classes, or the classifier would
            be judged on what it has learnt.
    """
    if dataset.split == "train":
        raise UnsuitableError(
            "The classifier learns from the training split and is judged on another. "
            f"'{dataset.name}' has: {', '.join(dataset.splits)}. Received: 'train'."
        )
    train = _loaded(settings.load_train, "load_train")
    _check_classes(dataset, train)
    made = translations(model, dataset, settings)
    figures = {}
    for source in DOMAINS:
        target = other(source)
        classify = image_recogniser(images_of(train, target), settings).classify
        is_right: dict[str, list[np.ndarray]] = {"": [], "_untranslated": [], "_real": []}
        for given, labels, translated in made.to(target):
            is_right[""].append(classify(translated) == labels)
            as_they_are = adapted(given, shape_of(dataset, target))
            is_right["_untranslated"].append(classify(as_they_are) == labels)
        for images, labels in made.read(target, f"labels of {target}"):
            is_right["_real"].append(classify(images) == labels)
        for suffix, parts in is_right.items():
            name = f"label_accuracy_{direction(source)}{suffix}"
            figures[name] = mean_figure(np.concatenate(parts), name)
    return figures


def adapted(images: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return images (B, ...) in [0, 1] with the channels and the size of another domain."""
    *size, channels = image_shape
    if images.shape[3] > channels:
        images = luminance(images)
    images = np.repeat(images, channels // images.shape[3], axis=3)
    if images.shape[1:3] != tuple(size):
        pixels = np.rint(255 * images).astype(np.uint8)
        images = np.stack([fit(picture, (size[0], size[1])) for picture in pixels]) / 255
    return images.astype(np.float32)


def images_of(dataset: Domains, domain: Domain) -> Dataset:
    """Return the images of a domain as a data set of their own."""
    return dataset.a if domain == "A" else dataset.b


def shape_of(dataset: Domains, domain: Domain) -> tuple[int, int, int]:
    """Return (H, W, C) of the images of a domain."""
    return dataset.spec.image_shape_a if domain == "A" else dataset.spec.image_shape_b


def direction(source: Domain) -> str:
    """Return what a translation of images of `source` is called in the names of figures."""
    return f"{source.lower()}_to_{other(source).lower()}"


def _loaded(load: Callable[[], Any] | None, name: str) -> Domains:
    if load is None:
        raise MetricError(
            "What sees the images learns from the training images. Received: settings without "
            f"{name}."
        )
    train: Domains = load()
    return train


def _check_classes(dataset: Domains, train: Domains) -> None:
    """Check that all have the same classes in the same order, and more than one."""
    names = {
        f"{domain} of {data.split}": images_of(data, domain).spec.class_names  # type: ignore[union-attr]
        for data in (train, dataset)
        for domain in DOMAINS
    }
    if len(set(names.values())) > 1 or len(names[f"A of {train.split}"]) < 2:
        found = "; ".join(f"{which}: {', '.join(has) or 'none'}" for which, has in names.items())
        raise UnsuitableError(
            "The accuracy of labels needs the same classes in both domains, two or more. "
            f"'{dataset.name}' has {found}. Give data such as folders A/ and B/ with equally named "
            "sub-folders, one per class."
        )
