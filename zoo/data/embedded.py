"""Data sets that installed packages carry: no network, no files to find."""

import numpy as np

from zoo.data.arrays import ArrayImages, check_split
from zoo.data.forms import ImageForm
from zoo.data.pixels import fit

# Shapes: N examples, H height, W width, C channels.

_TEST_EVERY = 5  # of 1,797 digits sorted by class, every fifth: 360, stratified


def load_digits(*, split: str, form: ImageForm | None = None) -> ArrayImages:
    """Return scikit-learn's handwritten digits, 8x8x1 unless another size is asked for.

    The split is stratified by class and always the same: 1,437 to train, 360 to test.
    """
    from sklearn.datasets import load_digits as load_from_scikit_learn

    splits = ("train", "test")
    check_split("digits", split, splits)
    size = (form or ImageForm()).size()
    bunch = load_from_scikit_learn()
    labels = bunch.target.astype(np.int32)
    is_test = np.zeros(len(labels), bool)
    is_test[np.argsort(labels, kind="stable")[::_TEST_EVERY]] = True
    rows = np.flatnonzero(is_test if split == "test" else ~is_test)
    pixels, white = bunch.images.astype(np.uint8)[rows][..., None], 16  # (N, 8, 8, 1)
    if size is not None and size != pixels.shape[1:3]:
        deep = pixels.astype(np.uint16) * (65535 // white)
        pixels, white = np.stack([fit(picture, size) for picture in deep]), 65535
    return ArrayImages(
        name="digits",
        split=split,
        splits=splits,
        pixels=pixels,
        labels=labels[rows],
        class_names=tuple(str(name) for name in bunch.target_names),
        white=white,
    )
