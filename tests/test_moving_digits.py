"""The embedded films of moving digits."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.card import resolve
from zoo.data import load
from zoo.data.cards import MOVING_DIGITS
from zoo.data.moving import FRAMES, bounce, load_moving_digits
from zoo.errors import DataError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def films():
    dataset = load_moving_digits(split="test")
    return dataset.read(np.arange(len(dataset)))[0]


def shapes(split):
    """Return the digits of a split as they are shown, black and white."""
    digits = load("digits", split=split)
    return digits.read(np.arange(len(digits)))[0][..., 0] >= 0.5


def places(frame, shape):
    """Return every place (row, column) where all white pixels of a shape are white in a frame."""
    windows = np.lib.stride_tricks.sliding_window_view(frame, shape.shape)
    return {tuple(place) for place in np.argwhere((windows | ~shape).all(axis=(2, 3)))}


def test_films_are_black_and_white_and_of_one_form(films):
    assert films.shape == (1024, 10, 20, 20, 1)
    assert films.dtype == np.float32
    assert set(np.unique(films)) == {0.0, 1.0}


def test_there_are_other_films_to_train_on():
    train, test = (load_moving_digits(split=split) for split in ("train", "test"))
    assert (len(train), len(test)) == (8192, 1024)
    assert train.spec.video_shape == (10, 20, 20, 1)
    assert train.fingerprint != test.fingerprint
    assert train.fingerprint == load_moving_digits(split="train").fingerprint


@pytest.mark.parametrize("number", range(5))
def test_a_film_shows_two_digits_of_its_split_on_straight_ways(number, films):
    film = films[number, ..., 0] > 0.5
    digits = shapes("test")
    candidates = [d for d in range(len(digits)) if all(places(f, digits[d]) for f in film)]
    explained = any(
        np.array_equal(one | other, film)
        for index, a in enumerate(candidates)
        for one in ways(film, digits[a])
        for b in candidates[index:]
        for other in ways(film, digits[b])
    )
    assert explained


def ways(film, shape):
    """Yield the films of a shape alone that bounces within a film and is white there throughout."""
    found = [places(frame, shape) for frame in film]
    steps = [s for s in range(-2, 3) if s]
    for row, column in found[0]:
        for down in steps:
            for right in steps:
                way = list(zip(walk(row, down), walk(column, right), strict=True))
                if all(place in there for place, there in zip(way, found, strict=True)):
                    alone = np.zeros_like(film)
                    for frame, (top, left) in enumerate(way):
                        alone[frame, top : top + 8, left : left + 8] = shape
                    yield alone


def walk(place, speed):
    """Return places 0...12, pixel by pixel, turning at the borders."""
    way = [place]
    while len(way) < FRAMES:
        for _ in range(abs(speed)):
            if not 0 <= place + np.sign(speed) <= 12:
                speed = -speed
            place += int(np.sign(speed))
        way.append(place)
    return way


@given(start=st.integers(0, 12), speed=st.sampled_from([-2, -1, 1, 2]))
def test_what_bounces_turns_at_the_borders_pixel_by_pixel(start, speed):
    assert bounce(np.array(start), np.array(speed), np.arange(FRAMES), 12).tolist() == walk(
        start, speed
    )


def test_a_split_that_is_absent_is_named():
    with pytest.raises(DataError, match=r"'moving-digits' has no split 'validation'"):
        load_moving_digits(split="validation")


def test_the_films_are_registered_by_their_name():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert resolve(project["entry-points"]["zoo.datasets"]["moving-digits"]) is MOVING_DIGITS
    assert resolve(MOVING_DIGITS.load) is load_moving_digits
    assert MOVING_DIGITS.kind == "video"
