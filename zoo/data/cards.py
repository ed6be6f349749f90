"""The data sets that the zoo carries itself; entry points in `zoo.datasets` name these cards."""

from zoo.card import DatasetCard

DIGITS = DatasetCard(
    name="digits",
    kind="image",
    summary="1,797 handwritten digits, 8x8 grey levels, 10 classes; needs no network",
    source="scikit-learn, load_digits (UCI Optical Recognition of Handwritten Digits, test part)",
    licence="CC BY 4.0",
    load="zoo.data.embedded:load_digits",
)

MOVING_DIGITS = DatasetCard(
    name="moving-digits",
    kind="video",
    summary="9,216 films of two moving digits, 10 frames, 20x20, black and white; needs no network",
    source="made of the digits that scikit-learn carries, as Moving MNIST is of MNIST",
    licence="CC BY 4.0",
    load="zoo.data.moving:load_moving_digits",
)

NOTES = DatasetCard(
    name="notes",
    kind="waveform",
    summary="992 notes of four instruments, 0.3 s at 8 kHz, 8 pitches as classes; needs no network",
    source="computed by zoo.data.notes",
    licence="Apache-2.0",
    load="zoo.data.notes:load_notes",
)

DOODLES = DatasetCard(
    name="doodles",
    kind="strokes",
    summary="2,400 doodles of eight things as pen strokes, 10 to 39 points; needs no network",
    source="computed by zoo.data.doodles",
    licence="Apache-2.0",
    load="zoo.data.doodles:load_doodles",
)

SENTENCES = DatasetCard(
    name="sentences",
    kind="tokens",
    summary="6,800 English sentences of 4 to 12 words, a vocabulary of 167; needs no network",
    source="computed by zoo.data.sentences",
    licence="Apache-2.0",
    load="zoo.data.sentences:load_sentences",
)

DIGIT_STYLES = DatasetCard(
    name="digit-styles",
    kind="domains",
    summary="1,797 handwritten digits, 16x16, as strokes (A) or outlines (B); needs no network",
    source="made of the digits that scikit-learn carries",
    licence="CC BY 4.0",
    load="zoo.data.digit_styles:load_digit_styles",
)

CAPTIONED_DIGITS = DatasetCard(
    name="captioned-digits",
    kind="captioned",
    summary="1,797 handwritten digits, 8x8 grey levels, with captions; needs no network",
    source="scikit-learn's digits, captions by zoo.data.captioned_digits",
    licence="CC BY 4.0",
    load="zoo.data.captioned_digits:load_captioned_digits",
)

SCENES = DatasetCard(
    name="scenes",
    kind="captioned",
    summary="Two coloured shapes beside or above one another, with captions; needs no network",
    source="computed by zoo.data.scenes",
    licence="Apache-2.0",
    load="zoo.data.scenes:load_scenes",
)
