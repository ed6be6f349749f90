"""Which figures are the better the lower, and which the higher they are."""

import re
from typing import Literal

Direction = Literal["lower", "higher"]

# The first pattern that is found in a name decides. What is a baseline, or has no better, comes
# first: a figure that nothing is said of has no direction.
_DIRECTIONS: tuple[tuple[str, Direction | None], ...] = (
    (
        r"_(real|untranslated|chance)(?![a-z])|^(marginal|pixels|feature_accuracy)_?|_bandwidth$",
        None,
    ),
    (r"(^|_)(nll|neg_elbo|perplexity|mse|l1|l2)(_|$)", "lower"),
    (r"^(frechet|kernel)_distance", "lower"),
    (r"^(precision|recall|coverage|recognition|r_precision)/", "higher"),
    (r"^(label|probe)_accuracy|_accuracy$", "higher"),
    (r"^(psnr|ssim)_|log_likelihood", "higher"),
)


def better(figure: str) -> Direction | None:
    """Return in which direction a figure is better; None where that is unknown."""
    return next((way for pattern, way in _DIRECTIONS if re.search(pattern, figure)), None)
