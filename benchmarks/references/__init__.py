"""What a user would run instead, written as directly as the libraries allow.

Each builds a `Contender` from the row it stands beside. PyTorch's draw shuffled batches from a
tensor in memory, which is faster than its DataLoader; Keras's are fed by `fit` from an array.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from benchmarks.references import (
    adversarial,
    autoregressive,
    sequences,
    stackgan,
    translation,
    vae,
)
from benchmarks.references.contender import Contender, fitted, parameter_count
from benchmarks.rows import Row

__all__ = ["REFERENCES", "Contender", "Reference", "fitted", "parameter_count"]


@dataclass(frozen=True)
class Reference:
    """A contender that a row is compared with.

    Args:
        backend: Keras backend to set before it is built; the library that it measures.
        build: Makes it from the row and the examples (N, ...).
    """

    backend: str
    build: Callable[[Row, np.ndarray], Contender]


REFERENCES: Mapping[str, Reference] = MappingProxyType(
    {
        "torch-vae": Reference("torch", vae.torch_vae),
        "torch-iwae": Reference("torch", vae.torch_iwae),
        "keras-convolutional-vae": Reference("tensorflow", vae.keras_convolutional_vae),
        "keras-train-step": Reference("tensorflow", vae.keras_train_step),
        "torch-gan": Reference("torch", adversarial.torch_gan),
        "torch-dcgan": Reference("torch", adversarial.torch_dcgan),
        "torch-wgan": Reference("torch", adversarial.torch_wgan),
        "torch-wgan-gp": Reference("torch", adversarial.torch_wgan_gp),
        "torch-pixels": Reference("torch", autoregressive.torch_pixels),
        "torch-pixels-naive": Reference("torch", autoregressive.torch_pixels_naive),
        "torch-wavenet": Reference("torch", autoregressive.torch_wavenet),
        "torch-wavenet-naive": Reference("torch", autoregressive.torch_wavenet_naive),
        "torch-wavenet-queues": Reference("torch", autoregressive.torch_wavenet_queues),
        "torch-sketch-rnn": Reference("torch", sequences.torch_sketch_rnn),
        "torch-sketch-steps": Reference("torch", sequences.torch_sketch_steps),
        "torch-sentence-vae": Reference("torch", sequences.torch_sentence_vae),
        "torch-sentence-steps": Reference("torch", sequences.torch_sentence_steps),
        "torch-cyclegan": Reference("torch", translation.torch_cyclegan),
        "torch-discogan": Reference("torch", translation.torch_discogan),
        "torch-generator": Reference("torch", translation.torch_generator),
        "torch-stackgan": Reference("torch", stackgan.torch_stackgan),
        "torch-stackgan-sampling": Reference("torch", stackgan.torch_stackgan_sampling),
    }
)
