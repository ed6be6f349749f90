"""Sets of TensorFlow Datasets (TFDS) of images with captions, or with labels whose names serve.

The images are decoded as those of any set of images; the captions stand beside them in
`zoo-cache/<name>/captions/`, or `captions-<feature>/`; see `zoo.data.tfds_lines`.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data import decoded, tfds, tfds_lines
from zoo.data.arrays import check_split
from zoo.data.captioned import CaptionedImages, captioned
from zoo.data.captions import caption_of
from zoo.data.forms import CaptionedForm, ImageForm
from zoo.errors import DataError

_BATCH = 256  # labels read at once


def load_tfds_captioned(
    name: str,
    *,
    split: str,
    form: CaptionedForm | None = None,
    data_dir: str | Path | None = None,
) -> CaptionedImages:
    """Return a split of the TFDS set `name`, which is downloaded at its first use.

    The captions are the feature `captions`, `caption` or `text`, one or a sequence of them
    (`coco_captions`), or else the name of the label (`oxford_flowers102`); another is named as in
    `tfds:coco_captions#label`. Where TFDS has no split `test`, the last tenth of `train` is.

    Raises:
        DataError: If the set is unknown, has no images or captions, cannot be had, or has no such
            split.
    """
    form = form or CaptionedForm()
    root = tfds.data_root(data_dir)
    folder, sizes = _copied(name, root)
    check_split(name, split, tuple(part for part, _ in sizes))
    captions = _captions(folder, sizes)
    size = ImageForm(image_size=form.image_size)
    return captioned(
        name=name,
        images=tfds.load_tfds(name, split=split, form=size, data_dir=data_dir),
        captions=captions[split],
        train_captions=captions["train"],
        form=form,
    )


def _copied(name: str, root: Path) -> tuple[Path, tfds_lines.Sizes]:
    """Return the folder of the captions of a set, which are copied if need be."""
    wanted = name.partition("#")[2]
    of_set = decoded.of_set(root, tfds.plain_name(name))
    for feature in (wanted,) if wanted else ("", tfds.LABEL):
        folder = of_set / f"captions-{feature}".rstrip("-")
        sizes = tfds_lines.kept(folder, root)
        if sizes is not None:
            return folder, sizes
    with tfds.quiet():
        builder = tfds.builder_of(name, root)
        tfds.check_feature(builder, name, "image")
        chosen = _chosen(builder.info.features, name, wanted)
        suffix = wanted or (tfds.LABEL if chosen == tfds.LABEL else "")
        folder = of_set / f"captions-{suffix}".rstrip("-")
        tfds_lines.write(folder, name, root, builder, partial(_read, builder, chosen))
    sizes = tfds_lines.kept(folder, root)
    if sizes is None:
        raise DataError(f"'{folder}' was removed while it was written. Try again.")
    return folder, sizes


@lru_cache(maxsize=1)  # `train` and `test` of one set need the same vocabulary
def _captions(folder: Path, sizes: tfds_lines.Sizes) -> dict[str, list[list[str]]]:
    return {
        split: [
            list(dict.fromkeys(map(caption_of, texts))) for texts in tfds_lines.read(folder, split)
        ]
        for split, _ in sizes
    }


def _chosen(features: Any, name: str, wanted: str) -> str:
    """Return the feature that says what is in an image: the wanted one, or one that is known."""
    found = [*tfds.caption_features(features), *tfds.text_features(features)]
    if tfds.label_names(features):
        found.append(tfds.LABEL)
    known = (*tfds.CAPTION_FEATURES, tfds.LABEL)
    for feature in (wanted,) if wanted else known:
        if feature in found:
            return feature
    plain = tfds.plain_name(name)
    if not found:
        raise DataError(
            f"'{plain}' has no captions, and no labels with names. Its features: "
            f"{', '.join(sorted(features))}."
        )
    raise DataError(
        f"'{plain}' has no captions called '{wanted or known[0]}'. Name what to use as in "
        f"'tfds:{plain}#{found[0]}'. Its texts: {', '.join(dict.fromkeys(found))}."
    )


def _read(builder: Any, feature: str, instruction: str) -> Iterator[list[str]]:
    """Yield the texts of each example that TFDS's `instruction` names."""
    if feature == tfds.LABEL:
        names = [name.replace("_", " ") for name in tfds.label_names(builder.info.features)]
        for label in tfds_lines.values_of(builder, feature, instruction, _BATCH):
            yield [names[label]] if label >= 0 else []  # -1 is what is not known
        return
    for value in tfds_lines.values_of(builder, feature, instruction):
        texts = value["text"] if isinstance(value, dict) else value
        yield [tfds_lines.decoded_text(text) for text in np.atleast_1d(np.asarray(texts, object))]
