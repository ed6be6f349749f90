"""Nearest words, analogies and maps, on vectors whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from zoo.errors import DataError, RunError
from zoo.words import (
    HasWordVectors,
    analogy,
    frequent_words,
    load_word_vectors,
    nearest_words,
    save_word_map,
    word_map,
)

ROYAL = {  # directions: royal, female, fruit
    "▁king": (1.0, 0.0, 0.0),
    "▁queen": (1.0, 1.0, 0.0),
    "▁man": (0.0, 0.01, 0.05),
    "▁woman": (0.0, 1.0, 0.05),
    "▁apple": (0.0, 0.0, 1.0),
    "▁pear": (0.0, 0.1, 3.0),
    ",": (-1.0, 0.0, 0.0),
}


class Words:
    """A vocabulary with given vectors."""

    def __init__(self, vectors):
        self.config = SimpleNamespace(vocabulary=("", "▁<unknown>", *vectors))
        self.vectors = np.array([(9.0, 9, 9), (9.0, 9, 9), *vectors.values()], "float32")

    def word_vectors(self):
        return self.vectors


def test_the_nearest_words_are_those_of_the_largest_cosine():
    model = Words(ROYAL)
    assert isinstance(model, HasWordVectors)
    (word, cosine), *rest = nearest_words(model, "apple", 2)
    assert word == "pear"
    assert cosine == pytest.approx(3 / np.sqrt(9.01))
    assert len(rest) == 1


def test_neither_the_word_itself_nor_what_is_no_word_is_near():
    found = [word for word, _ in nearest_words(Words(ROYAL), "king", 100)]
    assert sorted(found) == sorted(["queen", "man", "woman", "apple", "pear", ","])


def test_an_analogy_leaves_out_the_words_it_is_asked_by():
    vectors = {**ROYAL, "▁man": (0.0, 0.0, 0.2), "▁woman": (0.0, 1.0, 0.2)}
    model = Words(vectors)
    found = analogy(model, "king", "man", "woman", 10)
    assert found[0][0] == "queen"
    assert not {"king", "man", "woman"} & {word for word, _ in found}
    units = {word: np.array(v) / np.linalg.norm(v) for word, v in vectors.items()}
    target = units["▁king"] - units["▁man"] + units["▁woman"]
    expected = units["▁queen"] @ target / np.linalg.norm(target)
    assert found[0][1] == pytest.approx(expected)


def test_a_word_that_is_missing_is_named_with_a_suggestion():
    with pytest.raises(DataError, match=r"lacks 'quen'\. Did you mean 'queen'"):
        nearest_words(Words(ROYAL), "quen")
    with pytest.raises(DataError, match="lacks '<unknown>'"):
        nearest_words(Words(ROYAL), "<unknown>")


def test_a_word_is_found_however_its_accents_are_typed():
    vectors = {**ROYAL, "▁caf\u00e9": (0.0, 0.0, 0.7)}
    for word in ("caf\u00e9", "cafe\u0301", " caf\u00e9 "):
        assert nearest_words(Words(vectors), word, 1)[0][0] == "apple", word
    with pytest.raises(DataError, match="lacks ' '"):
        nearest_words(Words(vectors), " ")


def test_the_map_shows_the_two_directions_in_which_words_differ_most():
    angles = np.array([0.0, 0.1, 2.0, 2.2, 4.0])
    points = np.stack([np.cos(angles), np.sin(angles), np.zeros(5)], axis=1)
    model = Words({f"▁{name}": tuple(p) for name, p in zip("abcde", points, strict=True)})
    places = word_map(model, list("abcde"))
    assert places.shape == (5, 2)
    # All of the difference lies in a plane, so that its distances are kept.
    wanted = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert np.allclose(np.linalg.norm(places[:, None] - places[None], axis=2), wanted, atol=1e-6)


def test_the_map_of_neighbours_keeps_groups_together():
    draws = np.random.default_rng(0)
    centres = np.eye(3)[np.arange(30) % 3]
    vectors = centres + draws.normal(0, 0.05, (30, 3))
    words = [f"w{number}" for number in range(30)]
    model = Words({f"▁{w}": tuple(v) for w, v in zip(words, vectors, strict=True)})
    places = word_map(model, words, "tsne")
    distances = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(30)
    assert np.array_equal(distances.argmin(axis=1) % 3, np.arange(30) % 3)
    assert np.array_equal(places, word_map(model, words, "tsne"))


def test_the_map_is_a_picture_in_which_any_script_stays_text(tmp_path):
    words, places = ["king", "$x$", "山"], np.array([[0.0, 0], [1, 1], [2, 0]])
    save_word_map(words, places, tmp_path / "map.svg")
    text = (tmp_path / "map.svg").read_text(encoding="utf-8")
    assert all(f">{word}<" in text for word in words)
    save_word_map(words, places, tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.size == (1000, 800)
    with pytest.raises(RunError, match="could not be written"):
        save_word_map(words, places, tmp_path / "missing" / "map.png")


def test_frequent_words_are_those_with_letters_in_the_order_of_the_vocabulary():
    assert frequent_words(Words(ROYAL), 3) == ["king", "queen", "man"]
    assert "," not in frequent_words(Words(ROYAL), 100)


def test_too_few_words_make_no_map():
    with pytest.raises(DataError, match="at least 3 words"):
        word_map(Words(ROYAL), ["king", "queen"])


def test_an_unknown_method_makes_no_map():
    with pytest.raises(DataError, match=r"method must be 'pca' or 'tsne'\. Received: 'umap'"):
        word_map(Words(ROYAL), ["king", "queen", "man"], method="umap")


def test_what_holds_no_vectors_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"No vectors of words.*Expected: a run"):
        load_word_vectors(str(tmp_path))
    (tmp_path / "model.keras").write_bytes(b"no archive")
    with pytest.raises(DataError, match="No vectors of words"):
        load_word_vectors(str(tmp_path))
