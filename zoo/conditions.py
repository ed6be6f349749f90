"""What a model can be told besides the example: its class."""

from typing import Any, Literal

import numpy as np
from keras import ops

from zoo.errors import DataError

# Shapes: B batch, N count, L number of classes.


class ClassConditional:
    """Mixed into a model whose configuration has `class_count`, and perhaps `class_conditional`."""

    config: Any

    @property
    def takes_labels(self) -> bool:
        """Whether the model is given a label."""
        return getattr(self.config, "class_conditional", False)

    @property
    def conditions(self) -> tuple[Literal["class"], ...]:
        """What a sample can be asked for by."""
        return ("class",) if self.takes_labels else ()

    def needed(self, labels: Any) -> Any:
        """Return labels (B,) where the model takes any, and otherwise None.

        Raises:
            DataError: If it needs labels and there are none.
        """
        if not self.takes_labels:
            return None
        if labels is None:
            raise DataError(
                f"This {type(self).__name__} is class-conditional and needs labels. Received none. "
                "Give data with labels, or set class_conditional to False."
            )
        return labels

    def one_hot(self, labels: Any) -> Any:
        """Return labels (B,) as one-hot vectors (B, L).

        Raises:
            DataError: If there are none.
        """
        return ops.one_hot(self.needed(labels), self.config.class_count)

    def labels_for(self, count: int, labels: Any = None) -> np.ndarray | None:
        """Return the labels (N,) to sample by: those given, or all in turn; None if it takes none.

        Raises:
            DataError: If there are not as many as examples, or one is not among the classes.
        """
        if self.takes_labels and labels is None:
            return np.arange(count, dtype="int32") % self.config.class_count
        return self.labels_of(count, labels)

    def labels_of(self, count: int, labels: Any) -> np.ndarray | None:
        """Return the labels (B,) of given examples; None if the model takes none.

        Raises:
            DataError: If there are none, not as many as examples, or one is not among the classes.
        """
        labels = self.needed(labels)
        if labels is None:
            return None
        labels = np.asarray(ops.convert_to_numpy(labels), "int32")
        if labels.shape != (count,):
            raise DataError(f"labels must have shape ({count},). Received: {labels.shape}.")
        if count and not 0 <= labels.min() <= labels.max() < self.config.class_count:
            raise DataError(
                f"labels must lie between 0 and {self.config.class_count - 1}. Received: "
                f"{labels.min()} to {labels.max()}."
            )
        return labels

    def check_arrays(self, x: Any, y: Any) -> None:
        """Raise DataError where one of the labels that `fit` is given is not among the classes."""
        super().check_arrays(x, y)  # type: ignore[misc]  # of the model
        if y is not None:
            self.labels_of(len(y), y)
