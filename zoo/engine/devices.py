"""Data-parallel training: every device holds all weights and computes its part of each batch.

A step stays one function of the whole batch, which XLA splits. The means of the losses, the
statistics of batch normalisation, which captions of a batch are compared and the noise are
therefore those of one device; only the order of sums differs, and with it the last bits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras.distribution import DataParallel, TensorLayout

from zoo.errors import ConfigError

BACKEND = "jax"  # the others' strategies are not Keras's: see docs/scaling.md


class WholeBatches(DataParallel):
    """Data parallelism that gives a batch which cannot be split evenly to every device whole.

    Training batches can always be split; the last batch of held-out data often cannot.

    Args:
        devices: Names of the devices.
    """

    def __init__(self, devices: Sequence[str]):
        super().__init__(devices=list(devices), auto_shard_dataset=False)

    def get_data_layout(self, data_shape: Sequence[int]) -> Any:
        """Return how an array is laid out: in parts along its first axis, or whole."""
        if data_shape[0] % self.num_model_replicas:
            return TensorLayout([None] * len(data_shape), self.device_mesh)
        return super().get_data_layout(data_shape)


def choose_devices(count: int, batch_size: int) -> list[str]:
    """Return the names of `count` devices for batches of `batch_size` examples.

    Raises:
        ConfigError: If the backend cannot share a batch out, there are fewer devices, or they
            cannot have equal parts.
    """
    backend = keras.backend.backend()
    if backend != BACKEND:
        raise ConfigError(
            f"--devices {count} needs the backend {BACKEND}. Received: {backend}. Give --backend "
            f"{BACKEND}, or train on one device."
        )
    found = keras.distribution.list_devices()
    if not 1 <= count <= len(found):
        raise ConfigError(
            f"--devices asks for {count} devices. Found {len(found)}: {', '.join(found)}. Ask for "
            "fewer; to try it on a CPU, set "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={count}."
        )
    if batch_size % count:
        raise ConfigError(
            f"A batch must split into {count} equal parts, one for each device. Received: "
            f"--batch-size {batch_size}. Give a multiple of {count}."
        )
    return list(found[:count])


@contextmanager
def shared_among(count: int, batch_size: int) -> Iterator[None]:
    """Share the batches of models that are built in this context out among devices.

    Args:
        count: How many devices; 1 changes nothing.
        batch_size: Examples in a batch.

    Raises:
        ConfigError: As `choose_devices`.
    """
    if count == 1:
        yield
        return
    with WholeBatches(choose_devices(count, batch_size)).scope():
        yield
