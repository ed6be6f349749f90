import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.data.vocabulary import (
    as_examples,
    lengths_of,
    make_vocabulary,
    normalized,
    text_of,
    token_counts,
    tokenize,
    tokens_of,
    unit_of,
)
from zoo.errors import DataError

# Scripts with marks, joiners and other directions; emoji of several code points; rare whitespace.
LETTERS = st.sampled_from(
    "abcÉé\u0301\u0327ß\u0131\u05d0\u05d1\u0634\u0645\u200cक्षि漢字がᄀ각ﬁ0²½_'-.,!?«…"
    "\U0001f469\u200d\U0001f467\U0001f1e9\U0001f1ea\ufe0f\u0600▁\ufffd"
)
SPACES = st.sampled_from(" \t\n\r\u00a0\u3000\u2028\u200b\x0b\x1f")
TEXTS = st.one_of(st.text(max_size=60), st.text(st.one_of(LETTERS, LETTERS, SPACES), max_size=60))


def words(text):
    vocabulary = make_vocabulary([normalized(text)], "word", 1000)
    return [vocabulary[index].replace("▁", "_") for index in tokens_of(text, vocabulary)]


def test_words_carry_the_space_before_them_and_marks_stand_alone():
    assert words("Don't go, (she) said…") == [
        *("_Don", "'", "t", "_go", ",", "_(", "she", ")", "_said", "…")
    ]


def test_line_breaks_are_tokens_and_the_word_after_one_is_the_same_as_elsewhere():
    vocabulary = make_vocabulary(["one\nthe one"], "word", 100)
    one, line_break, the, again = tokens_of("one\nthe one", vocabulary)
    assert one == again
    assert vocabulary[line_break] == "\n"
    assert text_of(np.array([the, line_break, one, 0, the]), vocabulary) == "the\none"


def test_marks_joiners_and_emoji_are_not_torn_apart():
    persian, hebrew = "\u0645\u06cc\u200c\u062e\u0648\u0645", "\u05e9\u05c1\u05b8\u05dc"
    assert words(f"क्षि {persian} {hebrew}") == ["_क्षि", f"_{persian}", f"_{normalized(hebrew)}"]
    assert words("\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1e9\U0001f1ea") == [
        "_\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1e9\U0001f1ea",
    ]
    assert words("cafe\u0301") == ["_caf\u00e9"]


def test_characters_are_code_points_of_the_composed_form():
    vocabulary = make_vocabulary([normalized("ge\u0301e")], "character", 100)
    assert vocabulary == ("", "\ufffd", "e", "g", "\u00e9")
    assert tokens_of("e\u0301", vocabulary) == [4]


def test_the_vocabulary_goes_by_frequency_then_by_code_point_whatever_the_order():
    texts = ["b a c", "c b", "c d", "é z"]
    expected = ("", "▁<unknown>", "▁c", "▁b", "▁a", "▁d", "▁z", "▁é")
    assert make_vocabulary(texts, "word", 100) == expected
    assert make_vocabulary(reversed(texts), "word", 100) == expected
    assert make_vocabulary(texts, "word", 5) == expected[:5]


def test_the_vocabulary_of_one_text_is_not_changed_by_another():
    assert make_vocabulary(["a"], "word", 9) == ("", "▁<unknown>", "▁a")
    assert make_vocabulary(["b"], "word", 9) == ("", "▁<unknown>", "▁b")


@pytest.mark.parametrize("unit", ["word", "character"])
def test_what_the_vocabulary_lacks_is_unknown_and_nothing_can_be_written_that_ends_a_text(unit):
    vocabulary = make_vocabulary(["ab"], unit, 100)
    assert unit_of(vocabulary) == unit
    assert tokens_of("q", vocabulary) == [1]
    assert tokens_of("\ud800", vocabulary) == [1]
    assert 0 not in tokens_of("ab <unknown> ▁<unknown> \x00 \ufffd", vocabulary)
    assert text_of(np.array([1, 0]), vocabulary) == vocabulary[1].strip("▁")


def test_nothing_is_lower_cased_and_a_low_line_block_is_a_space():
    assert words("The the▁THE") == ["_The", "_the", "_THE"]


@pytest.mark.parametrize("unit", ["word", "character"])
@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_text_to_tokens_to_text_is_the_identity_but_for_whitespace(unit, text):
    expected = normalized(text)
    vocabulary = make_vocabulary([expected], unit, 10_000)
    tokens = tokens_of(text, vocabulary)
    assert text_of(np.array([*tokens, 0, 0], int), vocabulary) == expected
    assert bool(tokens) == bool(expected)
    assert all(0 < token < len(vocabulary) for token in tokens)
    assert len(tokens) == next(token_counts([expected], unit))
    assert normalized(expected) == expected


@given(text=st.text(st.one_of(st.characters(codec="utf-8"), SPACES), max_size=60))
def test_normalizing_changes_nothing_but_whitespace_and_composition(text):
    import unicodedata

    def bare(text):
        return "".join(unicodedata.normalize("NFC", text.replace("▁", " ")).split())

    assert bare(normalized(text)) == bare(text)


def test_many_texts_are_tokenized_in_order():
    vocabulary = make_vocabulary(["a b c"], "word", 10)
    texts = ["abc"[number % 3] * (number % 2 + 1) for number in range(1000)]
    one_by_one = [tokens_of(text, vocabulary) for text in texts]
    assert list(tokenize(texts, vocabulary)) == one_by_one


def test_examples_are_padded_with_ends_and_their_lengths_count_the_first():
    vocabulary = make_vocabulary(["a b c"], "word", 10)
    examples = as_examples(["c a", "b"], vocabulary, 4)
    assert examples.dtype == np.int32
    assert examples.tolist() == [[4, 2, 0, 0], [3, 0, 0, 0]]
    assert lengths_of(np.array([[4, 2, 0, 0], [3, 0, 5, 0], [2, 2, 2, 2]])).tolist() == [3, 2, 4]


@pytest.mark.parametrize("text", ["a b c d", " \n "])
def test_a_text_that_is_too_long_or_empty_is_refused(text):
    vocabulary = make_vocabulary(["a b c"], "word", 10)
    with pytest.raises(DataError, match=r"between 1 and 3 word tokens\. Received [04]: "):
        as_examples([text], vocabulary, 4)
