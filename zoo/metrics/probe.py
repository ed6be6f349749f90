"""What a model has learnt as the start of a classifier: a linear probe, by share of the labels.

Logistic regression on standardised features, those of a discriminator (Radford et al. 2016,
https://arxiv.org/abs/1511.06434, section 5) or the codes of an encoder; beside the same on
standardised raw values, which is what they must beat. It is fitted on labelled shares of the
training split, drawn by class, and judged on the held-out split. Mean and spread for standardising
need no labels, so they are those of the whole training split.

Where the share is below 100 %, several subsets are drawn. The standard error covers both draws,
that of the test examples and that of the subsets.
"""

import io
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from zoo.checkpoints import write_atomically
from zoo.data.dataset import Dataset
from zoo.errors import DataError
from zoo.metrics import Figure, MetricError, Settings
from zoo.metrics.examples import choose, read_batches, takes_class
from zoo.protocols import Encodes, HasFeatures, supports

# Shapes: N examples, M subsets, L labels used, Z features (learnt ones, codes or raw values).

PERCENTS = (1, 2, 5, 10, 20, 50, 100)
SUBSETS = 5
# After this many steps of L-BFGS the accuracy on MNIST's pixels no longer moves; codes need fewer.
MAX_STEPS = 100
BATCH_SIZE = 512
MEMORY_BYTES = 1 << 30  # of training features at once; beyond it a part of the data is drawn
_COLOURS = {"probe": "#3987e5", "pixels": "#8a8a8a"}
_NAMES = {"probe": "what the model has learnt", "pixels": "raw pixels"}
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Features:
    """Examples as the classifiers see them.

    Args:
        by_name: Features (N, Z): "probe" the model's, "pixels" the raw values.
        labels: Labels (N,).
    """

    by_name: dict[str, np.ndarray]
    labels: np.ndarray


def measure_probe(
    model: HasFeatures | Encodes, dataset: Dataset, settings: Settings
) -> dict[str, Figure]:
    """Return `probe_accuracy`, `pixels_accuracy`, and both `_at_<P>_percent` of the labels.

    Leaves the picture `probe.png` in `settings.folder`.

    Raises:
        MetricError: If the model is told the labels, or there are no held-out examples.
        DataError: If the data have no labels, or one class only.
    """
    if not supports(model, HasFeatures) and takes_class(model):
        raise MetricError(
            "The probe asks how much of the class is in the codes, and this model's encoder is "
            "given the class. Expected: a model without a class condition."
        )
    if settings.load_train is None or dataset.split == "train":
        raise MetricError(
            f"The probe is fitted on the training split and judged on another. '{dataset.name}' "
            f"has: {', '.join(dataset.splits)}. Received: '{dataset.split}'."
        )
    train_data = settings.load_train()
    train = _features(model, train_data, _train_indices(model, train_data, settings), settings)
    test = _features(model, dataset, choose(dataset, settings.count, settings.seed), settings)
    if len(np.unique(train.labels)) < 2:
        raise DataError(
            f"'{dataset.name}' has examples of one class. Expected: two classes or more."
        )
    figures = _measure(train, test, settings)
    if settings.folder is not None:
        counts = [len(next(subsets(train.labels, p, settings.seed))) for p in PERCENTS]
        picture = draw(figures, counts)
        write_atomically(settings.folder / "probe.png", picture)
    return figures


def draw(figures: dict[str, Figure], counts: Sequence[int]) -> bytes:
    """Return the curves of accuracy over the number of labels, `counts`, as a PNG."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(6.4, 4.0), dpi=150, layout="constrained")  # inches; no pyplot state
    axes = canvas.add_subplot()
    for name, colour in _COLOURS.items():
        curve = [figures[figure_name(name, percent)] for percent in PERCENTS]
        axes.errorbar(
            counts,
            [100 * figure.value for figure in curve],
            [100 * (figure.standard_error or 0) for figure in curve],
            color=colour,
            label=_NAMES[name],
            marker="o",
            markersize=4,
            capsize=3,
            linewidth=1.8,
        )
    axes.set_xscale("log")
    axes.set_xticks(
        counts, [f"{count:,}\n{p} %" for count, p in zip(counts, PERCENTS, strict=True)]
    )
    axes.minorticks_off()
    axes.set_xlabel("labelled training examples")
    axes.set_ylabel("accuracy on held-out examples, %")
    axes.set_title("A linear classifier on features and on pixels", loc="left", fontsize=11)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    content = io.BytesIO()
    canvas.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def figure_name(name: str, percent: int) -> str:
    """Return the name of the figure of "probe" or "pixels" with that share of the labels."""
    return f"{name}_accuracy" + ("" if percent == 100 else f"_at_{percent}_percent")


def subsets(labels: np.ndarray, percent: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the indices (L,) of labelled shares of every class, one of each at the least."""
    if percent == 100:
        yield np.arange(len(labels))
        return
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for number in range(SUBSETS):
        generator = np.random.default_rng((seed, percent, number))
        yield np.concatenate(
            [
                generator.choice(of_class, max(1, round(len(of_class) * percent / 100)), False)
                for of_class in members
            ]
        )


