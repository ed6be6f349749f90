"""RealNVP: images and Gaussian noise, each a function of the other."""

from zoo.card import ModelCard

CARD = ModelCard(
    name="realnvp",
    title="RealNVP",
    summary="Turns images into Gaussian noise and back, and knows how likely each is.",
    paper="Dinh, Sohl-Dickstein & Bengio, Density Estimation Using Real NVP",
    year=2017,
    url="https://arxiv.org/abs/1605.08803",
    kind="image",
    data="digits",
    model="zoo_realnvp.realnvp:RealNVP",
    config="zoo_realnvp.config:RealNVPConfig",
    presets="zoo_realnvp.config:PRESETS",
)
