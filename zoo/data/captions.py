"""Captions: lines in lower case, of which each image may have several, and their tokens.

"A red circle" asks for nothing else than "a red circle".
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.files import shown
from zoo.data.forms import LONGEST_SEQUENCE, CaptionedForm
from zoo.data.texts import CHARACTERS_PER_TOKEN, MAX_LENGTHS, VOCABULARY_SIZES
from zoo.data.vocabulary import (
    UNKNOWN,
    Unit,
    as_examples,
    make_vocabulary,
    normalized,
    text_of,
    token_counts,
    tokens_of,
)
from zoo.errors import DataError

# Shapes: N captions, T tokens of the longest and its end.

KEPT = 64  # captions that a model remembers, to make samples of
MOST_CHARACTERS = CHARACTERS_PER_TOKEN * LONGEST_SEQUENCE  # more is not even cut into tokens


@dataclass(frozen=True, kw_only=True)
class Language:
    """What the captions of a training split decide.

    Args:
        vocabulary: The token of each index.
        max_length: Tokens of the longest caption and its end, T.
        captions: Some of the captions.
    """

    vocabulary: tuple[str, ...]
    max_length: int
    captions: tuple[str, ...]


def caption_of(text: str) -> str:
    """Return a text in the form of a caption; "" where nothing is left of it."""
    return " ".join(normalized(text.lower()).split("\n"))


def describe_language(
    name: str, captions: Sequence[Sequence[str]], form: CaptionedForm | None = None
) -> Language:
    """Return what the captions of a training split decide, of which too long ones are left out.

    Args:
        name: What `--data` was given.
        captions: The captions of each image.
        form: Tokens, their most, and size of the vocabulary.

    Raises:
        DataError: If no caption is short enough.
    """
    form = form or CaptionedForm()
    unit = form.tokens or "word"
    longest = form.max_length or MAX_LENGTHS[unit]
    counts = Counter(text for texts in captions for text in texts)
    fit = short_enough(counts, unit, longest)
    if not fit:
        raise DataError(
            f"'{shown(name)}' has no caption of 1 to {longest} {unit} tokens to train on. Give a "
            "larger --max-length."
        )
    of_images = {texts[0] for texts in captions if texts}
    firsts = [text for text in fit if text in of_images] or list(fit)
    chosen = np.unique(np.linspace(0, len(firsts) - 1, min(KEPT, len(firsts))).round().astype(int))
    return Language(
        vocabulary=make_vocabulary(
            (text for text in fit for _ in range(counts[text])),
            unit,
            form.vocabulary_size or VOCABULARY_SIZES[unit],
        ),
        max_length=max(fit.values()) + 1,
        captions=tuple(firsts[index] for index in chosen),
    )


def short_enough(texts: Iterable[str], unit: Unit, most: int) -> dict[str, int]:
    """Return how many tokens those captions have that have some, and at most `most`."""
    bounded = [text for text in texts if 0 < len(text) <= MOST_CHARACTERS]
    counts = token_counts(bounded, unit)
    return {text: count for text, count in zip(bounded, counts, strict=True) if count <= most}


def caption_tokens(texts: Sequence[str], vocabulary: Sequence[str], max_length: int) -> np.ndarray:
    """Return the tokens of what a user typed, int32 (N, T).

    Raises:
        DataError: If a text is empty, too long, or has no token that the vocabulary knows.
    """
    captions = [caption_of(text) for text in texts]
    for text, caption in zip(texts, captions, strict=True):
        if not caption:
            raise DataError(f"A text to make images of must hold words. Received: '{text[:60]}'.")
        if all(token == UNKNOWN for token in tokens_of(caption, vocabulary)):
            raise DataError(
                f"The model knows no word of '{shown(text[:60])}': none is in the captions that it "
                "was trained on. `zoo data show` on the run's data shows some of them."
            )
    return as_examples(captions, vocabulary, max_length)


def unknown_words(text: str, vocabulary: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a text that hold a token which the vocabulary lacks, each once."""
    words = dict.fromkeys(caption_of(text).split())
    return tuple(word for word in words if UNKNOWN in tokens_of(word, vocabulary))


def captions_of(tokens: np.ndarray, vocabulary: Sequence[str]) -> list[str]:
    """Return the captions that tokens (N, T) stand for."""
    return [text_of(row, vocabulary) for row in tokens]
