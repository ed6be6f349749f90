"""Labelled data under the numbers by which a model knows the classes."""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.data.dataset import Batch, Dataset, Sequences
from zoo.data.files import shown
from zoo.errors import DataError, did_you_mean

# Shapes: N examples, B batch, L classes of the data.


class Relabelled:
    """A data set of images, sounds or sketches, whose labels are those of other data by name.

    Args:
        dataset: The data; their classes are among `class_names`.
        class_names: Name of each label.

    Raises:
        DataError: If the data have a class of another name.
    """

    def __init__(self, dataset: Dataset, class_names: tuple[str, ...]):
        spec: Any = dataset.spec
        for name in spec.class_names:
            if name not in class_names:
                raise DataError(
                    f"'{shown(dataset.name)}' has a class '{name}', which the model does not know."
                    f"{did_you_mean(name, class_names)} Its classes: {', '.join(class_names)}. "
                    "Rename the class, or leave it out of the data."
                )
        self.name = dataset.name
        self.split = dataset.split
        self.splits = dataset.splits
        self.spec = replace(spec, class_names=class_names)
        self.skipped = dataset.skipped
        if isinstance(dataset, Sequences):
            self.lengths = dataset.lengths
        self._dataset = dataset
        self._labels = np.array([class_names.index(n) for n in spec.class_names], np.int32)  # (L,)
        labels = f"{dataset.fingerprint} {self._labels.tolist()} of {class_names}"
        self.fingerprint = hashlib.sha256(labels.encode("utf-8", "surrogatepass")).hexdigest()

    def __len__(self) -> int:
        return len(self._dataset)

    def read(self, indices: np.ndarray) -> Batch:
        """Return the examples at `indices` (B,) and their labels (B,)."""
        examples, labels = self._dataset.read(indices)
        return examples, None if labels is None else self._labels[labels]
