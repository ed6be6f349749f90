from itertools import product

import numpy as np
import pytest

from zoo.data import load
from zoo.data.scenes import POSITIONS, SHAPES, VALUES, attributes_of
from zoo.errors import DataError


@pytest.fixture(scope="module")
def train():
    return load("scenes", kind="captioned")


@pytest.fixture(scope="module")
def test():
    return load("scenes", kind="captioned", split="test")


def asked(data, index: int) -> dict[str, str]:
    return {name: known.names[known.values[index]] for name, known in data.attributes.items()}


def test_the_caption_says_what_is_known_of_the_picture(train, test):
    for data in (train, test):
        for index in range(len(data)):
            (text,) = data.texts(index)
            assert attributes_of(text) == asked(data, index)


def test_every_scene_is_described_and_read_back():
    for values in product(*VALUES.values()):
        first, position, second = " ".join(values[:3]), values[3], " ".join(values[4:])
        expected = dict(zip(VALUES, values, strict=True))
        assert attributes_of(f"A {first} {position}\ta {second}") == expected


@pytest.mark.parametrize(
    "caption",
    [
        *("", "a red circle", "a small red circle over a large blue square"),
        "a small red circle above a large blue square and more",
        "a red small circle above a large blue square",
        "a small red circle below a large blue square",
        "ein kleiner roter Kreis",
    ],
)
def test_what_is_no_scene_is_refused(caption):
    with pytest.raises(DataError, match=r"describes no scene\. Expected: such as 'a small red"):
        attributes_of(caption)


def test_test_combinations_are_never_trained_on_but_their_values_are(train, test):
    of_split = [
        set(zip(*(known.values.tolist() for known in data.attributes.values()), strict=True))
        for data in (train, test)
    ]
    assert not of_split[0] & of_split[1]
    assert len(of_split[0] | of_split[1]) == 24 * 2 * 24
    assert len(of_split[1]) == 24 * 2 * 24 // 5
    for name, names in VALUES.items():
        for data in (train, test):
            counts = np.bincount(data.attributes[name].values, minlength=len(names))
            assert counts.min() > 0.7 * counts.mean()
    assert (len(train), len(test)) == (8000, 1000)
    assert train.spec.config_values() == test.spec.config_values()


@pytest.mark.parametrize("side", [16, 32, 64])
def test_the_shapes_are_where_their_caption_says_and_in_its_colours(side):
    data = load("scenes", kind="captioned", split="test", image_size=side)
    pictures = data.read(np.arange(300))[0]["image"]  # (300, side, side, 3)
    assert pictures.shape == (300, side, side, 3)
    hue = {"red": [0], "green": [1], "blue": [2], "yellow": [0, 1]}
    for index, picture in enumerate(pictures):
        known = asked(data, index)
        middle = side // 2
        halves = (
            (picture[:middle], picture[middle:])
            if known["position"] == "above"
            else (picture[:, :middle], picture[:, middle:])
        )
        areas = []
        for half, which in zip(halves, ("first", "second"), strict=True):
            spread = half.max(axis=2) - half.min(axis=2)  # the ground is nearly grey
            inside = half[spread > 0.45]
            lit = np.flatnonzero(inside.mean(axis=0) > 0.5 * inside.mean(axis=0).max())
            assert lit.tolist() == hue[known[f"{which}_colour"]]
            areas.append(len(inside) / side**2)
        sizes = [known["first_size"], known["second_size"]]
        if sizes[0] != sizes[1] and known["first_shape"] == known["second_shape"]:
            assert sizes[int(np.argmax(areas))] == "large"


def test_shapes_fill_as_much_of_their_box_as_they_should():
    data = load("scenes", kind="captioned", image_size=64)
    fills = {shape: [] for shape in SHAPES}
    pictures = data.read(np.arange(400))[0]["image"]
    for index, picture in enumerate(pictures):
        known = asked(data, index)
        if known["first_size"] != "large" or known["second_size"] != "small":
            continue
        half = picture[:32] if known["position"] == "above" else picture[:, :32]
        rows, columns = np.nonzero(half.max(axis=2) - half.min(axis=2) > 0.35)
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        fills[known["first_shape"]].append(len(rows) / box)
    assert np.median(fills["square"]) > 0.95
    assert np.median(fills["circle"]) == pytest.approx(np.pi / 4, abs=0.05)
    assert np.median(fills["triangle"]) == pytest.approx(0.5, abs=0.08)


def test_the_pictures_are_always_the_same_and_all_differ(train):
    again = load("scenes", kind="captioned")
    assert again.fingerprint == train.fingerprint
    pictures = train.read(np.arange(8000))[0]["image"]
    assert len({picture.tobytes() for picture in pictures}) == 8000


@pytest.mark.parametrize("size", [15, 65, (32, 16)])
def test_other_sizes_are_refused(size):
    with pytest.raises(DataError, match="are drawn as squares of 16 to 64 pixels a side"):
        load("scenes", kind="captioned", image_size=size)


def test_short_captions_can_be_asked_for():
    data = load("scenes", kind="captioned", split="test", max_length=9)
    assert set(data.attributes["position"].values) == {POSITIONS.index("above")}
    assert 0 < len(data) < 1000
    assert all(attributes_of(data.texts(k)[0]) == asked(data, k) for k in range(len(data)))
