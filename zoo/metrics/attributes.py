"""Is what a caption asks for in the image? A classifier says it of each attribute.

Data may know of each example what its first caption asks for, attribute by attribute: a class, or
size, colour and shape of a thing. One small network learns all of them on real training images; its
loss is the sum of their cross-entropies. Where the class is all that is known, the classifier is
that of the distances (`zoo.metrics.classifier`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.data.dataset import Attribute, Captioned
from zoo.metrics import Figure, Settings, UnsuitableError
from zoo.metrics.classifier import IMAGES_PER_CALL, build_network
from zoo.metrics.comparison import BATCH_SIZE, compare
from zoo.metrics.examples import mean_figure, read_batches
from zoo.metrics.features import short_name
from zoo.metrics.learning import SEED, cache_path, fit_network, learnt, shuffled, training_steps
from zoo.metrics.matching import training_examples
from zoo.metrics.recognition import image_recogniser
from zoo.protocols import Illustrates

# Shapes: N images, M samples, B batch, A attributes, L values of all attributes.

VERSION = 1  # of all that decides the weights: raise it with any change, so that old ones are left


def measure_attributes(
    model: Illustrates, dataset: Captioned, settings: Settings
) -> dict[str, Figure]:
    """Return `<attribute>_accuracy` of samples, `_accuracy_real` of held-out images, and `_chance`.

    Chance is the share of the most frequent value. Where there are several attributes, `all_…` is
    said of all of them at once.

    Raises:
        UnsuitableError: If the data know no attributes, or not those of the training examples; or
            if the classifier would be judged on what it has learnt.
    """
    if not known_attributes(dataset):
        raise UnsuitableError(
            f"Nothing is known of what the captions of '{dataset.name}' ask for. Give data with "
            "attributes, such as labelled images with captions."
        )
    train = training_examples(dataset, settings)
    asked = _checked(dataset, train)
    comparison = compare(model, dataset, settings)  # type: ignore[arg-type]
    classify = attribute_classifier(train, settings)
    indices, count = comparison.real_indices, comparison.sample_count
    samples = comparison.samples(count)
    values = np.stack([attribute.values for attribute in asked.values()], axis=1)  # (N, A)
    made = classify(samples) == values[comparison.illustrated(count)]  # (M, A)
    title = f"attributes of {dataset.split}"
    batches = read_batches(comparison.dataset, indices, BATCH_SIZE, title, settings)
    values = values[indices]
    real = np.concatenate([classify(images) for images, _ in batches]) == values
    figures: dict[str, Figure] = {}
    for number, name in enumerate(asked):
        figures |= _figures(name, made[:, number], real[:, number], values[:, [number]])
    if len(asked) > 1:
        figures |= _figures("all", made.all(axis=1), real.all(axis=1), values)
    return figures


def attribute_classifier(
    train: Captioned, settings: Settings
) -> Callable[[np.ndarray], np.ndarray]:
    """Return what tells the attributes (B, A) of images: from the cache, or trained anew."""
    attributes = known_attributes(train)
    if list(attributes) == ["class"]:
        classify = image_recogniser(train.images, settings).classify
        return lambda images: classify(images)[:, None]
    from zoo.engine import compile_function, in_batches

    counts = [len(attribute.names) for attribute in attributes.values()]
    network, _ = learnt(
        lambda: build_network(train.spec.image_shape, sum(counts)),  # type: ignore[union-attr]
        cache_path("attributes", train, VERSION),
        lambda network: train_network(network, train, counts, progress=settings.progress),
    )
    compiled = compile_function(network, lambda images: network(images, training=False)[1])

    def tell(images: np.ndarray) -> np.ndarray:
        logits = in_batches(compiled, IMAGES_PER_CALL, np.asarray(images, np.float32))  # (B, L)
        heads = np.split(logits, np.cumsum(counts)[:-1], axis=1)
        return np.stack([head.argmax(axis=1) for head in heads], axis=1)

    return tell


def train_network(
    network: Any, train: Captioned, counts: Sequence[int], *, progress: bool
) -> dict[str, np.ndarray]:
    """Train on all images of `train`; nothing but the weights is to be kept."""
    import keras
    from keras import ops

    def nats(values: Any, logits: Any) -> Any:
        """Return the cross-entropies (B,) of values (B, A) under logits (B, L), summed."""
        heads = ops.split(logits, np.cumsum(counts)[:-1].tolist(), axis=1)
        entropy = keras.losses.sparse_categorical_crossentropy
        return sum(
            entropy(values[:, number], head, from_logits=True) for number, head in enumerate(heads)
        )

    fit_network(
        keras.Model(network.input, network.output[1], name="learner"),
        nats,
        _batches(train),
        training_steps(train.spec.image_shape, len(train)),  # type: ignore[union-attr]
        title=f"learning attributes of {short_name(train)}",
        progress=progress,
    )
    return {}


def known_attributes(dataset: Captioned) -> Mapping[str, Attribute]:
    """Return the attributes that differ between examples, by name."""
    attributes = dataset.attributes.items()
    return {name: attribute for name, attribute in attributes if len(attribute.names) > 1}


def _checked(dataset: Captioned, train: Captioned) -> Mapping[str, Attribute]:
    """Return what the captions ask for, or say that the training examples know something else."""
    asked = known_attributes(dataset)
    here, there = (
        {name: attribute.names for name, attribute in known_attributes(data).items()}
        for data in (dataset, train)
    )
    if here != there:
        raise UnsuitableError(
            f"The attributes of '{dataset.name}' are not those of the training examples: "
            f"{', '.join(here)}. Expected: {', '.join(there) or 'none'}, with the same values."
        )
    return asked


def _batches(train: Captioned) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield images and their attributes (B, A) without end."""
    known = known_attributes(train).values()
    values = np.stack([attribute.values for attribute in known], axis=1)  # (N, A)
    for chosen in shuffled(np.arange(len(train)), np.random.default_rng(SEED)):
        yield np.asarray(train.images.read(chosen)[0]), values[chosen]


def _figures(
    name: str, made: np.ndarray, real: np.ndarray, values: np.ndarray
) -> dict[str, Figure]:
    """Return the figures of what is right in samples (M,), and in images (N,) of values (N, A)."""
    _, counts = np.unique(values, axis=0, return_counts=True)
    chance = Figure(value=counts.max() / len(values), standard_error=None, count=len(values))
    return {
        f"{name}_accuracy": mean_figure(made, f"{name}_accuracy"),
        f"{name}_accuracy_real": mean_figure(real, f"{name}_accuracy_real"),
        f"{name}_chance": chance,
    }
