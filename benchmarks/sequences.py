"""Made-up sketches and sentences, all of one length: speed does not depend on what they say."""

import numpy as np

from zoo.data.strokes import END_ROW
from zoo.data.vocabulary import END, UNKNOWN

# Shapes: N sketches or sentences, T rows or words.


def make_sketches(count: int, length: int) -> np.ndarray:
    """Return sketches (N, T, 5) of stroke-5 that end in their last row, float32."""
    random = np.random.default_rng(0)
    sketches = np.zeros((count, length, 5), "float32")
    sketches[..., :2] = random.standard_normal((count, length, 2), "float32")
    sketches[..., 3] = random.random((count, length)) < 0.1
    sketches[..., 2] = 1 - sketches[..., 3]
    sketches[:, -1] = END_ROW
    return sketches


def make_sentences(count: int, length: int, vocabulary_size: int) -> np.ndarray:
    """Return sentences (N, T) of known words that end with their last, int32."""
    random = np.random.default_rng(0)
    sentences = random.integers(UNKNOWN + 1, vocabulary_size, (count, length), "int32")
    sentences[:, -1] = END
    return sentences
