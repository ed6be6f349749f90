"""Wasserstein GANs: with weight clipping, and with gradient penalty."""

from typing import TYPE_CHECKING, Any

from zoo.card import ModelCard

if TYPE_CHECKING:
    from zoo_wgan_gp.config import WGANConfig, WGANGPConfig
    from zoo_wgan_gp.wgan import WGAN
    from zoo_wgan_gp.wgan_gp import WGANGP

WGAN_CARD = ModelCard(
    name="wgan",
    title="Wasserstein GAN",
    summary="A critic estimates the distance between data and samples; its weights are clipped.",
    paper="Arjovsky, Chintala & Bottou, Wasserstein GAN",
    year=2017,
    url="https://arxiv.org/abs/1701.07875",
    kind="image",
    data="digits",
    model="zoo_wgan_gp.wgan:WGAN",
    config="zoo_wgan_gp.config:WGANConfig",
    presets="zoo_wgan_gp.config:WGAN_PRESETS",
)

WGAN_GP_CARD = ModelCard(
    name="wgan-gp",
    title="Wasserstein GAN with gradient penalty",
    summary="As the Wasserstein GAN, with the critic's slope held near 1 by a penalty.",
    paper="Gulrajani et al., Improved Training of Wasserstein GANs",
    year=2017,
    url="https://arxiv.org/abs/1704.00028",
    kind="image",
    data="digits",
    model="zoo_wgan_gp.wgan_gp:WGANGP",
    config="zoo_wgan_gp.config:WGANGPConfig",
    presets="zoo_wgan_gp.config:WGAN_GP_PRESETS",
)

_LAZY = {
    "WGAN": "zoo_wgan_gp.wgan",
    "WGANConfig": "zoo_wgan_gp.config",
    "WGANGP": "zoo_wgan_gp.wgan_gp",
    "WGANGPConfig": "zoo_wgan_gp.config",
}
__all__ = ["WGAN", "WGANGP", "WGAN_CARD", "WGAN_GP_CARD", "WGANConfig", "WGANGPConfig"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
