"""Configuration and presets of the StackGAN; importable without Keras."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from zoo.config import Preset
from zoo.errors import ConfigError
from zoo.shapes import start_grid

_NO_WORDS = ("", "▁<unknown>")  # the end of a caption, and what a vocabulary lacks


@dataclass(frozen=True, kw_only=True)
class StackGANConfig:
    """Configuration of the StackGAN; the defaults are the paper's at 256x256 pixels.

    Args:
        stage: 1 makes small images of text; 2 refines what a stage I makes, with the text again.
        image_shape: (H, W, C) of the images of this stage; taken from the data.
        refinement: How many times as many pixels a side as stage I's stage II makes.
        vocabulary: The token of each index, V; taken from the data.
        max_length: Tokens of the longest caption and its end, T; taken from the data.
        captions: What samples are made of where nothing is asked for; taken from the data.
        embedding_size: Numbers in the embedding of each caption, where the data bring them; 0
            where the model has a text encoder of its own.
        text_size: Numbers in an embedding of the model's own, E, an even number.
        matching_steps: Steps over which the text encoder learns, at a rate that falls to zero along
            a cosine: the others then learn from embeddings that no longer move.
        condition_size: Numbers that conditioning augmentation makes of an embedding.
        latent_size: Numbers in the noise vector.
        generator_filters: Channels of stage I's generator before the image, twice as many in each
            layer before that; stage II has 8 times as many in its residual blocks.
        discriminator_filters: Channels of a discriminator's first layer; each after it has twice
            as many.
        residual_blocks: Of stage II.
        kl_weight: Of conditioning augmentation's KL to the standard normal, mean over numbers.
        learning_rate: Of Adam, generator and discriminator.
        beta_1: Of Adam: the momentum of the gradient's mean.
        halve_every: Steps after which the learning rate is halved, again and again; 0 keeps it.
        altered_captions: Whether half of the wrong captions that the discriminator is told are
            right but for one word; needs a text encoder of the model's own.
        average: Momentum of a moving average of the generator's weights, which then makes the
            samples; 0 keeps none.
        first_stage: A trained run of stage I to refine; by default one is trained first.
        first_stage_length: Length of that training, as a share of stage II's.
    """

    stage: Literal[1, 2] = 2
    image_shape: tuple[int, int, int] = (256, 256, 3)
    refinement: Literal[2, 4] = 4
    vocabulary: tuple[str, ...] = _NO_WORDS
    max_length: int = 61
    captions: tuple[str, ...] = ()
    embedding_size: int = 0
    text_size: int = 256
    matching_steps: int = 5000
    condition_size: int = 128
    latent_size: int = 100
    generator_filters: int = 64
    discriminator_filters: int = 64
    residual_blocks: int = 4
    kl_weight: float = 2.0
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    halve_every: int = 0
    altered_captions: bool = False
    average: float = 0.0
    first_stage: str = ""
    first_stage_length: float = 1.0

    def __post_init__(self) -> None:
        self._check_numbers()
        start_grid(self.first_shape)
        if self.stage == 2:
            self._check_refinement()
        elif self.first_stage:
            raise ConfigError(
                "first_stage names what stage II refines, and this is stage I. Received: "
                f"'{self.first_stage}'. Leave it out, or set stage=2."
            )

    @property
    def told_size(self) -> int:
        """Numbers in the embedding of a caption, wherever it comes from."""
        return self.embedding_size or self.text_size

    @property
    def first_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of what stage I makes."""
        height, width, channels = self.image_shape
        factor = self.refinement if self.stage == 2 else 1
        return height // factor, width // factor, channels

    @property
    def noise_size(self) -> int:
        """Numbers that an image is made of beside text."""
        return self.latent_size + self.stage * self.condition_size

    def of_first_stage(self) -> "StackGANConfig":
        """Return the configuration of the stage I that a stage II refines."""
        return dataclasses.replace(
            self, stage=1, image_shape=self.first_shape, first_stage="", first_stage_length=1.0
        )

    def _check_numbers(self) -> None:
        for name in (
            "matching_steps",
            "condition_size",
            "latent_size",
            "generator_filters",
            "discriminator_filters",
            "residual_blocks",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1. Received: {getattr(self, name)}.")
        for name in ("kl_weight", "halve_every", "embedding_size"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be 0 or more. Received: {getattr(self, name)}.")
        for name in ("beta_1", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie in [0, 1). Received: {getattr(self, name)}.")
        for name in ("learning_rate", "first_stage_length"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0. Received: {getattr(self, name)}.")
        if self.altered_captions and self.embedding_size:
            raise ConfigError(
                "altered_captions needs a text encoder, and the data bring the embeddings of their "
                "captions alone. Leave out one of them."
            )
        if self.text_size < 2 or self.text_size % 2:
            raise ConfigError(
                "text_size must be an even number, because a caption is read in two directions. "
                f"Received: {self.text_size}."
            )
        if self.image_shape[2] < 1:
            raise ConfigError(f"image_shape must have channels. Received: {self.image_shape}.")
        if self.max_length < 2 or len(self.vocabulary) < 2:
            raise ConfigError(
                "max_length and the vocabulary must hold at least 2 tokens. Received: "
                f"{self.max_length} and {len(self.vocabulary)}."
            )

    def _check_refinement(self) -> None:
        height, width, _ = self.image_shape
        if height % (4 * self.refinement) or width % (4 * self.refinement):
            raise ConfigError(
                f"Both sides of an image must be multiples of {4 * self.refinement}, because stage "
                f"II halves what stage I makes twice, and makes it {self.refinement} times as "
                f"large. Received: {height}x{width}. Resize with --image-size."
            )
        if self.generator_filters % 2:
            raise ConfigError(
                "generator_filters must be even, because stage II halves them. Received: "
                f"{self.generator_filters}."
            )


_SMALL = {
    "refinement": 2,
    "generator_filters": 32,
    "discriminator_filters": 16,
    "residual_blocks": 2,
    "average": 0.99,
}

PRESETS = {
    "laptop": Preset(
        summary="Handwritten digits of their captions, 16x16 and then 32x32 pixels.",
        data="captioned-digits",
        form={"image_size": 32},
        epochs=40,
        batch_size=32,
        config={
            **_SMALL,
            "text_size": 64,
            "matching_steps": 1000,
            "condition_size": 32,
            "latent_size": 32,
            "generator_filters": 16,
        },
    ),
    "scenes": Preset(
        summary="Two coloured shapes of captions, 32x32 and then 64x64 pixels; tests are of scenes "
        "that training never shows.",
        data="scenes",
        form={"image_size": 64},
        epochs=10,
        batch_size=32,
        config={
            **_SMALL,
            "first_stage_length": 6.4,
            "text_size": 128,
            "matching_steps": 3000,
            "condition_size": 64,
            "latent_size": 32,
            "learning_rate": 5e-4,
            "altered_captions": True,
        },
    ),
    "pictures": Preset(
        summary="Some thousand small pictures, 32x32 and then 64x64 pixels; your own --data DIR "
        "--image-size 64.",
        data="scenes",
        form={"image_size": 64},
        epochs=150,
        batch_size=32,
        config={**_SMALL, "text_size": 128, "condition_size": 64, "first_stage_length": 2.0},
    ),
    "paper": Preset(
        summary="64x64 and then 256x256 pixels, 600 epochs each; your own --data and, as in the "
        "paper, --embeddings; for a GPU.",
        data="coco_captions",
        form={"image_size": 256},
        augment="flip,crop",
        epochs=600,
        batch_size=64,
        config={"halve_every": 184_800},  # 100 epochs of 118,287 images
    ),
}
