"""Autoencoder and variational autoencoder, dense and convolutional."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_vae.autoencoder import Autoencoder
    from zoo_vae.config import AutoencoderConfig, VAEConfig
    from zoo_vae.vae import VAE

AUTOENCODER = ModelCard(
    name="autoencoder",
    title="Autoencoder",
    summary="Squeezes an image through a short code and rebuilds it; no prior, so weak samples.",
    paper="Hinton & Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks",
    year=2006,
    url="https://doi.org/10.1126/science.1127647",
    kind="image",
    data="digits",
    model="zoo_vae.autoencoder:Autoencoder",
    config="zoo_vae.config:AutoencoderConfig",
    presets="zoo_vae.config:AUTOENCODER_PRESETS",
)

VAE_CARD = ModelCard(
    name="vae",
    title="Variational autoencoder",
    summary="Learns a latent code with a Gaussian prior by maximising a bound on the likelihood.",
    paper="Kingma & Welling, Auto-Encoding Variational Bayes",
    year=2014,
    url="https://arxiv.org/abs/1312.6114",
    kind="image",
    data="digits",
    model="zoo_vae.vae:VAE",
    config="zoo_vae.config:VAEConfig",
    presets="zoo_vae.config:VAE_PRESETS",
)

_LAZY = {
    "Autoencoder": "zoo_vae.autoencoder",
    "AutoencoderConfig": "zoo_vae.config",
    "VAE": "zoo_vae.vae",
    "VAEConfig": "zoo_vae.config",
}
__all__ = ["AUTOENCODER", "VAE", "VAE_CARD", "Autoencoder", "AutoencoderConfig", "VAEConfig"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
