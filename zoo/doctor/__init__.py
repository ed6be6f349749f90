"""The training doctor: says what goes wrong in a training, where, and what to do about it."""

from zoo.doctor.callback import TrainingDoctor
from zoo.doctor.finding import Finding, line_of

__all__ = ["Finding", "TrainingDoctor", "line_of"]
