"""Metrics of trained models: the tables that name them, and the form of what they give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.card import Kind
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset


class MetricError(ZooError, ValueError):
    """A metric is unknown, or the model or the data cannot give it."""


class UnsuitableError(MetricError):
    """The data, or a model that diverged, cannot give a metric; unasked for, it is left out."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured value.

    Args:
        value: The mean over the examples, or what else the metric computes from them.
        standard_error: Standard error of the value; None where the examples say nothing of it.
        count: Examples that it was measured on.
    """

    value: float
    standard_error: float | None
    count: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to measure.

    Args:
        count: Examples to draw from the data; None takes all.
        samples: Examples that the model generates; None takes as many as there are real ones, at
            most 10,000.
        features: Name in `FEATURES` of what sees the images in metrics that compare samples.
        importance_samples: Draws per example, K, of an importance-weighted bound.
        seed: Seed of the draw of examples, and of everything random in a metric.
        progress: Whether to show a progress bar where stderr is a terminal.
        load_train: Loads the training split of the same data, for metrics that train something.
        load_seen: Loads what the model was trained on, which may be other data.
        folder: Where a metric may leave a picture; None leaves none.
        shared: What metrics with equal settings have drawn and computed already.
    """

    count: int | None = None
    samples: int | None = None
    features: str = "classifier"
    importance_samples: int = 100
    seed: int = 0
    progress: bool = False
    load_train: "Callable[[], Dataset] | None" = None
    load_seen: "Callable[[], Dataset] | None" = None
    folder: Path | None = None
    shared: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A group of figures that are measured together.

    Args:
        summary: One line: what it measures.
        function: Reference to `function(model, dataset, settings) -> dict[str, Figure]`.
        needs: Names in `zoo.metrics.evaluation.CAPABILITIES`; any one of them will do.
        is_cheap: Whether `zoo evaluate` measures it unasked.
        draws: Whether it draws many samples: not unasked, then, of a model that `samples_slowly`.
        kinds: Kinds of data that it can measure; none where that does not matter.
    """

    summary: str
    function: str
    needs: tuple[str, ...]
    is_cheap: bool
    draws: bool = False
    kinds: tuple[Kind, ...] = ()


METRICS: Mapping[str, Metric] = {
    "nll": Metric(
        summary="Negative log-likelihood, or bounds on it.",
        function="zoo.metrics.nll:measure_nll",
        needs=("HasLikelihood",),
        is_cheap=True,
    ),
    "reconstruction": Metric(
        summary="Squared error between an example and what is decoded from its code.",
        function="zoo.metrics.reconstruction:measure_reconstruction",
        needs=("Encodes",),
        is_cheap=True,
        kinds=("image",),
    ),
    "perplexity": Metric(
        summary="Among how many equally likely tokens the model wavers, or bounds on it.",
        function="zoo.metrics.perplexity:measure_perplexity",
        needs=("HasLikelihood",),
        is_cheap=True,
        kinds=("tokens",),
    ),
    "information": Metric(
        summary="What latent vectors tell of examples: KL, mutual information, active units.",
        function="zoo.metrics.information:measure_information",
        needs=("HasPosterior",),
        is_cheap=True,
    ),
    "distance": Metric(
        summary="Fréchet and kernel distance of samples from held-out examples.",
        function="zoo.metrics.distance:measure_distance",
        needs=("GenerativeModel",),
        is_cheap=True,
        draws=True,
        kinds=("image", "captioned"),
    ),
    "precision-recall": Metric(
        summary="Share of samples that look real, share of real examples that samples reach.",
        function="zoo.metrics.precision_recall:measure_precision_recall",
        needs=("GenerativeModel",),
        is_cheap=False,
        kinds=("image", "captioned"),
    ),
    "neighbours": Metric(
        summary="Samples beside the nearest training examples: memorised or not.",
        function="zoo.metrics.neighbours:measure_neighbours",
        needs=("GenerativeModel",),
        is_cheap=False,
        kinds=("image", "captioned"),
    ),
    "parzen": Metric(
        summary="Log-likelihood under a Gaussian Parzen window on samples.",
        function="zoo.metrics.parzen:measure_parzen",
        needs=("GenerativeModel",),
        is_cheap=False,
        kinds=("image", "captioned"),
    ),
    "terms": Metric(
        summary="Every term of the model's losses.",
        function="zoo.metrics.terms:measure_terms",
        needs=("PlayerModel",),
        is_cheap=False,
    ),
    "probe": Metric(
        summary="Accuracy of a linear classifier on codes or features, by share of the labels.",
        function="zoo.metrics.probe:measure_probe",
        needs=("HasFeatures", "Encodes"),
        is_cheap=False,
    ),
    "marginal": Metric(
        summary="Code length that only knows how often each level occurs: what nll has to beat.",
        function="zoo.metrics.marginal:measure_marginal",
        needs=("AutoregressiveModel",),
        is_cheap=True,
    ),
    "recognition": Metric(
        summary="Share of samples in which a classifier sees the class that was asked for.",
        function="zoo.metrics.recognition:measure_recognition",
        needs=("Conditional",),
        is_cheap=False,
        draws=True,
    ),
    "matching": Metric(
        summary="Share of images of text that suit their own caption better than 99 others.",
        function="zoo.metrics.matching:measure_matching",
        needs=("Illustrates",),
        is_cheap=True,
        draws=True,
        kinds=("captioned",),
    ),
    "attributes": Metric(
        summary="Share of images of text in which a classifier finds what the caption asks for.",
        function="zoo.metrics.attributes:measure_attributes",
        needs=("Illustrates",),
        is_cheap=True,
        draws=True,
        kinds=("captioned",),
    ),
    "pairs": Metric(
        summary="L1, PSNR and SSIM between translated images and what they should be.",
        function="zoo.metrics.pairs:measure_pairs",
        needs=("Translates",),
        is_cheap=True,
        kinds=("domains",),
    ),
    "cycle": Metric(
        summary="L1 between images and what they are after translation there and back.",
        function="zoo.metrics.translation:measure_cycle",
        needs=("Translates",),
        is_cheap=True,
        kinds=("domains",),
    ),
    "label-accuracy": Metric(
        summary="Share of translated images in which a classifier sees the label they had.",
        function="zoo.metrics.translation:measure_label_accuracy",
        needs=("Translates",),
        is_cheap=True,
        kinds=("domains",),
    ),
    "translation-distance": Metric(
        summary="Fréchet and kernel distance of translated images from those of the domain.",
        function="zoo.metrics.translation:measure_translation_distance",
        needs=("Translates",),
        is_cheap=False,
        kinds=("domains",),
    ),
}

# What sees the images: references to `function(train, *, progress) -> FeatureNetwork`.
FEATURES: Mapping[str, str] = {
    "classifier": "zoo.metrics.classifier:classifier_network",
    "inception": "zoo.metrics.features:inception_network",
    "pixels": "zoo.metrics.features:pixel_network",
}


def figure_json(figure: Figure) -> dict[str, Any]:
    """Return a figure as `evaluation.json` and `zoo evaluate --json` hold it."""
    return {
        "value": figure.value,
        "standard_error": figure.standard_error,
        "count": figure.count,
    }
