"""Texts as indices of tokens in one array; and from passages of text to such data sets."""

import hashlib
from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from zoo.data.dataset import Batch, TokensSpec
from zoo.data.files import by_split, shown
from zoo.data.forms import TextForm
from zoo.data.vocabulary import END, Unit, make_vocabulary, token_counts, tokenize
from zoo.errors import DataError

# Shapes: N texts, B batch, S tokens of all texts together, T tokens of the longest and its end.

VOCABULARY_SIZES: Mapping[Unit, int] = {"word": 10_000, "character": 20_000}
MAX_LENGTHS: Mapping[Unit, int] = {"word": 60, "character": 200}
CHARACTERS_PER_TOKEN = 40  # no word is longer; a line of megabytes without a space is none


class ArrayTexts:
    """Texts whose tokens stand one after another in an array.

    Args:
        name: What `--data` was given.
        split: Which split this is.
        splits: The splits that the data set has.
        passages: The texts, normalized, N.
        tokens: Indices (S,), without ends.
        ends: Where in `tokens` each text ends, (N,).
        max_length: Tokens of the longest text of all splits and its end, T.
        vocabulary: The token of each index.
        skipped: "name: reason" of what could not be used.
    """

    def __init__(
        self,
        *,
        name: str,
        split: str,
        splits: tuple[str, ...],
        passages: Sequence[str],
        tokens: np.ndarray,
        ends: np.ndarray,
        max_length: int,
        vocabulary: tuple[str, ...],
        skipped: tuple[str, ...] = (),
    ):
        self.name = name
        self.split = split
        self.splits = splits
        self.spec = TokensSpec(max_length=max_length, vocabulary=vocabulary)
        digest = hashlib.sha256(repr((max_length, vocabulary)).encode())
        digest.update(ends.astype("<i8").data)
        digest.update(np.ascontiguousarray(tokens).data)
        self.fingerprint = digest.hexdigest()
        self.skipped = skipped
        # Tokens of each text and its end, (N,): batches are made of texts of similar length.
        self.lengths = (np.diff(ends, prepend=0) + 1).astype(np.int32)
        self._passages = passages
        self._tokens = tokens
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    def read(self, indices: np.ndarray) -> Batch:
        """Return the texts at `indices` (B,) as int32 (B, T)."""
        texts = np.full((len(indices), self.spec.max_length), END, np.int32)
        for row, index in enumerate(indices):
            end, length = self._ends[index], self.lengths[index] - 1
            texts[row, :length] = self._tokens[end - length : end]
        return texts, None

    def adapted(self, *, max_length: int, vocabulary: tuple[str, ...]) -> "ArrayTexts":
        """Return the texts that fit into examples of another length, in another vocabulary.

        It is the texts that are read in it: a word that is none of this vocabulary may be of that.

        Raises:
            DataError: If none does.
        """
        tokens, ends = _encode(self._passages, vocabulary)
        lengths = np.diff(ends, prepend=0) + 1
        fits = lengths <= max_length
        if not fits.any():
            raise DataError(
                f"No passage of '{shown(self.name)}' has fewer than {max_length} tokens, which is "
                f"what the model was trained on. The shortest has {lengths.min() - 1}."
            )
        left_out = int(np.sum(~fits))
        reason = (f"{shown(self.name)}: {left_out} passages of {max_length} tokens and more",)
        return ArrayTexts(
            name=self.name,
            split=self.split,
            splits=self.splits,
            passages=[text for text, fit in zip(self._passages, fits, strict=True) if fit],
            tokens=tokens[np.repeat(fits, lengths - 1)],
            ends=np.cumsum(lengths[fits] - 1),
            max_length=max_length,
            vocabulary=vocabulary,
            skipped=self.skipped + reason * bool(left_out),
        )


def text_splits(
    name: str,
    passages: Mapping[str, Sequence[str]],
    form: TextForm | None = None,
    skipped: tuple[str, ...] = (),
) -> dict[str, ArrayTexts]:
    """Return the data set of each split, with the vocabulary of the training split.

    Where `train` is the only split, about a tenth of it becomes `test`: a hash of each passage
    decides, so that no passage is in both, and a new one moves no other.

    Args:
        name: What `--data` was given.
        passages: Normalized texts of each split, `train` among them; none is empty.
        form: Tokens, size of the vocabulary and greatest length.
        skipped: "name: reason" of what was left out before.

    Raises:
        DataError: If no passage of `train` is short enough.
    """
    form = form or TextForm()
    unit = form.tokens or "word"
    longest = form.max_length or MAX_LENGTHS[unit]
    short = {split: _short(texts, unit, longest) for split, texts in passages.items()}
    left_out = sum(len(texts) - len(short[split]) for split, texts in passages.items())
    if not short["train"]:
        raise DataError(
            f"None of the {len(passages['train'])} passages of '{shown(name)}' has at most "
            f"{longest} {unit} tokens. Give a greater --max-length, or cut the text into lines."
        )
    if left_out:
        reason = f"{left_out} passages of more than {longest} {unit} tokens"
        skipped = (*skipped, f"{shown(name)}: {reason}")
    if set(short) == {"train"}:
        parts = by_split(list(dict.fromkeys(short["train"])), {})
        test = set(parts.get("test", ()))
        short = {
            split: [text for text in short["train"] if (text in test) == (split == "test")]
            for split in parts
        }
    short = {split: texts for split, texts in short.items() if texts}
    size = form.vocabulary_size or VOCABULARY_SIZES[unit]
    vocabulary = make_vocabulary(short["train"], unit, size)
    encoded = {split: _encode(texts, vocabulary) for split, texts in short.items()}
    longest = max(int(np.diff(ends, prepend=0).max()) for _, ends in encoded.values())
    return {
        split: ArrayTexts(
            name=name,
            split=split,
            splits=tuple(short),
            passages=short[split],
            tokens=tokens,
            ends=ends,
            max_length=longest + 1,
            vocabulary=vocabulary,
            skipped=skipped,
        )
        for split, (tokens, ends) in encoded.items()
    }


def _short(texts: Sequence[str], unit: Unit, longest: int) -> list[str]:
    """Return the texts of at most `longest` tokens."""
    bounded = [text for text in texts if len(text) <= CHARACTERS_PER_TOKEN * longest]
    counts = tqdm(
        token_counts(bounded, unit),
        total=len(bounded),
        desc="Counting tokens",
        disable=None,
        leave=False,
    )
    return [text for text, count in zip(bounded, counts, strict=True) if count <= longest]


def _encode(texts: Sequence[str], vocabulary: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens of all texts one after another (S,), and where each text ends (N,)."""
    indices = array("H" if len(vocabulary) <= 2**16 else "i")  # in as few bytes as hold them
    ends = np.empty(len(texts), np.int64)
    encoded = tqdm(
        tokenize(texts, vocabulary),
        total=len(texts),
        desc="Reading tokens",
        disable=None,
        leave=False,
    )
    for number, tokens in enumerate(encoded):
        indices.extend(tokens)
        ends[number] = len(indices)
    return np.asarray(indices), ends
