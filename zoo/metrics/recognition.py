"""Whether what is asked for is what is made: a classifier looks at samples of each class.

The classifier is trained on the real examples that the model was trained on. The figure is the
share of samples in which it recognises the class that they were asked for; beside it stands its
accuracy on held-out real examples, which a perfect model would reach.

Images are seen by the classifier that the distances use (`zoo.metrics.classifier`). Sounds are
seen by a support vector machine on their log-mel spectrograms, averaged over equal parts of the
sound. A sound's loudness does not count; and it learns each sound in three places, so that a
slightly earlier or later one is no other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from zoo.data.dataset import Dataset, ImageSpec, WaveformSpec
from zoo.errors import DataError, NonFiniteError
from zoo.metrics import Figure, MetricError, Settings
from zoo.metrics.examples import choose, mean_figure, read_batches, takes_class
from zoo.metrics.features import feature_network, short_name
from zoo.protocols import Conditional

# Shapes: B batch, M samples, T samples of a sound, F frames, Q frequencies, N bands, P parts,
# ... one example in its public form.

SAMPLES = 500
SAMPLES_PER_CALL = 128
MEMORY_BYTES = 1 << 28  # of examples at once
MAX_SOUNDS = 5000  # to learn from: the time it takes grows with their square
WINDOW_SECONDS = 0.032
MAX_FRAMES = 2000  # of a long sound; its windows lie further apart
BANDS = 32
PARTS = 16
QUIETEST = 1e-3  # power of a band that counts as silence, of a sound with its peak at 1
REGULARISATION = 10.0  # the support vector machine's C


@dataclass(frozen=True, kw_only=True)
class Recogniser:
    """A classifier of real examples.

    Args:
        name: Name that stands behind the metric's, as in `recognition/<name>`.
        classify: Examples (B, ...) to labels (B,).
    """

    name: str
    classify: Callable[[np.ndarray], np.ndarray]


def measure_recognition(
    model: Conditional, dataset: Dataset, settings: Settings
) -> dict[str, Figure]:
    """Return `recognition/<name>` of samples, and `recognition_real/<name>` of held-out examples.

    Raises:
        MetricError: If the model is not class-conditional, the examples are neither images nor
            sounds or not held out, or there are fewer samples than classes.
        DataError: If the data have no labels or one class, or samples have another shape.
        NonFiniteError: If a sample holds NaN or infinity.
    """
    train = _training_examples(model, dataset, settings)
    class_count = len(train.spec.class_names)  # type: ignore[union-attr]
    labels = _labels(class_count, settings)
    if train.spec.kind == "image":
        recogniser = image_recogniser(train, settings)
    else:
        recogniser = sound_recogniser(train, settings)
    indices = choose(dataset, settings.count, settings.seed)
    held_out = _read(dataset, indices, f"recognition of {dataset.split}", settings)
    real = _is_recognised(recogniser, held_out)
    made = _is_recognised(recogniser, _samples(model, labels, dataset.spec, settings))
    return {
        f"{name}/{recogniser.name}": mean_figure(is_recognised, name)
        for name, is_recognised in (("recognition", made), ("recognition_real", real))
    }


def image_recogniser(train: Dataset, settings: Settings) -> Recogniser:
    """Return the classifier of labelled images: from the cache, or trained and put there.

    Raises:
        DataError: If they have no labels, or are of one class.
    """
    network = feature_network("classifier", train, progress=settings.progress)
    if network.classify is None:
        raise DataError(_without_classes(train))
    return Recogniser(name=network.name, classify=network.classify)


def sound_recogniser(train: Dataset, settings: Settings) -> Recogniser:
    """Return a classifier that has learnt labelled sounds, 5,000 of them at the most.

    Raises:
        DataError: If they are of one class.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    rate = train.spec.sample_rate_hz  # type: ignore[union-attr]
    indices = choose(train, min(MAX_SOUNDS, len(train)), settings.seed)
    title = f"spectrograms of {train.split}"
    features, all_labels = [], []
    for sounds, labels in _read(train, indices, title, settings):
        shift = max(1, sounds.shape[1] // PARTS)
        silence = np.zeros((len(sounds), shift), np.float32)
        later = np.concatenate([silence, sounds[:, :-shift]], axis=1)
        earlier = np.concatenate([sounds[:, shift:], silence], axis=1)
        for placed in (sounds, later, earlier):
            features.append(spectrogram_features(placed, rate))
            all_labels.append(labels)
    learnt = np.concatenate(all_labels)
    if len(np.unique(learnt)) < 2:
        raise DataError(
            f"The {len(indices)} training examples of '{train.name}' are of one class. Expected: "
            "two classes or more."
        )
    machine = make_pipeline(StandardScaler(), SVC(C=REGULARISATION))
    machine.fit(np.concatenate(features), learnt)
    return Recogniser(
        name=f"spectrogram-{short_name(train)}",
        classify=lambda sounds: machine.predict(spectrogram_features(sounds, rate)),
    )


def spectrogram_features(sounds: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Return log-mel energies (B, P N) of sounds (B, T) in equal parts, N bands in each.

    A sound of fewer windows than 16 has as many parts as windows.
    """
    size = max(16, 2 * round(WINDOW_SECONDS * sample_rate_hz / 2))
    filters = mel_filters(size, sample_rate_hz)  # (Q, N)
    return np.stack([_in_parts(sound, size, filters) for sound in sounds])


def _in_parts(sound: np.ndarray, size: int, filters: np.ndarray) -> np.ndarray:
    """Return the features (P N,) of one sound (T,), seen through windows of `size` samples."""
    hop = max(size // 2, len(sound) // MAX_FRAMES)
    peak = np.abs(sound).max()
    padded = np.pad(sound / (peak or 1), size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]  # (F, size)
    power = np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2 / size  # (F, Q)
    energies = np.log(power @ filters + QUIETEST)  # (F, N)
    parts = min(PARTS, len(energies))
    begins = np.arange(parts) * len(energies) // parts
    sizes = np.diff([*begins, len(energies)])
    return (np.add.reduceat(energies, begins) / sizes[:, None]).ravel()


def mel_filters(size: int, sample_rate_hz: int) -> np.ndarray:
    """Return triangles (Q, N) over the frequencies of a window of `size` samples.

    Their corners are evenly spaced on the mel scale, 2595 log10(1 + f / 700), up to half the rate.
    A triangle reaches at least to the next frequency, so that none is empty.
    """
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate_hz)  # (Q,)
    highest = 2595 * np.log10(1 + sample_rate_hz / 1400)
    corners = 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    offsets = frequencies[:, None] - centre  # (Q, N)
    rising = np.maximum(centre - low, frequencies[1])
    falling = np.maximum(high - centre, frequencies[1])
    return np.maximum(0, 1 - np.where(offsets < 0, -offsets / rising, offsets / falling))


def _training_examples(model: Conditional, dataset: Dataset, settings: Settings) -> Dataset:
    """Return what the model was trained on, or say why nothing can be recognised."""
    if not takes_class(model):
        raise MetricError(
            "Recognition asks whether samples are of the class that they were asked for, and this "
            f"{type(model).__name__} is not class-conditional. Expected: a model that is, such as "
            "one trained with --set class_conditional=true."
        )
    if settings.load_seen is None or dataset.split == "train":
        raise MetricError(
            "The classifier learns from the training split and is judged on another. "
            f"'{dataset.name}' has: {', '.join(dataset.splits)}. Received: '{dataset.split}'."
        )
    train = settings.load_seen()
    for data in (train, dataset):
        if not isinstance(data.spec, ImageSpec | WaveformSpec):
            raise MetricError(
                "Recognition is of images and of sounds. Received: "
                f"'{data.name}', which is of kind '{data.spec.kind}'."
            )
        if len(data.spec.class_names) < 2:
            raise DataError(_without_classes(data))
    if train.spec != dataset.spec:
        raise DataError(
            f"'{dataset.name}' is not like '{train.name}', which the model was trained on: "
            f"{dataset.spec}. Expected: {train.spec}."
        )
    return train


def _without_classes(data: Dataset) -> str:
    """Return what to say of data that a classifier learns nothing from."""
    had = "one class" if data.spec.class_names else "no labels"  # type: ignore[union-attr]
    return (
        f"'{data.name}' has {had}, and recognition is of classes. Give data with two classes or "
        "more, such as a folder with one sub-folder per class."
    )


def _labels(class_count: int, settings: Settings) -> np.ndarray:
    """Return labels (M,) to ask for, equally many of each, in turn."""
    count = max(SAMPLES, class_count) if settings.samples is None else settings.samples
    if count < class_count:
        raise MetricError(
            f"Recognition needs a sample of each of the {class_count} classes. Received: {count} "
            "samples. Raise --samples."
        )
    return np.tile(np.arange(class_count, dtype=np.int32), count // class_count)


def _is_recognised(
    recogniser: Recogniser, batches: Iterator[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Return of each example whether the classifier says its label."""
    return np.concatenate([recogniser.classify(x) == labels for x, labels in batches])


def _read(
    dataset: Dataset, indices: np.ndarray, title: str, settings: Settings
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the examples (B, ...) at `indices` and their labels (B,)."""
    batch_size = _batch_size(_shape(dataset.spec))
    yield from read_batches(dataset, indices, batch_size, title, settings)  # type: ignore[misc]


def _samples(
    model: Any, labels: np.ndarray, spec: Any, settings: Settings
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield samples (B, ...) of the labels (M,), and the labels (B,) of each."""
    # Every batch has a seed of its own: equal seeds would give equal samples.
    seeds = np.random.default_rng(settings.seed)
    batch_size = _batch_size(_shape(spec))
    disable = None if settings.progress else True
    with tqdm(
        total=len(labels), desc="sampling", unit="sample", disable=disable, leave=False
    ) as bar:
        for start in range(0, len(labels), batch_size):
            asked = labels[start : start + batch_size]
            made = model.sample(len(asked), seed=int(seeds.integers(2**31)), labels=asked)
            yield _checked(made, (len(asked), *_shape(spec))), asked
            bar.update(len(asked))


def _checked(samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if samples.shape != shape:
        raise DataError(
            f"The model makes samples of shape {samples.shape}; the data are {shape}. Give data of "
            "the form that it was trained on."
        )
    if not np.isfinite(samples).all():
        raise NonFiniteError(
            "A sample has values that are NaN or infinite. The model may have diverged; see the "
            "curves in its report."
        )
    return np.asarray(samples, np.float32)


def _shape(spec: Any) -> tuple[int, ...]:
    """Return the shape of one example."""
    return spec.image_shape if isinstance(spec, ImageSpec) else (spec.length,)


def _batch_size(shape: tuple[int, ...]) -> int:
    return max(1, min(SAMPLES_PER_CALL, MEMORY_BYTES // (4 * int(np.prod(shape)))))
