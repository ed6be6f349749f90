"""Symptoms in samples of images, beside real ones: few modes, inverted or exchanged channels."""

from dataclasses import dataclass

import numpy as np

# Shapes: N images, M other images, H height, W width, C channels, F numbers in a view, K modes.

COLLAPSED = "samples have collapsed"
INVERTED = "channels are inverted"
EXCHANGED = "colour channels are exchanged"

SAMPLES = 64  # that one look takes
LEAST_EXAMPLES = 2 * SAMPLES  # half of them make the modes, the others say what is usual
MODES = 20
EXAMPLES_PER_MODE = 4
ROUNDING = 1e-5  # in the square of a distance between views of length 1
LITTLE = 0.5  # of the diversity of real images: samples have collapsed
VARIED = 0.6  # of the same: they were varied before
NOISY = 1.5  # times as far from the modes as real images; noise is at 2.7 and more
SIDE = 32  # pixels, to which larger images are averaged
BLUR = 0.05  # of the height: strokes that are a little apart count as alike
ROUNDS = 20  # of k-means; it stands still before

EXPLAINS = 1 / 3  # of the distance to the data that another reading of a channel may leave
VISIBLE = 0.05  # root mean square of a difference of means in [0, 1]
STANDARD_ERRORS = 3.0


@dataclass(frozen=True)
class Look:
    """What one look at samples gave.

    Args:
        modes: Effective number of modes of the samples.
        real_modes: That of as many real images.
        spread: Mean distance of the views of two samples, as a share of that of real images.
        distance: Mean distance to the nearest mode, as a share of that of real images.
        channels: For each channel of the samples, which channel of the data it looks like, and
            whether inverted; None where it looks like its own, or like nothing.
    """

    modes: float
    real_modes: float
    spread: float
    distance: float
    channels: tuple[tuple[int, bool], ...] | None

    @property
    def diversity(self) -> float:
        """How varied samples are; 1 is as varied as real images."""
        return self.modes / self.real_modes * self.spread

    @property
    def is_collapsed(self) -> bool:
        """Whether samples are so much less varied than the data."""
        return self.diversity < LITTLE

    @property
    def is_varied(self) -> bool:
        """Whether samples are about as varied as the data, and no noise."""
        return self.diversity >= VARIED and self.distance < NOISY


