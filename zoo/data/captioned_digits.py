"""Handwritten digits with captions that name them."""

from zoo.data.arrays import ArrayImages
from zoo.data.captioned import CaptionedImages, captioned
from zoo.data.embedded import load_digits
from zoo.data.forms import CaptionedForm, ImageForm

NAME = "captioned-digits"
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def load_captioned_digits(*, split: str, form: CaptionedForm | None = None) -> CaptionedImages:
    """Return scikit-learn's digits with six captions each: 1,437 to train, 360 to test."""
    form = form or CaptionedForm()
    size = ImageForm(image_size=form.image_size)
    images = load_digits(split=split, form=size)
    train = images if split == "train" else load_digits(split="train", form=size)
    return captioned(
        name=NAME,
        images=images,
        captions=_captions(images),
        train_captions=_captions(train),
        form=form,
    )


def _captions(images: ArrayImages) -> list[list[str]]:
    labels = images.labels if images.labels is not None else ()
    return [_captions_of(int(label)) for label in labels]


def _captions_of(digit: int) -> list[str]:
    number = NUMBERS[digit]
    return [
        f"the digit {number}",
        f"a handwritten {number}",
        f"the number {number}",
        f"{'an' if number == 'eight' else 'a'} {number} drawn by hand",
        number,
        f"the digit {digit}",
    ]
