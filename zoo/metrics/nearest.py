"""Nearest neighbours among many vectors, a block of distances at a time."""

from collections.abc import Iterator

import numpy as np

# Shapes: N rows, M columns, B rows of a block, F numbers per vector, K neighbours.

BLOCK_VALUES = 1 << 22  # squared distances at once: 32 MB


def squared_distances(rows: np.ndarray, columns: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield which rows of (N, F) a block has, and its squared distances to (M, F), (B, M).

    In float64, by |x|² + |y|² - 2 x·y about the mean of the columns: rounding would otherwise
    drown small distances between vectors that lie far from the origin.
    """
    centre = columns.mean(axis=0, dtype=np.float64)
    columns = columns - centre
    sizes = np.square(columns).sum(axis=1)
    step = max(1, BLOCK_VALUES // len(columns))
    for start in range(0, len(rows), step):
        block = rows[start : start + step] - centre
        distances = np.square(block).sum(axis=1)[:, None] + sizes - 2 * block @ columns.T
        yield slice(start, start + len(block)), np.maximum(distances, 0)


def kth_distances(features: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance of each vector (N, F) to its k-th nearest other, (N,)."""
    found = np.empty(len(features))
    for rows, distances in squared_distances(features, features):
        own = np.arange(rows.start, rows.stop)
        distances[np.arange(len(own)), own] = np.inf
        found[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return found


class Nearest:
    """The K nearest so far of each query, while blocks of candidates come by.

    Args:
        queries: Vectors (N, F).
        k: How many to keep.
    """

    def __init__(self, queries: np.ndarray, k: int):
        self._queries = queries
        self.squares = np.full((len(queries), k), np.inf)  # squared distances, nearest first
        self.indices = np.full((len(queries), k), -1)

    def add(self, candidates: np.ndarray, indices: np.ndarray) -> None:
        """Look at candidates (M, F), which are known by `indices` (M,)."""
        k = self.squares.shape[1]
        for rows, distances in squared_distances(self._queries, candidates):
            squares = np.concatenate([self.squares[rows], distances], axis=1)
            names = np.broadcast_to(indices, distances.shape)
            names = np.concatenate([self.indices[rows], names], axis=1)
            order = np.argsort(squares, axis=1, kind="stable")[:, :k]
            self.squares[rows] = np.take_along_axis(squares, order, axis=1)
            self.indices[rows] = np.take_along_axis(names, order, axis=1)
