"""What every contender is, and what those of several families are made with."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Contender:
    """Something whose speed is measured.

    Args:
        run: Trains on, or makes, that many examples, and returns when all is done. More than
            there are in the data are whole epochs.
        parameters: Trainable parameters.
        share: What part of the examples `run` really makes, where all parts cost the same and
            the whole would take too long.
    """

    run: Callable[[int], None]
    parameters: int
    share: float = 1.0


def fitted(model: Any, data: Any, batch_size: int) -> Contender:
    """Return the contender that trains a compiled Keras model with `fit` on arrays (N, ...)."""
    import keras
    from keras import tree

    count = len(tree.flatten(data)[0])

    def run(examples: int) -> None:
        epochs = max(1, examples // count)
        part = tree.map_structure(lambda array: array[:examples], data)
        if keras.backend.backend() == "tensorflow":
            model.fit(_pipeline(part, batch_size), epochs=epochs, shuffle=False, verbose=0)
        else:
            model.fit(part, batch_size=batch_size, epochs=epochs, verbose=0)

    return Contender(run, parameter_count(model))


def _pipeline(data: Any, batch_size: int) -> Any:
    """Return the pipeline that Keras makes of arrays on TensorFlow, but for its tuning.

    At the end of `fit` the tuning often waits, by chance, for as long as all was running.
    """
    import tensorflow as tf

    def take(indices: Any, arrays: Any) -> Any:
        return tf.nest.map_structure(lambda array: tf.gather(array, indices), arrays)

    count = len(tf.nest.flatten(data)[0])  # of whole batches
    orders = tf.data.Dataset.range(1).map(lambda _: tf.random.shuffle(tf.range(count)))
    indices = orders.flat_map(
        lambda order: tf.data.Dataset.from_tensor_slices(tf.reshape(order, (-1, batch_size)))
    )
    arrays = tf.data.Dataset.from_tensors(data).repeat()
    options = tf.data.Options()
    options.autotune.enabled = False
    batches = tf.data.Dataset.zip((indices, arrays)).map(take).prefetch(2)
    known = tf.data.experimental.assert_cardinality(count // batch_size)
    return batches.apply(known).with_options(options)


def parameter_count(model: Any) -> int:
    """Return the number of trainable parameters of a Keras model."""
    return sum(math.prod(variable.shape) for variable in model.trainable_variables)


def shuffled_batches(examples: Any, count: int, size: int) -> Iterator[Any]:
    """Yield `count` of a tensor's rows in shuffled batches; more than it has are whole epochs."""
    import torch

    while count > 0:
        order = torch.randperm(len(examples))[:count]
        for start in range(0, len(order), size):
            yield examples[order[start : start + size]]
        count -= len(order)
