"""Has the model memorised? Samples beside the training examples that are nearest to them.

The figure is the mean distance of samples to the nearest training example, divided by that of
held-out examples, in the space of features: about 1 where samples are as new as unseen data, well
below 1 where they are copies. Above 1 they are strange rather than new.
"""

import io
import math

import numpy as np

from zoo.checkpoints import write_atomically
from zoo.data.dataset import Dataset
from zoo.media.grid import grid_image
from zoo.metrics import Figure, MetricError, Settings
from zoo.metrics.comparison import BATCH_SIZE, compare
from zoo.metrics.examples import choose, read_batches
from zoo.metrics.nearest import Nearest
from zoo.protocols import GenerativeModel

# Shapes: R rows, K neighbours, N queries, H height, W width, C channels.

ROWS = 10
NEIGHBOURS = 5
MAX_QUERIES = 2000


def measure_neighbours(
    model: GenerativeModel, dataset: Dataset, settings: Settings
) -> dict[str, Figure]:
    """Return `nearest_neighbour_ratio/<net>`; leaves `neighbours.png` in `settings.folder`.

    Raises:
        MetricError: If the examples are those that the model was trained on.
    """
    comparison = compare(model, dataset, settings)
    seen, images = comparison.seen, comparison.dataset
    if images.fingerprint == seen.fingerprint:
        raise MetricError(
            "Neighbours are compared with those of held-out examples. Received: the training "
            f"examples themselves, split '{dataset.split}' of '{dataset.name}'. It has: "
            f"{', '.join(dataset.splits)}."
        )
    count = min(comparison.sample_count, MAX_QUERIES)
    samples = comparison.samples(comparison.sample_count)[:count]  # (N, H, W, C)
    held_out = choose(images, min(len(comparison.real_indices), MAX_QUERIES), settings.seed)
    shown = samples[:ROWS]
    network = comparison.network
    in_pixels = Nearest(shown.reshape(len(shown), -1), NEIGHBOURS)
    in_features = Nearest(comparison.sample_features(comparison.sample_count)[:count], NEIGHBOURS)
    of_held_out = Nearest(comparison.features_of(images, held_out), 1)
    everything = np.arange(len(seen))
    start = 0
    for x, _ in read_batches(seen, everything, BATCH_SIZE, "looking for neighbours", settings):
        indices = everything[start : start + len(x)]
        start += len(x)
        features = network.features(x)
        in_pixels.add(x.reshape(len(x), -1), indices)
        in_features.add(features, indices)
        of_held_out.add(features, indices)
    if settings.folder is not None:
        nearest = (in_pixels.indices, in_features.indices[: len(shown)])
        picture = draw(shown, *(_images(seen, indices) for indices in nearest), name=network.name)
        write_atomically(settings.folder / "neighbours.png", picture)
    ratio = _ratio(np.sqrt(in_features.squares[:, 0]), np.sqrt(of_held_out.squares[:, 0]))
    return {f"nearest_neighbour_ratio/{network.name}": ratio}


def draw(
    samples: np.ndarray, in_pixels: list[np.ndarray], in_features: list[np.ndarray], *, name: str
) -> bytes:
    """Return samples (R, H, W, C) and to the right of each its neighbours, as a PNG.

    Args:
        samples: The samples, one a row.
        in_pixels: Neighbours (K, H, W, C) of each row by pixels.
        in_features: Neighbours (K, H, W, C) of each row by features.
        name: Name of the features.
    """
    from matplotlib.figure import Figure as Canvas

    columns = max(map(len, in_pixels))
    blocks = {
        "sample": (samples, 1),
        "nearest training examples, by pixels": (np.concatenate(in_pixels), columns),
        f"by {name}": (np.concatenate(in_features), columns),
    }
    height, width = samples.shape[1:3]
    inches = 0.6 * width / height  # of a tile across
    canvas = Canvas(
        figsize=(inches * (1 + 2 * columns) + 0.6, 0.6 * len(samples) + 0.5),
        dpi=150,
        layout="constrained",
    )
    axes = canvas.subplots(1, 3, width_ratios=[across for _, across in blocks.values()])
    for part, (title, (images, across)) in zip(axes, blocks.items(), strict=True):
        picture = grid_image(np.clip(images, 0, 1), columns=across)
        part.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        part.set_title(title, fontsize=8, loc="left")
        part.axis("off")
    content = io.BytesIO()
    canvas.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _images(dataset: Dataset, indices: np.ndarray) -> list[np.ndarray]:
    """Return the images (K, H, W, C) of each row of `indices` (R, K); -1 stands for none."""
    rows = (dataset.read(row[row >= 0])[0] for row in indices)
    return [np.asarray(images) for images in rows]


def _ratio(of_samples: np.ndarray, of_held_out: np.ndarray) -> Figure:
    """Return the ratio of the means, and its error by the delta method."""
    above, below = of_samples.mean(), of_held_out.mean()
    if below == 0:
        raise MetricError(
            "Every held-out example stands among the training examples. Expected: examples that "
            "the model was not trained on. Give others with --data or --split."
        )
    variance = None
    if min(len(of_samples), len(of_held_out)) > 1:
        variance = of_samples.var(ddof=1) / len(of_samples) / below**2
        variance += (above / below**2) ** 2 * of_held_out.var(ddof=1) / len(of_held_out)
    return Figure(
        value=float(above / below),
        standard_error=None if variance is None else math.sqrt(variance),
        count=min(len(of_samples), len(of_held_out)),
    )
