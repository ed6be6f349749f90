"""Words as vectors: which are nearest to one another, analogies, and a map of them in the plane.

It works on any model of words that has `word_vectors` and a `vocabulary` in its configuration.
Nearness is the cosine of the angle between two vectors.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from zoo.data.vocabulary import SPACE, UNKNOWN, normalized
from zoo.errors import DataError, RunError, did_you_mean

# Shapes: V vocabulary, D vector size, N words chosen.

Near = tuple[str, float]  # a word, and the cosine of the angle to it
MapMethod = Literal["pca", "tsne"]
TSNE_PERPLEXITY = 15.0  # about how many neighbours of a word keep their place


@runtime_checkable
class HasWordVectors(Protocol):
    """A model with a vector for each token of its vocabulary."""

    config: Any

    def word_vectors(self) -> np.ndarray:
        """Return the vectors (V, D); the first two are those of no word."""
        ...


def nearest_words(model: HasWordVectors, word: str, count: int = 10) -> list[Near]:
    """Return the `count` words nearest to a word, the nearest first, without itself.

    Raises:
        DataError: If the vocabulary lacks the word.
    """
    index = word_index(model, word)
    return _nearest(model, unit_vectors(model)[index], {index}, count)


def analogy(model: HasWordVectors, a: str, b: str, c: str, count: int = 10) -> list[Near]:
    """Return the `count` words nearest to a - b + c, the nearest first, without those three.

    The words' vectors have length 1 (3CosAdd of Levy & Goldberg 2014, "Linguistic Regularities in
    Sparse and Explicit Word Representations").

    Raises:
        DataError: If the vocabulary lacks one of the words.
    """
    given = [word_index(model, word) for word in (a, b, c)]
    unit = unit_vectors(model)
    target = unit[given[0]] - unit[given[1]] + unit[given[2]]
    return _nearest(model, target, set(given), count)


def word_map(
    model: HasWordVectors, words: Sequence[str], method: MapMethod = "pca", *, seed: int = 0
) -> np.ndarray:
    """Return a place in the plane for each word, (N, 2).

    Args:
        model: The model.
        words: Words of its vocabulary.
        method: "pca" shows the directions in which these words differ most, "tsne" keeps near
            words near, and says nothing by the distance of those that are not.
        seed: Of t-SNE.

    Raises:
        DataError: If there are fewer than three words, the vocabulary lacks one, or the method is
            unknown.
    """
    if method not in get_args(MapMethod):
        raise DataError(f"method must be 'pca' or 'tsne'. Received: '{method}'.")
    if len(words) < 3:
        raise DataError(f"A map needs at least 3 words. Received: {len(words)}.")
    vectors = unit_vectors(model)[[word_index(model, word) for word in words]]  # (N, D)
    centred = vectors - vectors.mean(axis=0)
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(TSNE_PERPLEXITY, (len(words) - 1) / 3)
        return np.asarray(TSNE(perplexity=perplexity, random_state=seed).fit_transform(centred))
    left, sizes, _ = np.linalg.svd(np.pad(centred, ((0, 0), (0, 2))), full_matrices=False)
    # The sign of a direction is arbitrary: the word farthest along it lies on its positive side.
    places = left[:, :2] * sizes[:2]
    return np.asarray(places * np.sign(places[np.abs(places).argmax(axis=0), [0, 1]] + 1e-30))


def frequent_words(model: HasWordVectors, count: int) -> list[str]:
    """Return the `count` most frequent words of a vocabulary in which there is a letter."""
    words = [token.removeprefix(SPACE) for token in _tokens(model)[UNKNOWN + 1 :]]
    return list(dict.fromkeys(word for word in words if any(map(str.isalpha, word))))[:count]


def save_word_map(words: Sequence[str], places: np.ndarray, path: Path) -> None:
    """Write words at their places (N, 2) as a picture, PNG or SVG as the path says.

    Raises:
        RunError: If the picture cannot be written.
    """
    import warnings

    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    axes = figure.subplots()
    axes.scatter(places[:, 0], places[:, 1], s=8, color="#3987e5")
    for word, place in zip(words, places, strict=True):
        axes.annotate(word, place, (3, 3), textcoords="offset points", fontsize=9, parse_math=False)
    axes.set(xticks=[], yticks=[])
    try:
        # In SVG text stays text, so that every script is shown in the fonts of who looks at it.
        with rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(path, dpi=100)
    except OSError as error:
        raise RunError(f"'{path}' could not be written: {error.strerror}.") from error


def load_word_vectors(path: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the vocabulary and the vectors (V, D) of a trained run, or of its `model.keras`.

    The backend may be another than the run's.

    Raises:
        DataError: If there is no such model, or it has no vectors of words.
    """
    from zoo.archives import load_archive

    try:
        model = load_archive(path)
    except DataError as error:
        raise DataError(
            f"No vectors of words can be read from '{path}': {error} Expected: a run of a model "
            "with word vectors, such as word2vec, trained to its end."
        ) from error
    if not isinstance(model, HasWordVectors):
        raise DataError(
            f"'{path}' holds a {type(model).__name__}, which has no vectors of words. Expected: a "
            "model that does, such as word2vec."
        )
    return tuple(model.config.vocabulary), model.word_vectors()


def word_index(model: HasWordVectors, word: str) -> int:
    """Return the index of a word as a person writes it, "king" for "▁king".

    Raises:
        DataError: If the vocabulary lacks it.
    """
    tokens, typed = _tokens(model), normalized(word)
    for token in (SPACE + typed, typed):
        if typed and token in tokens[UNKNOWN + 1 :]:
            return tokens.index(token)
    words = [token.removeprefix(SPACE) for token in tokens[UNKNOWN + 1 :]]
    raise DataError(
        f"The model's vocabulary of {len(words)} words lacks '{word}'.{did_you_mean(word, words)} "
        f"It holds such as {', '.join(words[:5])}."
    )


def unit_vectors(model: HasWordVectors) -> np.ndarray:
    """Return the vectors (V, D) with length 1; one that is zero stays so."""
    vectors = np.asarray(model.word_vectors(), np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def _tokens(model: HasWordVectors) -> tuple[str, ...]:
    return tuple(model.config.vocabulary)


def _nearest(
    model: HasWordVectors, target: np.ndarray, excluded: set[int], count: int
) -> list[Near]:
    """Return the words nearest to a vector (D,)."""
    if count < 1:
        raise DataError(f"count must be at least 1. Received: {count}.")
    length = np.linalg.norm(target)
    cosines = unit_vectors(model) @ (target / (length if length > 0 else 1.0))  # (V,)
    cosines[[0, UNKNOWN, *excluded]] = -np.inf
    order = np.argsort(-cosines, kind="stable")[:count]
    tokens = _tokens(model)
    return [
        (tokens[index].removeprefix(SPACE), float(cosines[index]))
        for index in order
        if np.isfinite(cosines[index])
    ]
