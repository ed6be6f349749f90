"""Configurations and presets of the autoencoder and the VAE; importable without Keras."""

from dataclasses import dataclass
from typing import Literal

from zoo.config import Preset
from zoo.errors import ConfigError

Architecture = Literal["dense", "convolutional"]
Activation = Literal["relu", "tanh", "softplus"]


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """Configuration of the autoencoder; the defaults are the paper's MNIST network.

    Args:
        image_shape: (H, W, C) of one image.
        architecture: Dense layers, or strided convolutions around one dense layer.
        hidden_sizes: Units of the encoder's dense layers; a dense decoder mirrors them.
        filters: Channels of the stride-2 convolutions; used by `convolutional` alone.
        kernel_size: Pixels per side of every convolution's kernel; used by `convolutional` alone.
        latent_size: Numbers in the code.
        activation: Of every hidden layer.
        learning_rate: Of Adam.
    """

    image_shape: tuple[int, int, int] = (28, 28, 1)
    architecture: Architecture = "dense"
    hidden_sizes: tuple[int, ...] = (1000, 500, 250)
    filters: tuple[int, ...] = (32, 64)
    kernel_size: int = 3
    latent_size: int = 30
    activation: Activation = "relu"
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        check_networks(self)


@dataclass(frozen=True, kw_only=True)
class VAEConfig:
    """Configuration of the VAE; the defaults are the paper's MNIST experiment.

    Args:
        image_shape: (H, W, C) of one image.
        architecture: Dense layers, or strided convolutions around one dense layer.
        hidden_sizes: Units of the encoder's dense layers; a dense decoder mirrors them.
        filters: Channels of the stride-2 convolutions; used by `convolutional` alone.
        kernel_size: Pixels per side of every convolution's kernel; used by `convolutional` alone.
        latent_size: Dimensions of the latent variable z.
        activation: Of every hidden layer.
        likelihood: Of a pixel given z: `bernoulli` for black and white (grey levels count as
            probabilities), `gaussian` with one learned variance for colour.
        beta: Weight of the KL term; 1 is the bound, more is the beta-VAE.
        importance_samples: Samples of z per image in the objective; above 1 it is the tighter
            importance-weighted bound (IWAE), which needs beta = 1.
        class_conditional: Whether encoder and decoder are given the label.
        class_count: Labels in the data; used by `class_conditional` alone.
        optimizer: Adagrad as in the paper, or Adam.
        learning_rate: Of the optimizer.
        decay_steps: Steps over which the learning rate falls to zero along a cosine; 0 keeps it.
    """

    image_shape: tuple[int, int, int] = (28, 28, 1)
    architecture: Architecture = "dense"
    hidden_sizes: tuple[int, ...] = (500,)
    filters: tuple[int, ...] = (32, 64)
    kernel_size: int = 3
    latent_size: int = 20
    activation: Activation = "tanh"
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    beta: float = 1.0
    importance_samples: int = 1
    class_conditional: bool = False
    class_count: int = 0
    optimizer: Literal["adagrad", "adam"] = "adagrad"
    learning_rate: float = 0.02
    decay_steps: int = 0

    def __post_init__(self) -> None:
        check_networks(self)
        if self.beta < 0:
            raise ConfigError(f"beta must be at least 0. Received: {self.beta}.")
        if self.importance_samples < 1:
            raise ConfigError(
                f"importance_samples must be at least 1. Received: {self.importance_samples}."
            )
        if self.importance_samples > 1 and self.beta != 1:
            raise ConfigError(
                "importance_samples above 1 needs beta = 1, because the importance-weighted bound "
                f"has no separate KL term. Received: beta = {self.beta}."
            )
        if self.class_conditional and self.class_count < 2:
            raise ConfigError(
                "class_conditional needs a class_count of at least 2; it is taken from data that "
                f"has labels. Received: class_count = {self.class_count}."
            )
        if self.decay_steps < 0:
            raise ConfigError(f"decay_steps must be at least 0. Received: {self.decay_steps}.")


