"""Random changes of training images by KerasCV, a function of (seed, epoch, step) alone.

The layers run on TensorFlow's CPU under every backend, with the same bits, in the thread that
reads batches. Offered is what can be repeated exactly: layers that draw from their own generator,
which is set anew for each batch, or take their strength from a sampler of ours. Left out are
those that draw from TensorFlow's global state (shear, hue, saturation, sharpness) or take more
than 0.1 s per batch (crops of random size and aspect, blur, channel shift).
"""

import importlib
import math
import threading
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.data.tensorflow_quiet import import_tensorflow
from zoo.errors import DataError, did_you_mean

# Shapes: B batch, H height, W width, C channels.

RECIPES = {
    "flip": "mirror half of the images, left to right",
    "translate": "move by up to 10 %, mirrored at the edges (a random crop of a padded image)",
    "rotate": "turn by up to 18 degrees, mirrored at the edges",
    "zoom": "enlarge or shrink by up to 10 %, mirrored at the edges",
    "brightness": "lighten or darken by up to 0.1",
    "cutout": "blacken a rectangle of 20 to 40 % of each side",
    "crop": "enlarge by 286/256, and cut the size out at a random place",
}
_ENLARGED = 286 / 256  # CycleGAN's sizes before and after the crop


class Augmentation:
    """Changes a batch of images; the same seed, epoch and step give the same bits.

    Args:
        recipe: Names out of `RECIPES`, separated by commas, applied in this order.
        seed: Of the run.

    Raises:
        DataError: If a name is unknown, or KerasCV or TensorFlow is not installed.
    """

    def __init__(self, recipe: str, seed: int):
        self.names = _parse(recipe)
        self._seed = seed
        self._tf = import_tensorflow("--augment")
        self._layers = _make_layers(self.names)
        self._lock = threading.Lock()  # between setting a layer's generator and its use

    def __call__(self, images: np.ndarray, epoch: int, step: int) -> np.ndarray:
        """Return changed copies of float32 images (B, H, W, C) in [0, 1]."""
        words = np.random.SeedSequence([self._seed, epoch, step]).generate_state(len(self._layers))
        # Not the accelerator: training needs it, and its kernels may round otherwise.
        with self._lock, self._tf.device("CPU:0"):
            changed = self._tf.constant(images)
            for (layer, sampler), word in zip(self._layers, words, strict=True):
                layer._random_generator.reset_from_seed(int(word))
                if sampler is not None:
                    sampler.reset(int(word))
                changed = layer(changed, training=True)
            return np.clip(np.asarray(changed, np.float32), 0.0, 1.0)


class DomainsAugmentation:
    """Changes the images of two domains, each by draws of its own; see `Augmentation`.

    Args:
        recipe: Names out of `RECIPES`, separated by commas, applied in this order.
        seed: Of the run.

    Raises:
        DataError: If a name is unknown, or KerasCV or TensorFlow is not installed.
    """

    def __init__(self, recipe: str, seed: int):
        # Neither do two domains share a seed, nor those of two runs.
        self._of_domain = {"A": Augmentation(recipe, 2 * seed)}
        self._of_domain["B"] = Augmentation(recipe, 2 * seed + 1)
        self.names = self._of_domain["A"].names

    def __call__(
        self, examples: Mapping[str, np.ndarray], epoch: int, step: int
    ) -> dict[str, np.ndarray]:
        """Return changed copies of float32 images (B, H, W, C) in [0, 1], by domain."""
        changes = self._of_domain.items()
        return {domain: change(examples[domain], epoch, step) for domain, change in changes}


class CaptionedAugmentation:
    """Changes the images of a batch and leaves what is said of them; see `Augmentation`.

    Args:
        recipe: Names out of `RECIPES`, separated by commas, applied in this order.
        seed: Of the run.

    Raises:
        DataError: If a name is unknown, or KerasCV or TensorFlow is not installed.
    """

    def __init__(self, recipe: str, seed: int):
        self._of_images = Augmentation(recipe, seed)
        self.names = self._of_images.names

    def __call__(
        self, examples: Mapping[str, np.ndarray], epoch: int, step: int
    ) -> dict[str, np.ndarray]:
        """Return the examples with changed copies of their images (B, H, W, C)."""
        return {**examples, "image": self._of_images(examples["image"], epoch, step)}


