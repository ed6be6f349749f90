"""Sizes of convolutional networks that double or halve an image; importable without Keras."""

from zoo.errors import ConfigError

SMALLEST, LARGEST = 4, 7  # pixels per side of the grid that a generator begins with


def start_grid(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return (height, width, doublings) of the grid from which an image is doubled.

    A side of 32, 64 or 128 pixels begins with 4, as in DCGAN; 28 with 7, for 28 = 7 x 2 x 2.

    Raises:
        ConfigError: If no grid of 4 to 7 pixels becomes the longer side by doubling, or the other
            side cannot be doubled as often.
    """
    height, width, _ = image_shape
    doublings = 0
    side = max(height, width)
    while side > LARGEST and side % 2 == 0:
        side //= 2
        doublings += 1
    factor = 2**doublings
    if not SMALLEST <= side <= LARGEST or not doublings or height % factor or width % factor:
        sizes = sorted(s * 2**n for s in range(SMALLEST, LARGEST + 1) for n in range(1, 6))
        near = sorted(sizes, key=lambda size: abs(size - max(height, width)))[:2]
        raise ConfigError(
            f"image_shape must be a grid of {SMALLEST} to {LARGEST} pixels a side, doubled once or "
            f"more, because the generator doubles what it begins with. Received: {height}x{width}. "
            f"Resize with --image-size, such as {' or '.join(map(str, sorted(near)))}."
        )
    return height // factor, width // factor, doublings
