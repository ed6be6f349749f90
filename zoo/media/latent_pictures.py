"""Pictures of a trained run's latent space."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.errors import DataError, ZooError, did_you_mean
from zoo.latent import Method, interpolate, manifold, reconstruct, traverse
from zoo.media.grid import SEPARATOR_GREY, MediaError, save_grid
from zoo.metrics.evaluation import load_examples
from zoo.metrics.examples import choose, known_labels, takes_class
from zoo.planning import card_of, load_dataset
from zoo.protocols import Encodes, HasLikelihood
from zoo.runs import Run
from zoo.training import load_model

# Shapes: P pairs or examples, S steps, Z latent size, D dimensions shown, N size of the plane,
# H height, W width, C channels.

MAX_COLUMNS = 16
CODES = 1000  # examples whose codes say where codes lie


@dataclass(frozen=True)
class Subject:
    """What is explored.

    Args:
        run: The run.
        model: Its model, which encodes.
        dataset: Examples to encode.
    """

    run: Run
    model: Any
    dataset: Dataset

    def examples(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the images (P, H, W, C) at `indices`, and labels (P,) if the model takes them.

        Raises:
            DataError: If there is no such index.
        """
        count = len(self.dataset)
        wrong = indices[(indices < 0) | (indices >= count)]
        if len(wrong):
            raise DataError(
                f"The split '{self.dataset.split}' of '{self.dataset.name}' has the examples 0 to "
                f"{count - 1}. Received: {wrong[0]}."
            )
        x, labels = self.dataset.read(indices)
        return np.asarray(x), known_labels(self.model, labels)

    def code_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation (Z,) of the codes of examples."""
        indices = choose(self.dataset, min(CODES, len(self.dataset)), 0)
        codes = self.model.encode(*self.examples(indices))  # (P, Z)
        return codes.mean(axis=0), codes.std(axis=0)


def open_subject(run: Run, *, data: str | None = None, split: str | None = None) -> Subject:
    """Return a run's model and examples of its data, or of other data.

    Raises:
        ZooError: If the model has no latent vectors, or does not model images.
    """
    card = card_of(run.request)
    if card.kind != "image":
        raise MediaError(
            f"Latent spaces are shown as pictures of images. '{card.name}' models {card.kind} data."
        )
    model = load_model(run)
    if not isinstance(model, Encodes):
        raise ZooError(
            f"'{card.name}' has no latent space to explore: it can neither encode nor decode. "
            "Expected: the run of a model with the protocol 'Encodes', such as an autoencoder."
        )
    return Subject(run, model, load_examples(run, model, data, split))


def draw_interpolation(
    subject: Subject,
    pairs: np.ndarray,
    *,
    steps: int,
    method: Method,
    out: Path | None = None,
) -> Path:
    """Draw a row per pair of indices (P, 2): one image, what lies between their codes, the other.

    Raises:
        ZooError: If there is no such example, or the picture cannot be written.
    """
    x_a, labels_a = subject.examples(pairs[:, 0])
    x_b, labels_b = subject.examples(pairs[:, 1])
    between = interpolate(
        subject.model, x_a, x_b, steps, method, labels_a=labels_a, labels_b=labels_b
    )  # (P, S, H, W, C)
    rows = np.concatenate([x_a[:, None], between, x_b[:, None]], axis=1)
    return _save(subject, rows, "interpolate", out)


def draw_pairs(subject: Subject, count: int, seed: int) -> np.ndarray:
    """Return the indices (P, 2) of pairs of examples drawn at random.

    Raises:
        DataError: If there are too few examples.
    """
    available = len(subject.dataset)
    if available < 2 * count:
        raise DataError(
            f"The split '{subject.dataset.split}' of '{subject.dataset.name}' has {available} "
            f"examples, which make {available // 2} pairs. Received: a count of {count}."
        )
    chosen = np.random.default_rng(seed).choice(available, (count, 2), replace=False)
    return np.asarray(chosen)


def draw_traversal(
    subject: Subject,
    index: int,
    *,
    steps: int,
    span: float,
    dimensions: int,
    out: Path | None = None,
) -> tuple[Path, list[int]]:
    """Draw a row per latent dimension, which varies while the others keep an example's code.

    The middle of a row is the mean of that dimension over the codes of examples, its ends lie
    `span` standard deviations from it. First come the dimensions along which pixels vary most: a
    dimension that the decoder ignores does not show, however much it varies.

    Returns:
        The file, and the dimensions in the order of the rows.
    """
    x, labels = subject.examples(np.array([index]))
    [code] = subject.model.encode(x, labels)  # (Z,)
    mean, spread = subject.code_statistics()  # (Z,) each
    values = mean[:, None] + spread[:, None] * np.linspace(-span, span, steps)  # (Z, S)
    label = None if labels is None else int(labels[0])
    rows = traverse(subject.model, code, values, label)  # (Z, S, H, W, C)
    effect = rows.var(axis=1).reshape(len(rows), -1).mean(axis=1)  # (Z,)
    order = np.argsort(-effect, kind="stable")[:dimensions]
    return _save(subject, rows[order], "traverse", out), order.tolist()


def draw_reconstruction(
    subject: Subject, count: int, *, seed: int, out: Path | None = None
) -> tuple[Path, int]:
    """Draw examples in rows, and under each what is decoded from its code.

    Returns:
        The file, and how many examples it shows: all where there are fewer than `count`.
    """
    indices = choose(subject.dataset, min(count, len(subject.dataset)), seed)
    x, labels = subject.examples(indices)  # (P, H, W, C)
    rebuilt = reconstruct(subject.model, x, labels)
    columns = min(MAX_COLUMNS, len(x))
    empty = -len(x) % columns  # places without an image in the last row
    pad = [(0, empty), (0, 0), (0, 0), (0, 0)]
    blank = SEPARATOR_GREY / 255
    tiles = [
        np.pad(images, pad, constant_values=blank).reshape(-1, 1, columns, *images.shape[1:])
        for images in (x, rebuilt)
    ]  # (rows, 1, columns, H, W, C) each
    rows = np.concatenate(tiles, axis=1).reshape(-1, columns, *x.shape[1:])
    return _save(subject, rows, "reconstruct", out), len(x)


def draw_manifold(
    subject: Subject, size: int, *, class_name: str | None = None, out: Path | None = None
) -> Path:
    """Draw what lies in the plane of a two-dimensional latent space, N by N pictures.

    A model with a likelihood has a standard normal prior over the plane; for one without, the
    plane is where codes lie.

    Raises:
        ZooError: If the latent space has another size, or a class is missing or unknown.
    """
    model = subject.model
    mean, spread = subject.code_statistics()  # (Z,) each
    if len(mean) != 2:
        raise ZooError(
            f"The manifold is drawn for 2 latent dimensions. '{subject.run.path}' has {len(mean)}. "
            "Train with --set latent_size=2, or see `zoo latent traverse`."
        )
    if isinstance(model, HasLikelihood):
        mean, spread = np.zeros(2), np.ones(2)
    label = _label(subject, class_name)
    rows = manifold(model, size, mean=mean, standard_deviation=spread, label=label)
    return _save(subject, rows, "manifold", out)


def _label(subject: Subject, class_name: str | None) -> int | None:
    """Return the label of a class, which a model takes or does not."""
    name = subject.run.request.model
    if not takes_class(subject.model):
        if class_name is not None:
            raise ZooError(f"'{name}' as trained takes no class. Leave out --class.")
        return None
    classes = load_dataset(subject.run, "train").spec.class_names  # type: ignore[union-attr]
    if class_name not in classes:
        received = "none" if class_name is None else f"'{class_name}'"
        close = did_you_mean(class_name or "", classes)
        raise ZooError(
            f"'{name}' as trained needs a --class. Received: {received}.{close} "
            f"Classes: {', '.join(classes)}."
        )
    return list(classes).index(class_name)


def _save(subject: Subject, rows: np.ndarray, name: str, out: Path | None) -> Path:
    """Write rows of images (R, K, H, W, C) as a picture and return its file."""
    path = out or subject.run.path / f"latent-{name}.png"
    if path.suffix.lower() != ".png":
        raise MediaError(f"The picture is written as '.png'. Received: '{path.name}'.")
    save_grid(rows.reshape(-1, *rows.shape[2:]), path, columns=rows.shape[1])
    return path
