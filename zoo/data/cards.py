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
