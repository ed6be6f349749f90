"""Metrics of trained models: the one table that names them, and the form of what they give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset


class MetricError(ZooError, ValueError):
    """A metric is unknown, or the model or the data cannot give it."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured value.

    Args:
        value: The mean over the examples.
        standard_error: Standard error of that mean; None where one example says nothing of it.
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
        importance_samples: Draws per example, K, of an importance-weighted bound.
        seed: Seed of the draw of examples, and of everything random in a metric.
        progress: Whether to show a progress bar where stderr is a terminal.
        load_train: Loads the training split of the same data, for metrics that train something.
        folder: Where a metric may leave a picture; None leaves none.
    """

    count: int | None = None
    importance_samples: int = 100
    seed: int = 0
    progress: bool = False
    load_train: "Callable[[], Dataset] | None" = None
    folder: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A group of figures that are measured together.

    Args:
        summary: One line: what it measures.
        function: Reference to `function(model, dataset, settings) -> dict[str, Figure]`.
        needs: Protocol of `zoo.protocols` that the model must have.
        is_cheap: Whether `zoo evaluate` measures it unasked.
    """

    summary: str
    function: str
    needs: str
    is_cheap: bool


METRICS: Mapping[str, Metric] = {
    "nll": Metric(
        summary="Negative log-likelihood, or bounds on it.",
        function="zoo.metrics.nll:measure_nll",
        needs="HasLikelihood",
        is_cheap=True,
    ),
    "reconstruction": Metric(
        summary="Squared error between an example and what is decoded from its code.",
        function="zoo.metrics.reconstruction:measure_reconstruction",
        needs="Encodes",
        is_cheap=True,
    ),
    "probe": Metric(
        summary="Accuracy of a linear classifier on the codes, by share of the labels.",
        function="zoo.metrics.probe:measure_probe",
        needs="Encodes",
        is_cheap=False,
    ),
}


def figure_json(figure: Figure) -> dict[str, Any]:
    """Return a figure as `evaluation.json` and `zoo evaluate --json` hold it."""
    return {
        "value": figure.value,
        "standard_error": figure.standard_error,
        "count": figure.count,
    }
