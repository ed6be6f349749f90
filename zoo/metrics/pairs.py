"""How near translated images come to what they should be, where the pairs are known.

    L1 = mean |x - y|        PSNR = -10 log10 mean (x - y)²  dB, for pixels in [0, 1]

The structural similarity (Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861) compares means
m, variances v and the covariance c of two images within a window; it is averaged over the image:

    SSIM = (2 m m' + C1) (2 c + C2) / ((m² + m'² + C1) (v + v' + C2))

The window is a Gaussian of 11x11 pixels that lies within the image, with a standard deviation of
1.5; C1 = 0.01², C2 = 0.03². Of colour images it is the mean over the channels.
"""

import logging

import numpy as np
from scipy.ndimage import correlate1d

from zoo.data.domains import Domains
from zoo.metrics import Figure, MetricError, Settings, UnsuitableError
from zoo.metrics.examples import mean_figure
from zoo.metrics.translation import adapted, direction, shape_of, translations
from zoo.protocols import Translates
from zoo.translation import DOMAINS, other

# Shapes: B batch, H height, W width, C channels.

WINDOW = 11  # pixels
SIGMA = 1.5  # pixels
C1, C2 = 0.01**2, 0.03**2  # of pixels in [0, 1]
LEAST_SQUARE = 1e-10  # of a squared error: equal images would have an infinite PSNR
_logger = logging.getLogger(__name__)


def measure_pairs(model: Translates, dataset: Domains, settings: Settings) -> dict[str, Figure]:
    """Return L1, PSNR and SSIM of translated and of untranslated images, in both directions.

    SSIM is left out where images are smaller than its window.

    Raises:
        UnsuitableError: If the pairs are not known.
    """
    if not dataset.paired:
        raise UnsuitableError(
            f"The split '{dataset.split}' of '{dataset.name}' has no pairs, which L1, PSNR and "
            "SSIM compare. Give data with pairs, such as --pair side-by-side, or leave the metric "
            "'pairs' out."
        )
    made = translations(model, dataset, settings)
    figures: dict[str, Figure] = {}
    for source in DOMAINS:
        target = other(source)
        shape = shape_of(dataset, target)
        scores = {"l1": absolute_error, "psnr": signal_to_noise_db, "ssim": structural_similarity}
        if min(shape[:2]) < WINDOW:
            _logger.warning("Images of %dx%d pixels are too small for SSIM.", *shape[:2])
            del scores["ssim"]
        values: dict[str, list[np.ndarray]] = {}
        truths = made.read(target, f"pairs in {target}")
        for (given, _, translated), (truth, _) in zip(made.to(target), truths, strict=True):
            for suffix, images in (("", translated), ("_untranslated", adapted(given, shape))):
                for score, function in scores.items():
                    unit = "_db" if score == "psnr" else ""
                    name = f"{score}_{direction(source)}{suffix}{unit}"
                    values.setdefault(name, []).append(function(images, truth))
        figures |= {
            name: mean_figure(np.concatenate(parts), name) for name, parts in values.items()
        }
    return figures


def absolute_error(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference (B,) of images (B, H, W, C)."""
    return np.abs(images.astype(np.float64) - others).mean(axis=(1, 2, 3))


def signal_to_noise_db(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the peak signal-to-noise ratio (B,) of images (B, H, W, C) in [0, 1]; 100 at most."""
    squares = np.square(images.astype(np.float64) - others).mean(axis=(1, 2, 3))
    return -10 * np.log10(np.maximum(squares, LEAST_SQUARE))


def structural_similarity(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the structural similarity (B,) of images (B, H, W, C) in [0, 1].

    Raises:
        MetricError: If a side is shorter than the window.
    """
    if min(images.shape[1:3]) < WINDOW:
        raise MetricError(
            f"The window of SSIM has {WINDOW}x{WINDOW} pixels. Received: images of "
            f"{images.shape[1]}x{images.shape[2]}."
        )
    x, y = images.astype(np.float64), others.astype(np.float64)
    mean_x, mean_y = _windowed(x), _windowed(y)
    variances = _windowed(x * x + y * y) - mean_x**2 - mean_y**2  # their sum
    covariance = _windowed(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    structure = (2 * covariance + C2) / (variances + C2)
    return (luminance * structure).mean(axis=(1, 2, 3))


def _windowed(x: np.ndarray) -> np.ndarray:
    """Return the means of (B, H, W, C) in all windows that lie within the image."""
    half = WINDOW // 2
    weights = np.exp(-np.square(np.arange(-half, half + 1) / SIGMA) / 2)
    weights /= weights.sum()
    means = correlate1d(correlate1d(x, weights, axis=1), weights, axis=2)
    return means[:, half:-half, half:-half]
