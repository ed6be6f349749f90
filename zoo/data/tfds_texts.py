"""Sets of text of TensorFlow Datasets (TFDS), each copied once into files of JSON Lines.

The copy stands in `zoo-cache/<name>/texts/`, or `texts-<feature>/`; see `zoo.data.tfds_lines`.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from zoo.data import decoded, tfds, tfds_lines
from zoo.data.arrays import check_split
from zoo.data.forms import TextForm
from zoo.data.text_files import cut
from zoo.data.texts import ArrayTexts, text_splits
from zoo.errors import DataError

_BATCH = 256  # texts read at once


def load_tfds_texts(
    name: str,
    *,
    split: str,
    form: TextForm | None = None,
    data_dir: str | Path | None = None,
) -> ArrayTexts:
    """Return a split of the passages in the TFDS set `name`, which is downloaded at its first use.

    The text is the feature `text` or the only one of text; another is named as in
    `tfds:gigaword#summary`. Each is cut into lines or paragraphs as a text file is. Where TFDS has
    no split `test`, the last tenth of `train` is.

    Raises:
        DataError: If the set is unknown, holds no text, cannot be had, or has no such split.
    """
    root = tfds.data_root(data_dir)
    feature = name.partition("#")[2]
    folder = decoded.of_set(root, tfds.plain_name(name)) / f"texts-{feature}".rstrip("-")
    sizes = tfds_lines.kept(folder, root)
    if sizes is None:
        with tfds.quiet():
            builder = tfds.builder_of(name, root)
            chosen = _chosen(builder.info.features, name, feature)
            tfds_lines.write(folder, name, root, builder, partial(_texts, builder, chosen))
        sizes = tfds_lines.kept(folder, root)
    if sizes is None:
        raise DataError(f"'{folder}' was removed while it was written. Try again.")
    splits = _load(name, folder, sizes, form or TextForm())
    check_split(name, split, tuple(splits))
    return splits[split]


@lru_cache(maxsize=1)  # `train` and `test` of one set need the same vocabulary
def _load(
    name: str, folder: Path, sizes: tfds_lines.Sizes, form: TextForm
) -> dict[str, ArrayTexts]:
    passages: dict[str, list[str]] = {}
    for split, _ in sizes:
        texts = tfds_lines.read(folder, split)
        passages[split] = [part for text in texts for part in cut(text, form.passages or "line")]
    if not passages["train"]:
        raise DataError(f"'{name}' holds no text to train on: all its texts are empty.")
    return text_splits(name, passages, form)


def _chosen(features: Any, name: str, wanted: str) -> str:
    """Return the feature that holds the text of a set: the wanted one, `text`, or the only one."""
    found = tfds.text_features(features)
    if "image" in features or "audio" in features:
        raise DataError(
            f"'{name}' holds {'images' if 'image' in features else 'sounds'}. Expected: text alone."
        )
    if not found:
        raise DataError(
            f"'{name}' has no feature of text. Its features: {', '.join(sorted(features))}."
        )
    for feature in (wanted,) if wanted else ("text", *found[: len(found) == 1]):
        if feature in found:
            return feature
    plain = tfds.plain_name(name)
    raise DataError(
        f"'{plain}' has no text called '{wanted or 'text'}'. Name the one to use as in "
        f"'tfds:{plain}#{found[0]}'. Its texts: {', '.join(found)}."
    )


def _texts(builder: Any, feature: str, instruction: str) -> Iterator[str]:
    return map(tfds_lines.decoded_text, tfds_lines.values_of(builder, feature, instruction, _BATCH))