def _parse(recipe: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in recipe.split(","))
    for name in names:
        if name not in RECIPES:
            raise DataError(
                f"Unknown augmentation '{name}'.{did_you_mean(name, RECIPES)} "
                f"Give one or more of {', '.join(RECIPES)}, separated by commas."
            )
    return names


def _make_layers(names: tuple[str, ...]) -> list[tuple[Any, Any]]:
    """Return each layer, and the sampler that its strength comes from or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            keras_cv = importlib.import_module("keras_cv")
    except ImportError as error:
        raise DataError(
            f"--augment needs KerasCV, which cannot be imported: {error}. "
            "Install it with `pip install keras-cv`."
        ) from error

    base: Any = keras_cv.core.FactorSampler

    class Sampler(base):
        """Uniform numbers that can be repeated; KerasCV's own come from the global generator."""

        def __init__(self, low: float, high: float):
            self._low, self._high = low, high

        def reset(self, seed: int) -> None:
            """Begin anew."""
            self._generator = np.random.Generator(np.random.PCG64(seed))

        def __call__(self, shape: Any = (), dtype: str = "float32") -> Any:
            return self._generator.uniform(self._low, self._high, shape).astype(dtype)

    # Any seed but 0 gives a layer its own generator. Full precision, whatever the run computes in.
    common: dict[str, Any] = {"seed": 1, "dtype": "float32"}
    layers = keras_cv.layers
    shift = Sampler(-0.1, 0.1)
    side = Sampler(0.2, 0.4)
    makers: dict[str, Any] = {
        "flip": lambda: (layers.RandomFlip("horizontal", **common), None),
        "translate": lambda: (
            layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", **common),
            None,
        ),
        "rotate": lambda: (layers.RandomRotation(0.05, fill_mode="reflect", **common), None),
        "zoom": lambda: (layers.RandomZoom(0.1, fill_mode="reflect", **common), None),
        "brightness": lambda: (
            layers.RandomBrightness(shift, value_range=(0, 1), **common),
            shift,
        ),
        "cutout": lambda: (layers.RandomCutout(side, side, **common), side),
        "crop": lambda: (_crop_class(keras_cv)(**common), None),
    }
    return [makers[name]() for name in names]


def _crop_class(keras_cv: Any) -> type:
    """Return the layer that "crop" names; KerasCV is not imported before it is asked for."""
    tf: Any = importlib.import_module("tensorflow")
    base: Any = keras_cv.layers.RandomCrop

    class Crop(base):
        """Enlarges images, and cuts their size out at a random place."""

        def __init__(self, **options: Any):
            super().__init__(1, 1, **options)  # the size is only known when images come

        def call(self, inputs: Any) -> Any:
            self.height, self.width = inputs.shape[1:3]
            self._larger = [math.ceil(side * _ENLARGED) for side in inputs.shape[1:3]]
            return super().call(tf.image.resize(inputs, self._larger, "bicubic"))

        def get_random_transformation_batch(self, batch_size: int, **kwargs: Any) -> dict[str, Any]:
            """Return places of whole pixels: between two, KerasCV would take some rows twice."""
            rooms = (self._larger[0] - self.height, self._larger[1] - self.width)
            draws = [
                self._random_generator.uniform((batch_size, 1), 0, room + 1, tf.int32)
                for room in rooms
            ]
            # Short of the edge, beyond which rounding could carry the last row: it would be black.
            places = [
                tf.cast(draw, tf.float32) * (1 - 1e-3) / room
                for draw, room in zip(draws, rooms, strict=True)
            ]
            return {"tops": places[0], "lefts": places[1]}

    return Crop
