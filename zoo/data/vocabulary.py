"""Text as tokens: which ones there are, from text to their indices, and back.

A token is a word or a punctuation mark, or a character. A word carries the space before it as "▁",
the first of a text too, so that "the" is one token wherever it stands, and joining tokens gives the
text: "Don't go" is "▁Don", "'", "t", "▁go". A line break is a token of its own, so that verse stays
verse. A character is a code point.

Text is put into Unicode's form NFC and never lower-cased. Spaces in a row, those at the ends of
lines, and empty lines do not survive; "▁" itself is read as a space.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import numpy as np

from zoo.errors import DataError

# Shapes: N texts, T tokens of the longest of them and the end.

END = 0  # index of what ends a text and fills what follows
UNKNOWN = 1  # index of what the vocabulary lacks
SPACE = "▁"

Unit = Literal["word", "character"]

_UNKNOWN_OF = {"word": "▁<unknown>", "character": "\ufffd"}
# A word: letters, their marks, digits, and the invisible joiners of Persian and Indic words. What
# is no word goes one grapheme at a time, so that a family of emoji is one token.
_PATTERNS = {
    "word": r"\n|▁?[\p{L}\p{M}\p{N}\x{200c}\x{200d}]+|▁?\X",
    "character": r"[\s\S]",
}
_SURROGATES = re.compile("[\ud800-\udfff]")  # halves of characters: JSON can hold them alone
_AT_ONCE = 256  # texts: what the library returns takes a multiple of the memory of indices


def normalized(text: str) -> str:
    """Return a text in the form that tokens give back; "" where nothing is left of it."""
    text = _SURROGATES.sub("\ufffd", text).replace(SPACE, " ")
    lines = unicodedata.normalize("NFC", text).replace("\r", "\n").split("\n")
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))


def make_vocabulary(texts: Iterable[str], unit: Unit, size: int) -> tuple[str, ...]:
    """Return the tokens of normalized texts, the most frequent first, equals by code point.

    Args:
        texts: What `normalized` returned.
        unit: What a token is.
        size: Most tokens, with the two that stand for the end and for what is unknown.
    """
    from tokenizers import trainers

    tokenizer = _tokenizer(("", _UNKNOWN_OF[unit]))
    trainer = trainers.WordLevelTrainer(vocab_size=size - 2, show_progress=False, special_tokens=[])
    tokenizer.train_from_iterator((_spaced(text, unit) for text in texts), trainer)
    index_of = tokenizer.get_vocab()
    index_of.pop(_UNKNOWN_OF[unit], None)  # U+FFFD in a text stands for an unknown character too
    return ("", _UNKNOWN_OF[unit], *sorted(index_of, key=index_of.__getitem__))


def unit_of(vocabulary: Sequence[str]) -> Unit:
    """Return what the tokens of a vocabulary are."""
    return "word" if vocabulary[UNKNOWN] == _UNKNOWN_OF["word"] else "character"


def tokens_of(text: str, vocabulary: Sequence[str]) -> list[int]:
    """Return the indices of a text's tokens, without an end."""
    return next(tokenize([normalized(text)], vocabulary))


def tokenize(texts: Iterable[str], vocabulary: Sequence[str]) -> Iterator[list[int]]:
    """Yield the indices of the tokens of each normalized text, without an end."""
    unit, tokenizer = unit_of(vocabulary), _kept_tokenizer(tuple(vocabulary))
    remaining = iter(texts)
    while batch := [_spaced(text, unit) for text in islice(remaining, _AT_ONCE)]:
        for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
            yield encoding.ids


def token_counts(texts: Iterable[str], unit: Unit) -> Iterator[int]:
    """Yield how many tokens each normalized text has."""
    return map(len, texts if unit == "character" else tokenize(texts, ("", _UNKNOWN_OF[unit])))


def text_of(tokens: np.ndarray, vocabulary: Sequence[str]) -> str:
    """Return the text that indices (T,) stand for, up to the first that ends it."""
    ends = np.flatnonzero(np.asarray(tokens) == END)
    kept = tokens[: ends[0]] if len(ends) else tokens
    text = "".join(vocabulary[int(token)] for token in kept).replace(SPACE, " ")
    return "\n".join(line.strip() for line in text.split("\n")).strip()


def lengths_of(tokens: np.ndarray) -> np.ndarray:
    """Return the length of each of (N, T) texts with the end, int32 (N,); T where there is none."""
    ends = np.asarray(tokens) == END  # (N, T)
    return np.where(ends.any(axis=1), ends.argmax(axis=1) + 1, ends.shape[1]).astype(np.int32)


def as_examples(texts: Sequence[str], vocabulary: Sequence[str], max_length: int) -> np.ndarray:
    """Return texts in the public form, int32 (N, T) with T = `max_length`.

    Raises:
        DataError: If a text is empty, or its tokens and the end are more than `max_length`.
    """
    examples = np.full((len(texts), max_length), END, np.int32)
    tokenized = tokenize(map(normalized, texts), vocabulary)
    for row, text, tokens in zip(examples, texts, tokenized, strict=True):
        if not 0 < len(tokens) < max_length:
            raise DataError(
                f"A text must have between 1 and {max_length - 1} {unit_of(vocabulary)} tokens. "
                f"Received {len(tokens)}: '{text[:60]}'."
            )
        row[: len(tokens)] = tokens
    return examples


def _spaced(text: str, unit: Unit) -> str:
    """Return a normalized text with the space before each word as "▁"; characters stay."""
    if unit == "character" or not text:
        return text
    return SPACE + text.replace(" ", SPACE).replace("\n", "\n" + SPACE)


def _tokenizer(vocabulary: tuple[str, ...]) -> Any:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    indices = {token: index for index, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(vocab=indices, unk_token=vocabulary[UNKNOWN]))
    pattern = Regex(_PATTERNS[unit_of(vocabulary)])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pattern, behavior="isolated")
    return tokenizer


_kept_tokenizer = lru_cache(maxsize=4)(_tokenizer)  # not for training, which changes one
