"""Sets of text of TensorFlow Datasets (TFDS), each copied once into files of JSON Lines.

The copy stands in `zoo-cache/<name>/texts/`, or `texts-<feature>/`, beside what is decoded of sets
of images and sounds; while it is there, neither TFDS nor TensorFlow is imported.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from zoo.data import decoded, tfds
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
    about = _about(folder, root)
    if about is None:
        _write(folder, name, feature, root)
        about = _about(folder, root)
    if about is None:
        raise DataError(f"'{folder}' was removed while it was written. Try again.")
    splits = _load(name, folder, about, form or TextForm())
    check_split(name, split, tuple(splits))
    return splits[split]


def _about(folder: Path, root: Path) -> tuple[tuple[str, int], ...] | None:
    """Return the splits in `folder` and the sizes of their files; None if they are not whole."""
    try:
        sizes = decoded.read_about(folder, root)["sizes"]
        whole = all((folder / f"{split}.jsonl").stat().st_size == sizes[split] for split in sizes)
    except (OSError, ValueError, KeyError):
        return None
    return tuple(sizes.items()) if whole else None


@lru_cache(maxsize=1)  # `train` and `test` of one set need the same vocabulary
def _load(
    name: str, folder: Path, sizes: tuple[tuple[str, int], ...], form: TextForm
) -> dict[str, ArrayTexts]:
    passages: dict[str, list[str]] = {}
    for split, _ in sizes:
        with (folder / f"{split}.jsonl").open(encoding="utf-8") as lines:
            texts = (json.loads(line) for line in lines)
            passages[split] = [
                part for text in texts for part in cut(text, form.passages or "line")
            ]
    if not passages["train"]:
        raise DataError(f"'{name}' holds no text to train on: all its texts are empty.")
    return text_splits(name, passages, form)


def _write(folder: Path, name: str, feature: str, root: Path) -> None:
    with tfds.quiet():
        builder = tfds.builder_of(name, root)
        feature = _chosen(builder.info.features, name, feature)
        splits = tfds.prepared_splits(builder, name)
        with decoded.written_whole(folder, name) as beside:
            sizes = {}
            for split, instruction in splits.items():
                path = beside / f"{split}.jsonl"
                with path.open("w", encoding="utf-8") as file:
                    for text in _texts(builder, feature, instruction):
                        file.write(f"{json.dumps(text)}\n")
                sizes[split] = path.stat().st_size
            decoded.write_about(beside, {"sizes": sizes}, Path(builder.data_dir), root)


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
    import tensorflow_datasets
    from tqdm import tqdm

    examples = builder.as_dataset(
        split=instruction,
        shuffle_files=False,
        read_config=tensorflow_datasets.ReadConfig(interleave_cycle_length=1),  # one order for ever
        decoders=tensorflow_datasets.decode.PartialDecoding({feature: True}),
    )
    batches = tensorflow_datasets.as_numpy(examples.batch(_BATCH))
    count = builder.info.splits[instruction].num_examples
    with tqdm(total=count, desc=f"Reading {builder.name}", disable=None, leave=False) as bar:
        for batch in batches:
            # What is not UTF-8 becomes U+FFFD: an unknown character.
            yield from (text.decode("utf-8", "replace") for text in batch[feature])
            bar.update(len(batch[feature]))
