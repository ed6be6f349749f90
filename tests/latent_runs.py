"""Small runs whose latent space tests explore, and the tiles of the pictures that this makes."""

import numpy as np
from PIL import Image

from zoo.commands import run
from zoo.data import load
from zoo.planning import open_run
from zoo.training import load_model

TILE, STEP = 56, 58  # digits of 8 x 8 pixels, seven times as large, and two pixels between them
SMALL_GAN = ("--set", "generator_sizes=[16]", "--set", "discriminator_sizes=[16]")


def train(folder, model, *options):
    small = ["--set", "hidden_sizes=[16]", "--steps", "20"]
    assert run(["train", model, "--out", str(folder), *small, *options]) == 0
    return folder


def train_gan(folder, *options):
    assert run(["train", "gan", "--out", str(folder), *SMALL_GAN, "--steps", "20", *options]) == 0
    return folder


def samples(folder, count, **options):
    """Return samples of a run as pictures show them."""
    images = load_model(open_run(folder)).sample(count, **options)
    return np.rint(255 * images[..., 0]).astype(np.uint8)


def latent(command, folder, *options):
    return run(["latent", command, str(folder), *options])


def tiles(path):
    """Return the tiles of a picture, (rows, columns, 8, 8), as whole numbers from 0 to 255."""
    return cut(np.asarray(Image.open(path)))


def cut(pixels):
    """Return the tiles of a grid's pixels."""
    rows, columns = (size // STEP + 1 for size in pixels.shape)
    assert pixels.shape == (rows * STEP - 2, columns * STEP - 2)
    tile = np.arange(8) * 7 + 3
    places = [
        [pixels[np.ix_(row * STEP + tile, column * STEP + tile)] for column in range(columns)]
        for row in range(rows)
    ]
    return np.array(places)


def digits(*indices):
    images, _ = load("digits", split="test").read(np.array(indices))
    return np.rint(255 * images[..., 0]).astype(np.uint8)


def write_class(folder, count, level, generator=None):
    """Write grey pictures of 8 x 8 pixels around a level."""
    folder.mkdir(parents=True)
    generator = generator or np.random.default_rng(0)
    for number in range(count):
        pixels = np.clip(generator.normal(level, 20, (8, 8)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
