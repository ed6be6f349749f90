"""What the decoder says of a move: a mixture of Gaussians, and the three states of the pen.

    p(dx, dy) = sum over k of pi_k N(dx, dy | mu_k, sigma_k, rho_k),  p(pen) = softmax(q)

(Eq. 3 to 7.) The log-density is a logsumexp over components, with no constant added to the density.
Standard deviations are bounded from below, and correlations away from 1: moves in whole units of
the screen, or along a line, would otherwise have a density without bound.

Temperature tau (Eq. 8): logits of pen and components are divided by tau, variances are multiplied
by it. The authors' code multiplies the standard deviations; the paper is followed here.
"""

import math
from dataclasses import dataclass
from typing import Any

from keras import ops

from zoo.making import draw_codes

# Shapes: M components, ... any (a batch and its steps).

LEAST_STD = 1e-3  # in units of the data's standard deviation
LARGEST_CORRELATION = 0.9999  # what dx leaves open of dy is a 70th of its spread


@dataclass(frozen=True, kw_only=True)
class Move:
    """The distribution of a move.

    Args:
        pen_logits: Of pen down, pen up and end, (..., 3).
        component_logits: Of the components, (..., M).
        mean_x: Of each component, (..., M).
        mean_y: Of each component, (..., M).
        log_std_x: Logarithm of its standard deviation, (..., M).
        log_std_y: Logarithm of its standard deviation, (..., M).
        correlation: Correlation of x and y, (..., M).
    """

    pen_logits: Any
    component_logits: Any
    mean_x: Any
    mean_y: Any
    log_std_x: Any
    log_std_y: Any
    correlation: Any


def output_size(mixtures: int) -> int:
    """Return the numbers that describe a move, 6M + 3."""
    return 6 * mixtures + 3


def move_of(outputs: Any) -> Move:
    """Return the distribution that a decoder's outputs (..., 6M + 3) describe."""
    outputs = ops.cast(outputs, "float32")
    mixtures = (outputs.shape[-1] - 3) // 6
    places = [3 + mixtures * parts for parts in range(6)]
    pen, component, mean_x, mean_y, std_x, std_y, correlation = ops.split(outputs, places, axis=-1)
    return Move(
        pen_logits=pen,
        component_logits=component,
        mean_x=mean_x,
        mean_y=mean_y,
        log_std_x=_bounded(std_x),
        log_std_y=_bounded(std_y),
        correlation=LARGEST_CORRELATION * ops.tanh(correlation),
    )


def offset_nats(move: Move, offsets: Any) -> Any:
    """Return -log p(dx, dy), a density, in nats (...), of offsets (..., 2)."""
    offsets = ops.cast(offsets, "float32")
    x = (offsets[..., :1] - move.mean_x) * ops.exp(-move.log_std_x)  # (..., M)
    y = (offsets[..., 1:] - move.mean_y) * ops.exp(-move.log_std_y)
    rest = (1 - move.correlation) * (1 + move.correlation)
    distance = ops.square(x - move.correlation * y) / rest + ops.square(y)
    log_volume = move.log_std_x + move.log_std_y + 0.5 * ops.log(rest) + math.log(2 * math.pi)
    log_densities = ops.log_softmax(move.component_logits) - log_volume - 0.5 * distance
    return -ops.logsumexp(log_densities, axis=-1)


def pen_nats(move: Move, pen: Any) -> Any:
    """Return -log p(pen) in nats (...), of states of the pen as one-hot vectors (..., 3)."""
    return -ops.sum(ops.cast(pen, "float32") * ops.log_softmax(move.pen_logits), axis=-1)


def draw_move(move: Move, uniforms: Any, temperature: Any) -> Any:
    """Return rows (B, 5) of stroke-5 drawn from the distributions of B moves.

    Args:
        move: The distributions.
        uniforms: Numbers (B, 4) in [0, 1) that decide the draws.
        temperature: tau; 0 takes the most likely pen and component, and the latter's mean.
    """
    pen = draw_codes(move.pen_logits, uniforms[:, 0], temperature)  # (B,)
    component = draw_codes(move.component_logits, uniforms[:, 1], temperature)
    chosen = ops.one_hot(component, move.mean_x.shape[-1], dtype="float32")  # (B, M)

    def of_chosen(values: Any) -> Any:
        return ops.sum(chosen * values, axis=-1)

    first, second = _normal_pair(uniforms[:, 2], uniforms[:, 3])
    correlation = of_chosen(move.correlation)
    second = correlation * first + ops.sqrt(1 - ops.square(correlation)) * second
    scale = ops.sqrt(ops.cast(temperature, "float32"))
    x = of_chosen(move.mean_x) + scale * ops.exp(of_chosen(move.log_std_x)) * first
    y = of_chosen(move.mean_y) + scale * ops.exp(of_chosen(move.log_std_y)) * second
    pen = ops.one_hot(pen, 3, dtype="float32")
    # The row that ends a sketch is no move.
    offsets = ops.stack([x, y], axis=-1) * (1 - pen[:, 2:])
    return ops.concatenate([offsets, pen], axis=-1)


def _bounded(raw: Any) -> Any:
    """Return raw log-standard deviations, smoothly held above log(LEAST_STD)."""
    least = math.log(LEAST_STD)
    return least + ops.softplus(raw - least)


def _normal_pair(first: Any, second: Any) -> tuple[Any, Any]:
    """Return two standard normal draws (B,) each of uniform numbers in [0, 1) (Box & Muller)."""
    radius = ops.sqrt(-2 * ops.log(1 - first))
    angle = 2 * math.pi * second
    return radius * ops.cos(angle), radius * ops.sin(angle)