def _measure(train: Features, test: Features, settings: Settings) -> dict[str, Figure]:
    """Fit and judge a classifier on every subset of every kind of features."""
    fits = len(train.by_name) * (SUBSETS * (len(PERCENTS) - 1) + 1)
    disable = None if settings.progress else True
    figures = {}
    with tqdm(total=fits, desc="probe", unit="fit", disable=disable, leave=False) as bar:
        for name in train.by_name:
            values, test_values = train.by_name[name], test.by_name[name]  # (N, Z) each
            mean, spread = values.mean(axis=0), values.std(axis=0)  # (Z,) each
            spread[spread == 0] = 1  # a value that never changes
            # In place: a copy of the training features would double the memory.
            for features in (values, test_values):
                np.subtract(features, mean, out=features)
                np.divide(features, spread, out=features)
            for percent in reversed(PERCENTS):
                is_correct = []
                for chosen in subsets(train.labels, percent, settings.seed):
                    classifier = _fit(values[chosen], train.labels[chosen])
                    is_correct.append(classifier.predict(test_values) == test.labels)
                    bar.update()
                figures[figure_name(name, percent)] = _accuracy(np.array(is_correct))
    return figures


def _fit(values: np.ndarray, labels: np.ndarray) -> Any:
    """Return logistic regression fitted to features (L, Z) and labels (L,)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # see MAX_STEPS
        return LogisticRegression(max_iter=MAX_STEPS).fit(values, labels)


def _accuracy(is_correct: np.ndarray) -> Figure:
    """Return the mean of (M, N) and its error by the draw of subsets M and of examples N."""
    subset_count, count = is_correct.shape
    variance = 0.0
    if count > 1:
        variance += is_correct.mean(axis=0).var(ddof=1) / count
    if subset_count > 1:
        variance += is_correct.mean(axis=1).var(ddof=1) / subset_count
    return Figure(
        value=float(is_correct.mean()),
        standard_error=math.sqrt(variance) if count > 1 else None,
        count=count,
    )


def _train_indices(
    model: HasFeatures | Encodes, dataset: Dataset, settings: Settings
) -> np.ndarray:
    """Return the training examples to use: all, or as many as fit in memory as features."""
    example, _ = dataset.read(np.arange(1))
    raw = np.asarray(example)
    fitting = max(1, MEMORY_BYTES // (raw.nbytes + 4 * _see(model, raw).size))
    if fitting >= len(dataset):
        return np.arange(len(dataset))
    _logger.warning("The probe uses %d of %d training examples.", fitting, len(dataset))
    return choose(dataset, fitting, settings.seed)


def _see(model: HasFeatures | Encodes, x: np.ndarray) -> np.ndarray:
    """Return what the model has learnt to see in examples (B, ...), (B, Z)."""
    seen = model.features(x) if isinstance(model, HasFeatures) else model.encode(x)
    return np.asarray(seen, np.float32).reshape(len(x), -1)


def _features(
    model: HasFeatures | Encodes, dataset: Dataset, indices: np.ndarray, settings: Settings
) -> Features:
    """Return features and raw values of the examples at `indices`, read once."""
    learnt, raw, all_labels = [], [], []
    title = f"features of {dataset.split}"
    for x, labels in read_batches(dataset, indices, BATCH_SIZE, title, settings):
        if labels is None:
            raise DataError(
                f"'{dataset.name}' has no labels, which the probe learns to predict. "
                "Give data with labels, such as a folder with one sub-folder per class."
            )
        learnt.append(_see(model, x))
        raw.append(x.reshape(len(x), -1))
        all_labels.append(labels)
    by_name = {"probe": np.concatenate(learnt), "pixels": np.concatenate(raw)}
    return Features(by_name, np.concatenate(all_labels))
