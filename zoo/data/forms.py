"""The forms that data can be asked for in: the size of images, the rate of sounds, and so on.

A form is a dataclass for each kind of data; what it leaves None, the data decide. Its fields are
the keywords of `zoo.data.load`, the `form` of a preset and of a run, and options on the command
line.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from zoo.card import Kind
from zoo.errors import DataError, did_you_mean

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 768_000  # beyond, a header is taken to be broken
LONGEST_CLIP_SECONDS = 600.0
WHOLE_SECONDS = 4.0  # sounds up to this length are kept whole where no length is asked for
WINDOW_SECONDS = 1.0  # otherwise they are cut into windows of this length
LARGEST_SIDE = 8192  # pixels
LONGEST_SEQUENCE = 10_000  # points of a sketch, tokens of a text
LARGEST_VOCABULARY = 1_000_000
PAIRS = ("side-by-side", "colourisation", "super-resolution")


@dataclass(frozen=True, kw_only=True)
class ImageForm:
    """The form that images, and the frames of films, are asked for in.

    Args:
        image_size: N or (height, width) that they are cropped and resized to, in pixels.
    """

    image_size: int | tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self.size()

    def size(self) -> tuple[int, int] | None:
        """Return (H, W), an integer N meaning (N, N), or None.

        Raises:
            DataError: If a side is not an integer in 1...8192.
        """
        size: Any = self.image_size
        if size is None:
            return None
        sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
        if len(sides) != 2 or not all(type(s) is int and 1 <= s <= LARGEST_SIDE for s in sides):
            raise DataError(
                f"image_size must be N or (height, width), each in 1...{LARGEST_SIDE}. "
                f"Received: {str(self.image_size)[:60]}."
            )
        return sides[0], sides[1]


@dataclass(frozen=True, kw_only=True)
class SoundForm:
    """The form that sounds are asked for in.

    Args:
        sample_rate_hz: Samples per second to resample to; None keeps the rate of the data.
        clip_seconds: Length of an example; None keeps sounds of up to 4 s whole, and takes 1 s
            where one is longer.
        trim_silence: Whether what is 40 dB below the peak of a sound is cut from both ends.
    """

    sample_rate_hz: int | None = None
    clip_seconds: float | None = None
    trim_silence: bool | None = None

    def __post_init__(self) -> None:
        _check_range("sample_rate_hz", self.sample_rate_hz, LOWEST_RATE_HZ, HIGHEST_RATE_HZ)
        _check_type("clip_seconds", self.clip_seconds, float, int)
        _check_type("trim_silence", self.trim_silence, bool)
        seconds = self.clip_seconds
        if seconds is not None and not 0 < seconds <= LONGEST_CLIP_SECONDS:
            raise DataError(
                f"A clip must be longer than 0 s and at most {LONGEST_CLIP_SECONDS:g} s long. "
                f"Received: {seconds:g}."
            )

    def length(self, longest: int, sample_rate_hz: int) -> int:
        """Return the samples of an example, T, of sounds of which the longest has `longest`."""
        if self.clip_seconds is not None:
            return max(1, round(self.clip_seconds * sample_rate_hz))
        if longest <= WHOLE_SECONDS * sample_rate_hz:
            return longest
        return round(WINDOW_SECONDS * sample_rate_hz)


@dataclass(frozen=True, kw_only=True)
class StrokesForm:
    """The form that sketches are asked for in.

    Args:
        max_length: Most points of a sketch; longer ones are left out and counted. None: 250.
    """

    max_length: int | None = None

    def __post_init__(self) -> None:
        _check_range("max_length", self.max_length, 2, LONGEST_SEQUENCE)


@dataclass(frozen=True, kw_only=True)
class TextForm:
    """The form that text is asked for in.

    Args:
        tokens: What a token is: a "word" or punctuation mark (None), or a "character".
        vocabulary_size: Most tokens in the vocabulary, the most frequent ones of the training
            data, with those for the end and for what is unknown. None: 10,000 words, or 20,000
            characters.
        max_length: Most tokens of a passage; longer ones are left out and counted. None: 60 words,
            or 200 characters.
        passages: What an example is: a "line" (None), or a "paragraph" between empty lines.
    """

    tokens: Literal["word", "character"] | None = None
    vocabulary_size: int | None = None
    max_length: int | None = None
    passages: Literal["line", "paragraph"] | None = None

    def __post_init__(self) -> None:
        _check_choice("tokens", self.tokens, ("word", "character"))
        _check_choice("passages", self.passages, ("line", "paragraph"))
        _check_range("vocabulary_size", self.vocabulary_size, 3, LARGEST_VOCABULARY)
        _check_range("max_length", self.max_length, 1, LONGEST_SEQUENCE)


@dataclass(frozen=True, kw_only=True)
class DomainsForm(ImageForm):
    """The form that images of two domains are asked for in.

    Args:
        image_size: N or (height, width) that those of both domains are cropped and resized to; for
            super-resolution, those of B.
        data_b: What domain B is, where the data named are domain A alone.
        pair: How both domains are made from one data set: by the left and right half of each file,
            by leaving out the colours, or by shrinking to a quarter of the size.
    """

    data_b: str | None = None
    pair: Literal["side-by-side", "colourisation", "super-resolution"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("pair", self.pair, PAIRS)
        _check_type("data_b", self.data_b, str)
        if self.data_b is not None and self.pair is not None:
            raise DataError(
                f"--data-b names domain B, --pair {self.pair} makes it from the data named alone. "
                "Give one of them."
            )


@dataclass(frozen=True, kw_only=True)
class CaptionedForm(ImageForm):
    """The form that images with captions are asked for in.

    Args:
        image_size: N or (height, width) that images are cropped and resized to, in pixels.
        tokens: What a token of a caption is: a "word" or punctuation mark (None), or a "character".
        vocabulary_size: Most tokens in the vocabulary; see `TextForm`.
        max_length: Most tokens of a caption; longer ones are left out and counted. None: 60 words,
            or 200 characters.
        embeddings: An `.npz` file with the embedding of every caption; None: the model makes its
            own.
    """

    tokens: Literal["word", "character"] | None = None
    vocabulary_size: int | None = None
    max_length: int | None = None
    embeddings: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_type("embeddings", self.embeddings, str)
        self.text()

    def text(self) -> TextForm:
        """Return the form of the captions."""
        return TextForm(
            tokens=self.tokens, vocabulary_size=self.vocabulary_size, max_length=self.max_length
        )


Form = ImageForm | SoundForm | StrokesForm | TextForm | DomainsForm | CaptionedForm

FORMS: Mapping[Kind, type[Form]] = {
    "image": ImageForm,
    "video": ImageForm,
    "waveform": SoundForm,
    "strokes": StrokesForm,
    "tokens": TextForm,
    "domains": DomainsForm,
    "captioned": CaptionedForm,
}
OPTIONS = {  # the option of each field on the command line
    "image_size": "--image-size",
    "sample_rate_hz": "--sample-rate",
    "clip_seconds": "--clip-seconds",
    "trim_silence": "--trim-silence",
    "max_length": "--max-length",
    "tokens": "--tokens",
    "vocabulary_size": "--vocabulary-size",
    "passages": "--passages",
    "data_b": "--data-b",
    "pair": "--pair",
    "embeddings": "--embeddings",
}


def make_form(kind: Kind, asked: Mapping[str, Any], name: str) -> Any:
    """Return the form of a kind of data with what is asked for; None is not.

    Args:
        kind: Kind of data.
        asked: Values by field.
        name: What the data are called, for errors.

    Raises:
        DataError: If a field does not suit the kind of data, or a value is out of range.
    """
    given = {field: value for field, value in asked.items() if value is not None}
    for field in given:
        if field not in OPTIONS:
            raise DataError(
                f"There is no form '{field}' of data.{did_you_mean(field, OPTIONS)} Forms: "
                f"{', '.join(OPTIONS)}."
            )
        if field not in form_fields(kind):
            kinds = [other for other in FORMS if field in form_fields(other)]
            raise DataError(
                f"'{name}' holds {kind} data; {OPTIONS[field]} is for {' and '.join(kinds)} data. "
                "Leave it out."
            )
    return FORMS[kind](**given) if kind in FORMS else None


def form_fields(kind: Kind) -> tuple[str, ...]:
    """Return what can be asked of a kind of data."""
    return tuple(f.name for f in dataclasses.fields(FORMS[kind])) if kind in FORMS else ()


def form_options(form: Mapping[str, Any]) -> list[str]:
    """Return a form as words of a command line."""
    words = []
    for field, value in form.items():
        if value is True:
            words.append(OPTIONS[field])
        elif value is not None and value is not False:
            sides = dict.fromkeys(value) if isinstance(value, tuple | list) else (value,)
            words += [OPTIONS[field], "x".join(map(str, sides))]
    return words


def _check_range(field: str, value: int | None, least: int, most: int) -> None:
    _check_type(field, value, int)
    if value is not None and not least <= value <= most:
        raise DataError(f"{field} must lie between {least:,} and {most:,}. Received: {value:,}.")


def _check_type(field: str, value: Any, *types: type) -> None:
    """Raise a `DataError` for what JSON can hold and an option on the command line cannot be."""
    if value is not None and type(value) not in types:
        names = " or ".join(kind.__name__ for kind in types)
        raise DataError(f"{field} must be of type {names}. Received: {str(value)[:60]!r}.")


def _check_choice(field: str, value: str | None, choices: tuple[str, ...]) -> None:
    _check_type(field, value, str)
    if value is not None and value not in choices:
        raise DataError(f"{field} must be one of {', '.join(choices)}. Received: {value!r}.")
