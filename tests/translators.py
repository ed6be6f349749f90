"""Models of two domains that exist to try the commands, and runs of them that took no training."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from small_runs import install_model

from zoo.card import ModelCard
from zoo.checkpoints import save_checkpoint
from zoo.config import Preset, to_json
from zoo.engine import Player
from zoo.engine.state import read_state
from zoo.errors import DataError
from zoo.planning import build_model
from zoo.runs import Run, RunRequest
from zoo.translation import DomainTranslator


@dataclasses.dataclass(frozen=True, kw_only=True)
class NegativesConfig:
    """Configuration of `Negatives`.

    Args:
        image_shape_a: (H, W, C) of domain A.
        image_shape_b: (H, W, C) of domain B, in which images are as large or twice as large.
        broken: Whether it makes images of NaN.
    """

    image_shape_a: tuple[int, int, int] = (8, 8, 1)
    image_shape_b: tuple[int, int, int] = (8, 8, 3)
    broken: bool = False


@keras.saving.register_keras_serializable(package="throwaway")
class Negatives(DomainTranslator):
    """Each domain holds the negatives of the other, in as many pixels and channels as its own."""

    config_class = NegativesConfig
    takes_any_size = True

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.negator = keras.Sequential(
            [
                keras.Input((None, None, 1)),
                layers.Conv2D(
                    1,
                    1,
                    kernel_initializer=keras.initializers.Constant(-1.0),
                    bias_initializer="ones",
                ),
            ]
        )

    def side_multiple(self, to):
        return 2

    def translate(self, x, to):
        if min(np.shape(x)[1:3]) < 2:
            raise DataError("Images must have two pixels a side.")
        return super().translate(x, to)

    def translated(self, images, to, training=False):
        grey = ops.mean(images, axis=-1, keepdims=True)
        made = self.negator(grey, training=training)
        scale = self.scale(to)
        if scale == 2:
            made = ops.repeat(ops.repeat(made, 2, axis=1), 2, axis=2)
        elif scale != 1:
            made = ops.average_pool(made, 2, strides=2)
        made = ops.repeat(made, self.image_shape(to)[2], axis=-1)
        return made * np.float32("nan") if self.config.broken else made

    def players(self):
        return [
            Player(
                name="negator",
                networks=[self.negator],
                loss=lambda x, y, training: {"cycle_l1": ops.mean(self.negator(x["A"]))},
                terms=("cycle_l1",),
                optimizer=lambda: keras.optimizers.SGD(0.1),
            )
        ]


@keras.saving.register_keras_serializable(package="throwaway")
class FixedNegatives(Negatives):
    """The same, of one size alone."""

    takes_any_size = False


@keras.saving.register_keras_serializable(package="throwaway")
class InterruptedNegatives(Negatives):
    """The same, interrupted by its user after two calls."""

    calls = 0

    def translate(self, x, to):
        self.calls += 1
        if self.calls > 2:
            raise KeyboardInterrupt
        return super().translate(x, to)


PRESETS = {
    name: Preset(summary="Tiny.", data="digit-styles", epochs=1, batch_size=4)
    for name in ("laptop", "paper")
}


def card(name, model):
    return ModelCard(
        name=name,
        title="Negatives",
        summary="Turns light to dark and dark to light.",
        paper="A. Author, On Light",
        year=2001,
        url="https://example.org",
        kind="domains",
        data="digit-styles",
        model=f"translators:{model}",
        config="translators:NegativesConfig",
        presets="translators:PRESETS",
    )


NEGATIVES = card("negatives", "Negatives")
FIXED_NEGATIVES = card("fixed-negatives", "FixedNegatives")
INTERRUPTED_NEGATIVES = card("interrupted-negatives", "InterruptedNegatives")


def install_translators(site: Path) -> None:
    """Write the metadata of distributions with these models; `site` is on `sys.path`."""
    for name in ("negatives", "fixed-negatives", "interrupted-negatives"):
        reference = f"translators:{name.replace('-', '_').upper()}"
        install_model(site, f"genzoo-{name}", name, reference)


def make_translator_run(folder: Path, model: str = "negatives", **config) -> Run:
    """Return a run whose checkpoint holds the model as it is made."""
    request = RunRequest(
        model=model,
        package=f"genzoo-{model}",
        package_version="1.0",
        preset="laptop",
        config=to_json(NegativesConfig(**config)),
        data="digit-styles",
        form={},
        augment=None,
        fingerprint="c0ffee",
        epochs=1,
        steps=None,
        batch_size=4,
        seed=0,
        backend=keras.backend.backend(),
        precision="float32",
        versions={},
    )
    run = Run.create(request, out=folder)
    made = build_model(request)
    made.compile()
    save_checkpoint(run.checkpoints_path, 1, read_state(made), {"step": 1, "steps_per_epoch": 1})
    return run
