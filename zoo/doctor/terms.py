"""Symptoms in the terms of the losses: overflow, a player that has won, KL that has collapsed."""

import math
from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from statistics import median

DISCRIMINATOR_WON = "the discriminator has won"
GENERATOR_WON = "the generator has won"
KL_COLLAPSED = "KL has collapsed"
OVERFLOW = "a term is about to overflow"

SURE = 0.99  # share of real and of fake examples that a discriminator which has won gets right
ONE_ANSWER = 0.05  # share right of one kind, below which it gives nearly everything one answer
WORSE_THAN_CHANCE = 0.8  # sum of both shares; whoever guesses has 1
KL_NATS = 0.1
KL_OF_PEAK = 0.01
KL_OF_PEAK_NATS = 1.0  # a tall peak at the start makes no collapse of a KL above this

WINDOW = 10  # steps
GROWTH = 10.0  # from window to window
WINDOWS = 3
OVER_USUAL = 1e6
OF_LARGEST = 1 / 16
LARGEST = {"float16": 65504.0}
LARGEST_FLOAT32 = 3.4028235e38  # bfloat16 has the same exponents


class Streaks:
    """Counts for how many epochs and steps in a row something has been so."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[int, int]] = {}

    def count(self, what: str, is_so: bool, steps: int) -> tuple[int, int]:
        """Return (epochs, steps) in a row after an epoch of so many steps."""
        epochs, before = self._since.get(what, (0, 0))
        self._since[what] = (epochs + 1, before + steps) if is_so else (0, 0)
        return self._since[what]


def won(real: float, fake: float) -> str | None:
    """Return who has won, by the shares of real and fake examples taken for what they are."""
    if real > SURE and fake > SURE:
        return DISCRIMINATOR_WON
    # One answer to everything is right for one kind and wrong for the other, which is chance.
    if min(real, fake) < ONE_ANSWER or real + fake < WORSE_THAN_CHANCE:
        return GENERATOR_WON
    return None


def is_collapsed_kl(value: float, peak: float) -> bool:
    """Return whether a KL of `value` nats says nothing about the example any more."""
    return value < KL_NATS or (value < KL_OF_PEAK * peak and value < KL_OF_PEAK_NATS)


class Growth:
    """Watches the size of one term, step by step.

    Sizes below 1 count as 1: a term that begins near zero may well grow a thousandfold.

    Args:
        dtype: What the model computes in.
    """

    def __init__(self, dtype: str):
        self.limit = OF_LARGEST * LARGEST.get(dtype, LARGEST_FLOAT32)
        # Terms are float32 sums over pixels, which are large in float16 too and no danger then.
        self._must_grow = dtype in LARGEST
        self._window: list[float] = []
        self._medians: deque[float] = deque(maxlen=100)
        self._usual = math.inf  # until a window is full

    def problem(self, value: float) -> str | None:
        """Return what is wrong with the next value of the term, if anything is."""
        if not math.isfinite(value):
            return f"it is {value}"
        size = max(1.0, abs(value))
        if size > OVER_USUAL * self._usual:
            return f"it is {value:.3g}, and was {self._usual:.3g} in the median so far"
        if size > self.limit and (not self._must_grow or size > GROWTH * self._usual):
            return f"it is {value:.3g}; {self.limit / OF_LARGEST:.3g} is the largest finite number"
        self._window.append(size)
        if len(self._window) == WINDOW:
            self._medians.append(median(self._window))
            self._usual = median(self._medians)
            self._window.clear()
        last = list(self._medians)[-WINDOWS - 1 :]
        if len(last) > WINDOWS and all(b >= GROWTH * a for a, b in pairwise(last)):
            course = ", ".join(f"{value:.3g}" for value in last)
            return f"it grew tenfold every {WINDOW} steps: {course}"
        return None


class StepValues:
    """Takes the values of single steps out of running means over an epoch, as `fit` logs them."""

    def __init__(self) -> None:
        self._count = 0
        self._means: dict[str, float] = {}

    def take(self, batch: int, means: Mapping[str, float]) -> dict[str, float]:
        """Return what the batches since the last call had, given the means up to `batch`."""
        count = batch + 1
        before, earlier = (self._count, self._means) if count > self._count else (0, {})
        self._count, self._means = count, dict(means)
        return {
            name: (count * mean - before * earlier.get(name, 0.0)) / (count - before)
            if math.isfinite(earlier.get(name, 0.0))
            else mean
            for name, mean in means.items()
        }
