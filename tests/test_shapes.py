"""The grid from which a generator doubles an image."""

import pytest

from zoo.errors import ConfigError
from zoo.shapes import start_grid


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((8, 8), (4, 4, 1)),
        ((28, 28), (7, 7, 2)),
        ((32, 32), (4, 4, 3)),
        ((48, 48), (6, 6, 3)),
        ((64, 64), (4, 4, 4)),
        ((128, 128), (4, 4, 5)),
        ((32, 64), (2, 4, 4)),
    ],
)
def test_a_size_is_a_small_grid_doubled(size, grid):
    height, width, doublings = start_grid((*size, 3))
    assert (height, width, doublings) == grid
    assert (height * 2**doublings, width * 2**doublings) == size


@pytest.mark.parametrize(
    ("size", "advice"),
    [
        ((30, 30), "28 or 32"),
        ((4, 4), "8 or 10"),
        ((3, 3), "8 or 10"),
        ((100, 100), "96 or 112"),
        ((32, 30), "28 or 32"),
        ((9, 9), "8 or 10"),
    ],
)
def test_another_size_is_refused_with_one_that_can_be_made(size, advice):
    with pytest.raises(ConfigError, match=f"Received: {size[0]}x{size[1]}.*{advice}"):
        start_grid((*size, 1))