def check_networks(config: AutoencoderConfig | VAEConfig) -> None:
    """Raise `ConfigError` unless encoder and decoder can be built."""
    for name in ("image_shape", "hidden_sizes", "filters"):
        sizes = getattr(config, name)
        if any(size < 1 for size in sizes):
            raise ConfigError(f"{name} must hold positive numbers. Received: {sizes}.")
    if config.latent_size < 1:
        raise ConfigError(f"latent_size must be at least 1. Received: {config.latent_size}.")
    if not config.learning_rate > 0:
        raise ConfigError(f"learning_rate must be above 0. Received: {config.learning_rate}.")
    if config.architecture == "convolutional":
        if config.kernel_size < 2:  # of stride 2, it would leave out pixels
            raise ConfigError(f"kernel_size must be at least 2. Received: {config.kernel_size}.")
        factor = 2 ** len(config.filters)
        height, width, _ = config.image_shape
        if height % factor or width % factor:
            raise ConfigError(
                f"image_shape must be divisible by {factor}, because {len(config.filters)} "
                f"convolutions halve it. Received: {height}x{width}. Resize with --image-size, or "
                "give fewer filters."
            )


AUTOENCODER_PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits of 8x8 pixels; under a minute on two cores.",
        data="digits",
        epochs=60,
        batch_size=64,
        config={"hidden_sizes": (256, 128), "latent_size": 8},
    ),
    "paper": Preset(
        summary="784-1000-500-250-30 on MNIST, trained end to end in place of RBM pretraining.",
        data="mnist",
        epochs=100,
        batch_size=100,
    ),
}

VAE_PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits of 8x8 pixels; under a minute on two cores.",
        data="digits",
        epochs=200,
        batch_size=64,
        config={
            "hidden_sizes": (256,),
            "latent_size": 8,
            "activation": "relu",
            "optimizer": "adam",
            "learning_rate": 1e-3,
        },
    ),
    "paper": Preset(
        summary="784-500-20 on MNIST with Adagrad, to the 10^8 examples of the paper's figure 2.",
        data="mnist",
        epochs=1667,
        batch_size=100,
    ),
    "mnist": Preset(
        summary="784-400-20 on MNIST with Adam, ten epochs; grey levels as Bernoulli targets.",
        data="mnist",
        epochs=10,
        batch_size=128,
        config={
            "hidden_sizes": (400,),
            "activation": "relu",
            "optimizer": "adam",
            "learning_rate": 1e-3,
        },
    ),
    "manifold": Preset(
        summary="A two-dimensional latent space on MNIST, for the picture of the manifold.",
        data="mnist",
        epochs=30,
        batch_size=128,
        config={
            "latent_size": 2,
            "activation": "relu",
            "optimizer": "adam",
            "learning_rate": 1e-3,
        },
    ),
    "binarized-mnist": Preset(
        summary="784-200-200-50 on the fixed binarisation, for likelihoods beside published ones.",
        data="binarized_mnist",
        epochs=200,
        batch_size=100,
        config={
            "hidden_sizes": (200, 200),
            "latent_size": 50,
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "decay_steps": 100_000,
        },
    ),
    "binarized-mnist-convolutional": Preset(
        summary="Strided convolutions on the fixed binarisation, which they overfit less.",
        data="binarized_mnist",
        epochs=150,
        batch_size=100,
        config={
            "architecture": "convolutional",
            "filters": (16, 32),
            "kernel_size": 5,
            "hidden_sizes": (450,),
            "latent_size": 32,
            "activation": "relu",
            "optimizer": "adam",
            "learning_rate": 2e-3,
            "decay_steps": 75_000,
        },
    ),
    "convolutional": Preset(
        summary="Strided convolutions and 16 latent dimensions on MNIST.",
        data="mnist",
        epochs=10,
        batch_size=128,
        config={
            "architecture": "convolutional",
            "hidden_sizes": (256,),
            "latent_size": 16,
            "activation": "relu",
            "optimizer": "adam",
            "learning_rate": 1e-3,
        },
    ),
    "conditional": Preset(
        summary="Encoder and decoder are told the digit, so a sample can be asked for by class.",
        data="mnist",
        epochs=10,
        batch_size=128,
        config={
            "hidden_sizes": (400,),
            "activation": "relu",
            "class_conditional": True,
            "optimizer": "adam",
            "learning_rate": 1e-3,
        },
    ),
}
