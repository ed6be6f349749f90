"""The pool of generated images that the discriminators judge (Shrivastava et al. 2017)."""

from typing import Any

import keras
from keras import layers, ops

# Shapes: B batch, P pool size, H height, W width, C channels.


@keras.saving.register_keras_serializable(package="zoo_cyclegan")
class ImagePool(layers.Layer):
    """Keeps older fakes, and gives one of them for half of the new ones.

    An image that finds the pool not yet full is kept and given back. Afterwards, half of the images
    are given back and not kept; in place of each of the others comes one from the pool, drawn at
    random, whose place it takes. The pool is a weight that no player moves: checkpoints hold it.

    Args:
        size: Images in the full pool, P; a batch may not be larger.
        image_shape: (H, W, C) of one image.
    """

    def __init__(self, size: int, image_shape: tuple[int, int, int], **kwargs: Any):
        super().__init__(**kwargs)
        self.size, self.image_shape = size, tuple(image_shape)
        self.images = self.add_weight(
            shape=(size, *image_shape), initializer="zeros", trainable=False, name="images"
        )
        self.count = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="count"
        )
        self.built = True

    def call(self, fakes: Any, seed: keras.random.SeedGenerator) -> Any:
        """Return as many images as the fakes (B, H, W, C), some of them older."""
        order = keras.random.uniform((self.size,), seed=seed)
        chances = keras.random.uniform((ops.shape(fakes)[0],), seed=seed)
        return self.exchange(fakes, order, chances)

    def exchange(self, fakes: Any, order: Any, chances: Any) -> Any:
        """Return what `call` does, given its draws.

        Args:
            fakes: New images (B, H, W, C).
            order: Numbers in [0, 1] (P,); of the images in the pool, the one with the smallest
                is exchanged first.
            chances: Numbers in [0, 1] (B,); above 0.5 an image is exchanged.
        """
        fakes = ops.cast(fakes, self.images.dtype)
        numbers = ops.arange(ops.shape(fakes)[0], dtype="int32")  # (B,)
        free = self.size - self.count
        fills = ops.less(numbers, free)  # (B,)
        # Places of this batch's first images come last, so that no two images share a place.
        is_free = ops.greater_equal(ops.arange(self.size, dtype="int32"), self.count)
        taken = ops.cast(ops.argsort(order + 2.0 * ops.cast(is_free, order.dtype)), "int32")  # (P,)
        exchanged = ops.take(taken, ops.maximum(numbers - free, 0))
        places = ops.where(fills, self.count + numbers, exchanged)  # (B,)
        older = ops.take(self.images, places, axis=0)  # (B, H, W, C)
        swaps = ops.logical_and(ops.logical_not(fills), ops.greater(chances, 0.5))
        kept = _each(ops.logical_or(fills, swaps))
        self.images.assign(
            ops.scatter_update(self.images, places[:, None], ops.where(kept, fakes, older))
        )
        self.count.assign(ops.minimum(self.count + ops.shape(fakes)[0], self.size))
        return ops.where(_each(swaps), older, fakes)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "size": self.size, "image_shape": self.image_shape}


def _each(flags: Any) -> Any:
    return ops.reshape(flags, (-1, 1, 1, 1))  # (B, 1, 1, 1)