class Examiner:
    """Compares samples with real images.

    The view of an image is the image blurred, each channel less its mean, and all scaled to length
    1, so that neither contrast nor tint nor background tells images apart. Modes are the clusters
    of k-means of the views of half of the examples. The effective number of modes is exp(entropy)
    of how images fall on the nearest centres. Noise falls on many: a young generator does not seem
    collapsed.

    Args:
        examples: Images (N, H, W, C) in [0, 1]; `LEAST_EXAMPLES` or more.
    """

    def __init__(self, examples: np.ndarray):
        order = np.random.default_rng(0).permutation(len(examples))
        small = _shrink(np.asarray(examples, np.float32)[order])  # (N, H, W, C)
        half = len(small) // 2
        self.shape = examples.shape[1:]
        self.mean, self.variance, self.count = small.mean(axis=0), small.var(axis=0), len(small)
        views = self._views(small)
        self.centres = _centres(views[:half], min(MODES, half // EXAMPLES_PER_MODE))
        rest = views[half : half + (len(views) - half) // SAMPLES * SAMPLES]
        self.spread, self.distance = _spread(rest), self._distance(rest)
        groups = rest.reshape(-1, SAMPLES, rest.shape[1])
        self.real_modes = float(np.mean([self._modes(group) for group in groups]))

    def look(self, samples: np.ndarray) -> Look | None:
        """Return what samples (M, H, W, C) give; None where they cannot be compared.

        Samples that are not finite are left out; half of `SAMPLES` must be left.
        """
        samples = np.asarray(samples, np.float32)
        if samples.shape[1:] != self.shape or self.spread == 0:
            return None
        samples = samples[np.isfinite(samples).all(axis=(1, 2, 3))][:SAMPLES]
        if len(samples) < SAMPLES // 2:
            return None
        small = _shrink(np.clip(samples, 0, 1))
        channels = self._channels(small)
        if channels is not None:  # read as they are meant: inverted images are no fewer modes
            read = np.empty_like(small)
            for channel, (source, is_inverted) in enumerate(channels):
                values = small[..., channel]
                read[..., source] = 1 - values if is_inverted else values
            small = read
        views = self._views(small)
        return Look(
            modes=self._modes(views),
            real_modes=self.real_modes,
            spread=_spread(views) / self.spread,
            distance=self._distance(views) / max(self.distance, 1e-6),
            channels=channels,
        )

    def _views(self, small: np.ndarray) -> np.ndarray:
        blurred = _blur(small)
        views = (blurred - blurred.mean(axis=(1, 2), keepdims=True)).reshape(len(small), -1)
        return views / np.maximum(np.linalg.norm(views, axis=1, keepdims=True), 1e-6)

    def _distance(self, views: np.ndarray) -> float:
        return float(np.sqrt(_squared_distances(views, self.centres).min(axis=1)).mean())

    def _modes(self, views: np.ndarray) -> float:
        nearest = _squared_distances(views, self.centres).argmin(axis=1)
        shares = np.bincount(nearest) / len(nearest)
        shares = shares[shares > 0]
        return float(np.exp(-np.sum(shares * np.log(shares))))

    def _channels(self, small: np.ndarray) -> tuple[tuple[int, bool], ...] | None:
        """Return which channel of the data each channel looks like, by the mean images."""
        mean = small.mean(axis=0)  # (H, W, C)
        variance = self.variance / self.count + small.var(axis=0) / len(small)
        error = np.sqrt(variance.mean(axis=(0, 1)))  # (C,)
        channels = mean.shape[-1]
        # Which image of the data, inverted or not: (C of the samples, C of the data, 2).
        readings = np.stack([self.mean, 1 - self.mean], axis=-1)  # (H, W, C, 2)
        distances = np.sqrt(np.mean((mean[..., None, None] - readings[:, :, None]) ** 2, (0, 1)))
        found = []
        for channel in range(channels):
            own = distances[channel, channel, 0]
            best = np.unravel_index(distances[channel].argmin(), (channels, 2))
            is_visible = own > VISIBLE and own > STANDARD_ERRORS * error[channel]
            is_other = is_visible and distances[channel][best] < EXPLAINS * own
            found.append((int(best[0]), bool(best[1])) if is_other else (channel, False))
        usual = [(channel, False) for channel in range(channels)]
        # A tint may bring one channel near another; only an exchange moves each to another place.
        is_exchange = sorted(source for source, _ in found) == list(range(channels))
        return tuple(found) if found != usual and is_exchange else None


def _shrink(images: np.ndarray) -> np.ndarray:
    """Return images of at most `SIDE` pixels a side, by averaging squares; a margin is cut off."""
    count, height, width, channels = images.shape
    factor = -(-max(height, width) // SIDE)
    factor = min(factor, height, width)
    rows, columns = height // factor, width // factor
    cut = images[:, : rows * factor, : columns * factor]
    return cut.reshape(count, rows, factor, columns, factor, channels).mean(axis=(2, 4))


def _blur(images: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    sigma = BLUR * images.shape[1]  # pixels
    return gaussian_filter(images, (0, sigma, sigma, 0))


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return (N, M) of (N, F) and (M, F)."""
    squares = np.sum(a * a, axis=1)[:, None] + np.sum(b * b, axis=1) - 2 * a @ b.T
    return np.maximum(squares, 0)


def _spread(views: np.ndarray) -> float:
    """Return the mean distance between two different ones of (N, F)."""
    distances = np.sqrt(_squared_distances(views, views))
    pairs = ~np.eye(len(views), dtype=bool)
    return float(distances[pairs].mean())


def _centres(views: np.ndarray, count: int) -> np.ndarray:
    """Return the centres (K, F) of Lloyd's k-means from up to `count` of the views (N, F)."""
    centres = _distinct(views, count)
    for _ in range(ROUNDS):
        nearest = _squared_distances(views, centres).argmin(axis=1)
        centres = np.stack(
            [
                views[nearest == mode].mean(axis=0) if np.any(nearest == mode) else centre
                for mode, centre in enumerate(centres)
            ]
        )
    return centres


def _distinct(views: np.ndarray, count: int) -> np.ndarray:
    """Return the first views of (N, F), up to `count`, that differ by more than rounding.

    Of two centres in one place rounding would say which is nearer.
    """
    chosen = views[:1]
    for view in views[1:]:
        if len(chosen) == count:
            break
        if _squared_distances(view[None], chosen).min() > ROUNDING:
            chosen = np.concatenate([chosen, view[None]])
    return chosen
