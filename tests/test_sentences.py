from itertools import pairwise

import numpy as np
import pytest

from zoo.card import resolve
from zoo.data.cards import SENTENCES
from zoo.data.forms import TextForm
from zoo.data.sentences import ANIMALS, DAYS, MASSES, PEOPLE, VERBS, load_sentences
from zoo.data.vocabulary import text_of
from zoo.errors import DataError


def sentences(split, **form):
    data = load_sentences(split=split, form=TextForm(**form))
    tokens, labels = data.read(np.arange(len(data)))
    assert labels is None
    return [text_of(row, data.spec.vocabulary) for row in tokens]


@pytest.fixture(scope="module")
def split_words():
    return [text.removesuffix(".").split() for text in sentences("train") + sentences("test")]


def test_the_card_leads_to_the_sentences():
    train = resolve(SENTENCES.load)(split="train")
    test = resolve(SENTENCES.load)(split="test")
    assert train.spec.kind == SENTENCES.kind == "tokens"
    assert (len(train), len(test)) == (6000, 800)
    assert f"{len(train) + len(test):,}" in SENTENCES.summary
    assert f"a vocabulary of {len(train.spec.vocabulary)};" in SENTENCES.summary
    assert train.spec == test.spec


def test_sentences_are_distinct_and_have_4_to_12_words_and_a_full_stop(split_words):
    train, test = sentences("train"), sentences("test")
    assert len({*train, *test}) == 6800
    assert all(text.endswith(".") and text.islower() for text in train)
    assert {len(words) for words in split_words} == set(range(4, 13))


def test_the_test_split_holds_no_unknown_word():
    data = load_sentences(split="test")
    assert not np.any(data.read(np.arange(len(data)))[0] == 1)


def test_verbs_agree_with_their_subjects(split_words):
    singular = {being.singular for being in (*PEOPLE, *ANIMALS)}
    plural = {being.plural for being in (*PEOPLE, *ANIMALS)}
    of_one = {forms[0] for forms in VERBS.values()}
    of_several = {base for base, (_, base, past) in VERBS.items() if base != past}
    checked = 0
    for words in split_words:
        places = [n for n, word in enumerate(words) if word in of_one | of_several]
        if not places or "will" in words:
            continue
        subject = words[: places[0]]
        is_several = "and" in subject or bool(plural & set(subject))
        assert is_several or singular & set(subject), words
        assert words[places[0]] in (of_several if is_several else of_one), words
        checked += 1
    assert checked > 1500


def test_times_agree_with_tenses_and_articles_with_what_follows(split_words):
    past = {past for _, base, past in VERBS.values() if past != base}
    for words in split_words:
        assert ("tomorrow" not in words) or ("will" in words), words
        assert not ({"today", "tomorrow"} & set(words) and past & set(words)), words
        assert not ("yesterday" in words and "will" in words), words
        for article, following in pairwise(words):
            if article in ("a", "an"):
                assert (article == "an") == (following[0] in "aeiou"), words
                assert following not in (*MASSES, "wine"), words


def test_pronouns_stand_for_the_subject(split_words):
    pronoun_of = {being.singular: being.pronoun for being in (*PEOPLE, *ANIMALS)}
    used = 0
    for words in split_words:
        if "while" in words:
            before = words[: words.index("while")]
            pronoun = words[words.index("while") + 1]
            if pronoun != "they":
                assert pronoun == next(pronoun_of[word] for word in before if word in pronoun_of)
                used += 1
    assert used > 300


def test_who_does_what_goes_by_groups(split_words):
    def with_word(word):
        return [words for words in split_words if word in words]

    assert len(with_word("crown")) > 50
    for words in with_word("crown"):
        assert {"king", "kings", "queen", "queens"} & set(words)
    for words in with_word("plays"):
        assert {"boy", "girl"} & set(words)
    counts = [len(with_word(day)) for day in DAYS]
    assert max(counts) < 2 * min(counts)
    men = len(with_word("his")), len(with_word("her"))
    assert max(men) < 1.3 * min(men)


def test_words_of_one_sort_keep_the_same_company(split_words):
    """Counts of words next to each word: the nearest by cosine is of its sort."""
    vocabulary = sorted({word for words in split_words for word in words})
    index = {word: n for n, word in enumerate(vocabulary)}
    counts = np.zeros((len(vocabulary), len(vocabulary)))
    for words in split_words:
        for left in range(len(words)):
            for right in range(max(0, left - 2), min(len(words), left + 3)):
                counts[index[words[left]], index[words[right]]] += left != right
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
    information = np.log(np.maximum(counts / expected, 1))
    information /= np.linalg.norm(information, axis=1, keepdims=True)
    likeness = information @ information.T - 2 * np.eye(len(vocabulary))
    nearest = {word: vocabulary[likeness[index[word]].argmax()] for word in vocabulary}
    assert nearest["king"] == "queen"
    assert nearest["he"] == "she"
    assert nearest["monday"] in DAYS
    assert nearest["two"] in ("three", "four", "five")
    assert nearest["palace"] in ("castle", "park", "garden", "house", "forest", "market")


def test_the_sentences_are_always_the_same():
    # Written down once: a fingerprint that changes would make runs of before useless.
    assert load_sentences(split="train").fingerprint.startswith("d31c6a7a7e0f5a1d")


def test_sentences_come_in_characters_and_short_ones_alone_on_request():
    characters = load_sentences(split="test", form=TextForm(tokens="character"))
    letters = {letter for text in sentences("train") for letter in text}
    assert set(characters.spec.vocabulary[2:]) == letters
    assert sentences("test", tokens="character") == sentences("test")
    parts = [load_sentences(split=s, form=TextForm(max_length=5)) for s in ("train", "test")]
    left_out = 6800 - sum(map(len, parts))
    assert parts[0].spec.max_length == 6
    assert parts[0].skipped == (f"sentences: {left_out} passages of more than 5 word tokens",)


def test_an_absent_split_is_refused():
    with pytest.raises(DataError, match=r"no split 'validation'\. It has: train, test"):
        load_sentences(split="validation")
