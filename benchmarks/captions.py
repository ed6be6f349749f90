"""Made-up captions and their embeddings, for rows of models that make images of text."""

import numpy as np

# Shapes: N captions, T tokens of each, E numbers in an embedding.

LENGTH = 16  # tokens; speed does not depend on which
TOKENS = 1000


def make_captions(count: int) -> np.ndarray:
    """Return captions (N, T), of which no two are equal but by the smallest chance."""
    tokens = np.random.default_rng(0).integers(2, TOKENS, (count, LENGTH))
    return tokens.astype(np.int32)


def make_embeddings(count: int, size: int) -> np.ndarray:
    """Return embeddings (N, E) of as many captions."""
    return np.random.default_rng(1).standard_normal((count, size), dtype="float32")
