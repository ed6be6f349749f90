"""Pictures of given images as a model can make them: their latent vectors are looked for."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.checkpoints import write_atomically
from zoo.data.files import read_file
from zoo.data.pixels import UnusableImageError, decode, read_header
from zoo.errors import DataError, ZooError
from zoo.inversion import Inversion, invert
from zoo.media.latent_page import PicturePage
from zoo.media.latent_subject import Subject, find_label, open_model, page_path
from zoo.metrics.evaluation import load_examples
from zoo.protocols import Inverts
from zoo.registry import printable
from zoo.runs import Run

# Shapes: P images, Z latent size, H height, W width, C channels.


@dataclass(frozen=True)
class Targets:
    """Images to invert.

    Args:
        names: What each is called, (P,).
        images: The images (P, H, W, C).
        labels: Labels (P,) where the model takes them.
    """

    names: Sequence[str]
    images: np.ndarray
    labels: np.ndarray | None


def open_inversion(run: Run) -> Any:
    """Return the model of a run, whose latent vectors can be looked for.

    Raises:
        ZooError: If it has none, does not model images, or cannot be differentiated.
    """
    card, model = open_model(run)
    if not isinstance(model, Inverts):
        raise ZooError(
            f"The latent vectors of '{card.name}' cannot be looked for along gradients. Expected: "
            "a model with the protocol 'Inverts'."
        )
    return model


def read_files(
    run: Run, model: Any, paths: Sequence[Path], class_name: str | None = None
) -> Targets:
    """Return image files, cropped around the centre and resized as the model needs them.

    Args:
        run: The run.
        model: Its model.
        paths: The files.
        class_name: What the images show, where the model takes the class.

    Raises:
        ZooError: If a file cannot be read, or a class is missing, unknown or not taken.
    """
    height, width, channels = model.config.image_shape
    images = []
    for path in paths:
        try:
            content = read_file(path)
            is_deep = read_header(io.BytesIO(content)).is_deep
            pixels = decode(content, channels=channels, is_deep=is_deep, image_size=(height, width))
        except (OSError, UnusableImageError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(
                f"'{printable(str(path))}' cannot be read: {reason}. Expected: an image file."
            ) from error
        images.append(np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32))
    label = find_label(run, model, class_name)
    labels = None if label is None else np.full(len(paths), label, np.int32)
    return Targets([printable(path.name) for path in paths], np.stack(images), labels)


def read_numbers(
    run: Run, model: Any, numbers: np.ndarray, *, data: str | None, split: str | None
) -> Targets:
    """Return the examples of a run's data, or of other data, with the `numbers` (P,).

    Raises:
        ZooError: If there are no such data, or no such number.
    """
    # The subject of examples, whether the model can encode them or not.
    subject = Subject(run, model, load_examples(run, model, data, split))
    images, labels = subject.read(numbers)
    return Targets([f"{number} {subject}" for number in numbers], images, labels)


def draw_inversion(
    run: Run,
    model: Inverts,
    targets: Targets,
    *,
    steps: int,
    restarts: int,
    seed: int,
    latents_path: Path | None = None,
    out: Path | None = None,
) -> tuple[Path, Inversion]:
    """Draw images, and under each what the latent vector found for it is decoded to.

    Args:
        run: The run.
        model: Its model.
        targets: What to look for.
        steps: Steps of descent.
        restarts: Starts for each image.
        seed: Seed of the starts.
        latents_path: Where to keep the latent vectors (P, Z) as `.npy`; None keeps them nowhere.
        out: File of the picture.

    Raises:
        ZooError: If the descent fails, or a file cannot be written.
    """
    page = PicturePage(np.asarray)
    path = page_path(run, page, "invert", out)
    found = invert(
        model,
        targets.images,
        labels=targets.labels,
        steps=steps,
        restarts=restarts,
        seed=seed,
        progress=True,
    )
    page.pairs(targets.images, found.images, path)
    if latents_path is not None:
        content = io.BytesIO()
        np.save(content, found.latents, allow_pickle=False)
        write_atomically(latents_path, content.getvalue())
    return path, found
