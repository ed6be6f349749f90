"""What the commands of `zoo latent` explore, and what the numbers mean that a user gives them.

With an encoder, number 7 is example 7 of a split of the data, and its latent vector is its code.
Without one it is sample 7 of a seed, as `zoo latent sheet` and `zoo sample` number them.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from zoo.card import ModelCard
from zoo.data.dataset import Dataset
from zoo.errors import DataError, ZooError, did_you_mean
from zoo.media.latent_page import Page, page_of
from zoo.media.place import place_of
from zoo.metrics.evaluation import load_examples
from zoo.metrics.examples import choose, known_labels, takes_class
from zoo.planning import card_of, class_names_of
from zoo.protocols import Decodes, Encodes, Illustrates, supports
from zoo.runs import Run
from zoo.training import load_model

# Shapes: P examples or samples, Z latent size, ... one example in its public form.

SAMPLES = 5000  # samples of a seed that have a number
CODES = 1000  # examples whose codes say where codes lie


@dataclass(frozen=True)
class Points:
    """Examples or samples, with their latent vectors.

    Args:
        examples: The examples, or what the latent vectors are decoded to, (P, ...).
        latents: Latent vectors (P, Z).
        labels: Labels (P,) where the model takes them.
    """

    examples: np.ndarray
    latents: np.ndarray
    labels: np.ndarray | None


@dataclass(frozen=True)
class Subject:
    """What is explored.

    Args:
        run: The run.
        model: Its model, a `zoo.protocols.Decodes`.
        dataset: Examples to encode; None where the model has no encoder.
        seed: Seed of the samples, and of what is chosen at random.
    """

    run: Run
    model: Any
    dataset: Dataset | None
    seed: int = 0

    def __len__(self) -> int:
        return SAMPLES if self.dataset is None else len(self.dataset)

    def __str__(self) -> str:
        if self.dataset is None:
            return f"of the samples of seed {self.seed}"
        return f"of the {self.dataset.split} split of {self.dataset.name}"

    @cached_property
    def page(self) -> Page:
        """How examples are shown."""
        name = self.run.request.model
        return page_of(card_of(self.run.request).kind, self.model, name)

    @cached_property
    def samples(self) -> np.ndarray:
        """The latent vectors (5000, Z) of the samples of the seed."""
        return np.asarray(self.model.draw_latents(SAMPLES, seed=self.seed))

    def points(self, numbers: np.ndarray) -> Points:
        """Return what the `numbers` (P,) stand for.

        Raises:
            DataError: If there is no such number.
        """
        if self.dataset is not None:
            examples, labels = self.read(numbers)
            return Points(examples, self.model.encode(examples, labels), labels)
        latents, labels = self.latents(numbers)
        return Points(self.model.decode(latents, labels), latents, labels)

    def latents(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return latent vectors (P, Z), and labels (P,) where the model takes them.

        Raises:
            DataError: If there is no such number.
        """
        if self.dataset is not None:
            examples, labels = self.read(numbers)
            return self.model.encode(examples, labels), labels
        self._check(numbers)
        if not takes_class(self.model):
            return self.samples[numbers], None
        # As `sample` does where it is given no labels.
        return self.samples[numbers], (numbers % self.model.config.class_count).astype(np.int32)

    def read(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the examples (P, ...), and labels (P,) where the model takes them.

        Raises:
            DataError: If there is no such number.
        """
        if self.dataset is None:
            raise TypeError("A subject without a dataset has no examples to read.")
        self._check(numbers)
        x, labels = self.dataset.read(numbers)
        return np.asarray(x), known_labels(self.model, labels)

    def _check(self, numbers: np.ndarray) -> None:
        wrong = numbers[(numbers < 0) | (numbers >= len(self))]
        if len(wrong):
            raise DataError(
                f"The numbers {self} go from 0 to {len(self) - 1}. Received: {wrong[0]}."
            )

    def draw(self, count: int) -> np.ndarray:
        """Return `count` different numbers (P,) by the seed: for samples, the first ones.

        Raises:
            DataError: If there are fewer.
        """
        if self.dataset is not None:
            return choose(self.dataset, count, self.seed)
        if count > SAMPLES:
            raise DataError(f"A seed has {SAMPLES} samples. Received: a count of {count}.")
        return np.arange(count)

    def latent_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation (Z,) of the latent vectors."""
        if self.dataset is None:
            return self.samples.mean(axis=0), self.samples.std(axis=0)
        numbers = choose(self.dataset, min(CODES, len(self.dataset)), 0)
        codes, _ = self.latents(numbers)  # (P, Z)
        return codes.mean(axis=0), codes.std(axis=0)


def open_model(run: Run) -> tuple[ModelCard, Any]:
    """Return the card and the model of a run that has latent vectors.

    Raises:
        ZooError: If the model has none.
    """
    card = card_of(run.request)
    model = load_model(run)
    if supports(model, Illustrates):
        raise ZooError(
            f"'{card.name}' makes images of text, and has no latent space of images alone. `zoo "
            "latent captions` goes from one text to another, and `zoo sample --text` varies what "
            "a text leaves open."
        )
    if not supports(model, Decodes):
        raise ZooError(
            f"'{card.name}' has no latent space to explore: it cannot decode. Expected: the run "
            "of a model with the protocol 'Decodes', such as an autoencoder or a GAN."
        )
    return card, model


def open_subject(
    run: Run,
    *,
    data: str | None = None,
    split: str | None = None,
    seed: int = 0,
    labels_samples: bool = False,
) -> Subject:
    """Return a run's model, and examples to encode or the seed of samples.

    Args:
        run: The run.
        data: Other data than the run's own, where the model has an encoder.
        split: Their split; None takes what was held out.
        seed: Seed of samples, and of what is chosen at random.
        labels_samples: Whether data are of use where the model has no encoder: to label samples.

    Raises:
        ZooError: If the model has no latent vectors, models what cannot be shown, or has no encoder
            but a split is given, or data of no use.
    """
    card, model = open_model(run)
    page_of(card.kind, model, card.name)  # what cannot be shown is refused before it is computed
    if supports(model, Encodes):
        return Subject(run, model, load_examples(run, model, data, split), seed)
    for option, value in (("--data", None if labels_samples else data), ("--split", split)):
        if value is not None:
            raise ZooError(
                f"'{card.name}' has no encoder, so numbers are those of its samples, by --seed. "
                f"Leave out {option}. Received: '{value}'."
            )
    return Subject(run, model, None, seed)


def find_label(run: Run, model: Any, class_name: str | None) -> int | None:
    """Return the label of the class that a model is conditioned on; None where it is on none.

    Raises:
        ZooError: If a class is missing, unknown, or not taken.
    """
    name = run.request.model
    if not takes_class(model):
        if class_name is not None:
            raise ZooError(f"'{name}' as trained takes no class. Leave out --class.")
        return None
    classes = class_names_of(run)
    if class_name not in classes:
        received = "none" if class_name is None else f"'{class_name}'"
        close = did_you_mean(class_name or "", classes)
        raise ZooError(
            f"'{name}' as trained needs a --class. Received: {received}.{close} "
            f"Classes: {', '.join(classes)}."
        )
    return classes.index(class_name)


def page_path(run: Run, page: Page, name: str, out: Path | None) -> Path:
    """Return where a page goes, as `place_of` does."""
    return place_of(out or run.path / f"latent-{name}{page.suffix}", page.suffix)
