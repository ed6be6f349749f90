"""What is said in a set of TensorFlow Datasets (TFDS), copied once into files of JSON Lines.

The copy stands in a folder of `zoo-cache/<name>/`, beside what is decoded of sets of images and
sounds; while it is there, neither TFDS nor TensorFlow is imported.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from zoo.data import decoded, tfds
from zoo.errors import DataError

Sizes = tuple[tuple[str, int], ...]  # bytes of the file of each split


def kept(folder: Path, root: Path) -> Sizes | None:
    """Return the splits in `folder` and the sizes of their files; None if they are not whole."""
    try:
        sizes = decoded.read_about(folder, root, "sizes")["sizes"]
        whole = all(_file(folder, split).stat().st_size == sizes[split] for split in sizes)
    except decoded.BROKEN:
        return None
    return tuple(sizes.items()) if whole else None


def read(folder: Path, split: str) -> Iterator[Any]:
    """Yield the entries of a split.

    Raises:
        DataError: If the file is damaged.
    """
    path = _file(folder, split)
    try:
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"'{path}' is damaged: {error}. Remove '{folder}'; it is made anew."
        ) from error


def write(
    folder: Path, name: str, root: Path, builder: Any, entries: Callable[[str], Iterable[Any]]
) -> None:
    """Write what `entries` gives for TFDS's instruction of each split of a set.

    Raises:
        DataError: If the set cannot be had, or the folder cannot be written.
    """
    splits = tfds.prepared_splits(builder, name)
    with decoded.written_whole(folder, name) as beside:
        sizes = {}
        for split, instruction in splits.items():
            path = _file(beside, split)
            with path.open("w", encoding="utf-8") as file:
                for entry in entries(instruction):
                    file.write(f"{json.dumps(entry)}\n")
            sizes[split] = path.stat().st_size
        decoded.write_about(beside, {"sizes": sizes}, Path(builder.data_dir), root)


def values_of(
    builder: Any, feature: str, instruction: str, batch_size: int | None = None
) -> Iterator[Any]:
    """Yield one feature of the examples that TFDS's `instruction` names, always in one order.

    Args:
        builder: Of a prepared set.
        feature: Its name.
        instruction: Which examples.
        batch_size: How many are read at once, which is faster; those of several sizes make none.
    """
    import tensorflow_datasets
    from tqdm import tqdm

    examples = builder.as_dataset(
        split=instruction,
        shuffle_files=False,
        read_config=tensorflow_datasets.ReadConfig(interleave_cycle_length=1),  # one order for ever
        decoders=tensorflow_datasets.decode.PartialDecoding({feature: True}),
    )
    examples = examples if batch_size is None else examples.batch(batch_size)
    count = builder.info.splits[instruction].num_examples
    with tqdm(total=count, desc=f"Reading {builder.name}", disable=None, leave=False) as bar:
        for example in tensorflow_datasets.as_numpy(examples):
            values = [example[feature]] if batch_size is None else example[feature]
            yield from values
            bar.update(len(values))


def decoded_text(text: bytes) -> str:
    """Return a text of TFDS; what is not UTF-8 becomes U+FFFD, an unknown character."""
    return text.decode("utf-8", "replace")


def _file(folder: Path, split: str) -> Path:
    return folder / f"{split}.jsonl"
