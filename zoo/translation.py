"""What every model that translates images between two domains can do."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from zoo.data.dataset import DOMAINS, Domain
from zoo.engine import PlayerModel, compile_function, in_batches
from zoo.errors import DataError

# Shapes: B batch, N images, H height, W width, C channels, of each domain its own.

PIXELS_PER_CALL = 64 * 64 * 64  # so many small images at once, or one large one


def other(domain: Domain) -> Domain:
    """Return the other domain."""
    return "B" if domain == "A" else "A"


class DomainTranslator(PlayerModel):
    """A model with a generator into each of two domains of images.

    Its configuration has `image_shape_a` and `image_shape_b`. A subclass gives `translated`, and
    says by `takes_any_size` whether its generators are fully convolutional.

    Args:
        config: The model's configuration.
    """

    takes_any_size: ClassVar[bool] = False

    def __init__(self, config: Any, **kwargs: Any):
        super().__init__(config, **kwargs)
        self.translators = {
            to: compile_function(self, lambda images, to=to: self.translated(images, to))
            for to in DOMAINS
        }

    def translated(self, images: Any, to: Domain, training: bool = False) -> Any:
        """Return images (B, H, W, C) in [0, 1] of the other domain as of the domain `to`, tensors.

        To be given by a subclass.
        """
        raise NotImplementedError(f"{type(self).__name__} must say how it translates.")

    def side_multiple(self, to: Domain) -> int:
        """Return what the sides of images that are translated to `to` are multiples of."""
        return 1

    def image_shape(self, domain: Domain) -> tuple[int, int, int]:
        """Return (H, W, C) of the images of a domain that the model is trained on."""
        shape: tuple[int, int, int] = (
            self.config.image_shape_a if domain == "A" else self.config.image_shape_b
        )
        return shape

    def scale(self, to: Domain) -> Fraction:
        """Return how many times as high a translated image is as the given one."""
        return Fraction(self.image_shape(to)[0], self.image_shape(other(to))[0])

    # What it can do once trained: NumPy in, NumPy out.

    def translate(self, x: Any, to: Domain) -> np.ndarray:
        """Return images (N, H, W, C) in [0, 1] of the other domain as they would look in `to`.

        Where the generators are fully convolutional, images may have any size: the sides are made
        up to a multiple of `side_multiple` by reflection, and what comes of that is cut off again.

        Args:
            x: Images (N, H, W, C) in [0, 1].
            to: The domain to translate to.

        Raises:
            DataError: If `to` is no domain, or the images have a shape that the model cannot take.
        """
        if to not in DOMAINS:
            raise DataError(f"to must be 'A' or 'B'. Received: {to!r}.")
        x = np.asarray(x, np.float32)
        self._check(x, to)
        height, width = x.shape[1:3]
        if self.takes_any_size:
            multiple = self.side_multiple(to)
            padding = [(0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0)]
            x = np.pad(x, padding, mode="symmetric")
        count = max(1, PIXELS_PER_CALL // (x.shape[1] * x.shape[2]))
        made = in_batches(self.translators[to], count, x)
        scale = self.scale(to)
        return made[:, : round(height * scale), : round(width * scale)]

    def _check(self, x: np.ndarray, to: Domain) -> None:
        shape = self.image_shape(other(to))
        fits = x.ndim == 4 and len(x) > 0 and x.shape[3] == shape[2] and x.size > 0
        if fits and (self.takes_any_size or x.shape[1:] == shape):
            return
        size = "H, W" if self.takes_any_size else f"{shape[0]}, {shape[1]}"
        raise DataError(
            f"Images to be translated to domain {to} must have the shape (N, {size}, {shape[2]}). "
            f"Received: {x.shape}. Crop, resize or convert them first."
        )


@dataclass(frozen=True)
class RoundTrip:
    """Images of a domain, translated to the other one and back again.

    Args:
        domain: The domain that they come from.
        given: The images (N, H, W, C).
        there: As they would look in the other domain.
        back: Translated back.
    """

    domain: Domain
    given: np.ndarray
    there: np.ndarray
    back: np.ndarray


def round_trips(model: Any, x: Any) -> tuple[RoundTrip, RoundTrip]:
    """Return images {"A": (N, H, W, C), "B": ...} there and back, by a model that `Translates`."""
    first, second = (_round_trip(model, domain, x[domain]) for domain in DOMAINS)
    return first, second


def _round_trip(model: Any, domain: Domain, given: np.ndarray) -> RoundTrip:
    there = model.translate(given, other(domain))
    return RoundTrip(domain, given, there, model.translate(there, domain))
