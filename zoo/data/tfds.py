"""Sets of images and sounds of TensorFlow Datasets (TFDS), each decoded once into a mapped file.

TFDS keeps its sets under `$ZOO_DATA_DIR`, or in its own folder. The decoded examples stand beside
them in `zoo-cache/<name>/<split>-<form>/`; while they are there, neither TFDS nor TensorFlow is
imported.
"""

import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from zoo.card import Kind
from zoo.data import decoded, decoded_sounds
from zoo.data.arrays import SPLITS, ArrayImages, check_split
from zoo.data.forms import ImageForm, SoundForm
from zoo.data.tensorflow_quiet import import_tensorflow
from zoo.data.tfds_files import download, generate, one_line
from zoo.data.waveforms import ArrayWaveforms
from zoo.errors import DataError, did_you_mean

# Shapes: B batch, H height, W width, C channels, T samples of a sound.

_NAME = re.compile(r"(?P<name>[a-z0-9_]+)(/[\w.+-]+)?(:[\d.*]+)?")
_BATCH = 256  # examples read at once: one by one takes five times as long
DOMAIN_LABELS = ("A", "B")  # what the sets of `cycle_gan` have, and no others
CAPTION_FEATURES = ("captions", "caption", "text")  # beside an image, what says what is in it
LABEL = "label"
_TEST_PART = 10  # one in so many of `train` is `test`, where TFDS has no such split


def load_tfds(
    name: str,
    *,
    split: str,
    form: ImageForm | None = None,
    data_dir: str | Path | None = None,
) -> ArrayImages:
    """Return a split of the TFDS image set `name`, which is downloaded at its first use.

    Where TFDS has no split `test`, the last tenth of `train` is. Images of 0 and 1 only
    (`binarized_mnist`) become 0.0 and 1.0.

    Raises:
        DataError: If the set is unknown, holds no images, cannot be had, or has no such split.
    """
    size = (form or ImageForm()).size()
    root = data_root(data_dir)
    folder = decoded.folder(root, plain_name(name), split, size)
    found = decoded.read(folder, root)
    if found is None:
        with quiet():
            builder, splits = _open(name, split, root, "image")
            examples = examples_of(builder, "image", splits[split])
            decoded.write(folder, examples, name=name, size=size, splits=tuple(splits), root=root)
        found = decoded.read(folder, root)
    if found is None:
        raise DataError(f"'{folder}' was removed while it was written. Try again.")
    return found.images(name, split)


def load_tfds_sounds(
    name: str,
    *,
    split: str,
    form: SoundForm | None = None,
    data_dir: str | Path | None = None,
) -> ArrayWaveforms:
    """Return a split of the TFDS set `name` of sounds, which is downloaded at its first use.

    Where TFDS has no split `test`, the last tenth of `train` is. Sounds that cannot be used are
    skipped and named by their number. The length of an example, where it is not asked for, is
    that of the longest sound of `train`.

    Raises:
        DataError: If the set is unknown, holds no sounds, cannot be had, or has no such split.
    """
    form = form or SoundForm()
    root = data_root(data_dir)
    found = _sounds(name, split, form, root)
    longest = 0 if form.clip_seconds is not None else _sounds(name, "train", form, root).longest
    return found.waveforms(name, split, form.length(longest, found.about["sample_rate_hz"]))


def kind_of_set(name: str, data_dir: str | Path | None = None) -> Kind:
    """Return what the TFDS set `name` holds by its features; "image" for what is not known.

    Raises:
        DataError: If TFDS cannot open the set.
    """
    root = data_root(data_dir)
    decoded_set = decoded.of_set(root, plain_name(name))
    if any(decoded_set.glob("texts*")):
        return "tokens"
    if any(folder.name != f"captions-{LABEL}" for folder in decoded_set.glob("captions*")):
        return "captioned"
    if decoded_sounds.has_any(root, plain_name(name)):
        return "waveform"
    if any(decoded_set.glob("trainA-*")):
        return "domains"
    if decoded_set.exists():
        return "image"
    with quiet():
        features = builder_of(name, root).info.features
        if label_names(features) == DOMAIN_LABELS:
            return "domains"
        if "image" in features and caption_features(features):
            return "captioned"
    if "image" in features or "audio" in features:
        return "image" if "image" in features else "waveform"
    return "tokens" if text_features(features) else "image"


def prepare(name: str, from_dir: str | Path, *, data_dir: str | Path | None = None) -> Path:
    """Prepare the TFDS set `name` from files in `from_dir`, without a network; return its folder.

    Raises:
        DataError: If the set is unknown or a file is missing or not the right one; nothing
            half-made is left behind.
    """
    root = data_root(data_dir)
    source = Path(from_dir).expanduser()
    if not source.is_dir():
        raise DataError(f"There is no folder '{from_dir}'.")
    with quiet():
        builder = builder_of(name, root)
        if not builder.is_prepared():
            generate(builder, plain_name(name), source)
            decoded.forget(root, plain_name(name))
    return Path(builder.data_dir)


def is_known(name: str, data_dir: str | Path | None = None) -> bool:
    """Return whether TFDS has a set of this name, or its folder holds one."""
    match = _NAME.fullmatch(plain_name(name))
    if match is None:
        return False
    # The folder first: TFDS need not be imported for a set that is there.
    folder = data_root(data_dir) / match["name"]
    # `Path.is_dir` raises an error for a name that is too long.
    return os.path.isdir(folder) or match["name"] in known_names()


def known_names() -> tuple[str, ...]:
    """Return the names of all sets that the installed TFDS can build."""
    if importlib.util.find_spec("tensorflow_datasets") is None:
        return ()
    with quiet():
        import tensorflow_datasets as tfds

        return tuple(tfds.list_builders(with_community_datasets=False))


def plain_name(name: str) -> str:
    """Return the name of a set as TFDS knows it."""
    return name.removeprefix("tfds:").partition("#")[0]


def data_root(data_dir: str | Path | None) -> Path:
    """Return the folder that TFDS sets are kept in."""
    chosen = (
        data_dir
        or os.environ.get("ZOO_DATA_DIR")
        or os.environ.get("TFDS_DATA_DIR")  # what TFDS itself reads
        or "~/tensorflow_datasets"
    )
    return Path(chosen).expanduser().absolute()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep TFDS from writing to stdout and from warning; its bars are for terminals only."""
    from absl import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)


def builder_of(name: str, root: Path) -> Any:
    """Return TFDS's builder of a set.

    Raises:
        DataError: If TFDS has no such set, or cannot open it.
    """
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise DataError(
            f"'{name}' needs TensorFlow Datasets, which is not installed. "
            "Install it with `pip install tensorflow-datasets`."
        )
    match = _NAME.fullmatch(plain_name(name))
    if match is None or not is_known(name, root):
        raise DataError(
            f"TensorFlow Datasets has no set '{plain_name(name)}'."
            f"{did_you_mean(plain_name(name), known_names())}"
        )
    import_tensorflow(f"Reading '{name}' from TensorFlow Datasets")
    import tensorflow_datasets as tfds

    tfds.display_progress_bar(sys.stderr.isatty())
    try:
        return tfds.builder(plain_name(name), data_dir=root)
    except Exception as error:  # a set's own code may raise anything
        raise DataError(f"TFDS cannot open '{name}': {one_line(error)}") from error


def label_names(features: Any) -> tuple[str, ...]:
    """Return the names of the labels, none where TFDS knows none."""
    import tensorflow_datasets as tfds

    if LABEL not in features or not isinstance(features[LABEL], tfds.features.ClassLabel):
        return ()
    return tuple(features[LABEL].names)


def text_features(features: Any) -> list[str]:
    """Return the names of those TFDS features that are text."""
    import tensorflow_datasets as tfds

    return sorted(n for n, feature in features.items() if isinstance(feature, tfds.features.Text))


def caption_features(features: Any) -> list[str]:
    """Return the names of those TFDS features that by their names are captions of an image."""
    import tensorflow_datasets as tfds

    def is_text(feature: Any) -> bool:
        if isinstance(feature, tfds.features.Sequence):
            inner = feature.feature
            is_named = isinstance(inner, tfds.features.FeaturesDict) and "text" in inner
            return is_text(inner["text"] if is_named else inner)
        return isinstance(feature, tfds.features.Text)

    return [name for name in CAPTION_FEATURES if name in features and is_text(features[name])]


def prepared_splits(builder: Any, name: str, domain: str = "") -> dict[str, str]:
    """Return TFDS's instruction for each of our splits of a set, which is downloaded if need be.

    Of a set of two domains, TFDS's splits are `trainA`, `trainB` and so on.
    """
    if not builder.is_prepared():
        download(builder, plain_name(name))
    own = builder.info.splits
    train = f"train{domain}"
    if train not in own:
        raise DataError(f"'{name}' has no split '{train}'. TFDS has: {', '.join(own)}.")
    named = {split: f"{split}{domain}" for split in SPLITS}
    splits = {split: theirs for split, theirs in named.items() if theirs in own}
    cut = own[train].num_examples // _TEST_PART
    if "test" not in splits and cut:
        splits |= {"train": f"{train}[:-{cut}]", "test": f"{train}[-{cut}:]"}
    return splits


def _sounds(name: str, split: str, form: SoundForm, root: Path) -> decoded_sounds.DecodedSounds:
    folder = decoded_sounds.folder(root, plain_name(name), split, form)
    found = decoded_sounds.read(folder, root)
    if found is None:
        with quiet():
            builder, splits = _open(name, split, root, "audio")
            decoded_sounds.write(
                folder,
                examples_of(builder, "audio", splits[split]),
                name=name,
                sample_rate_hz=_rate(builder, name),
                form=form,
                splits=tuple(splits),
                root=root,
            )
        found = decoded_sounds.read(folder, root)
    if found is None:
        raise DataError(f"'{folder}' was removed while it was written. Try again.")
    return found


def _rate(builder: Any, name: str) -> int:
    rate = builder.info.features["audio"].sample_rate
    if not rate:
        raise DataError(f"TFDS does not say the sample rate of '{name}': it cannot be used.")
    return int(rate)


def _open(name: str, split: str, root: Path, feature: str) -> tuple[Any, dict[str, str]]:
    """Return the builder of a prepared set with that feature, and TFDS's instruction by split."""
    builder = builder_of(name, root)
    check_feature(builder, name, feature)
    splits = prepared_splits(builder, name)
    check_split(name, split, tuple(splits))
    return builder, splits


def check_feature(builder: Any, name: str, feature: str) -> None:
    """Raise a `DataError` if a set has no feature of that name and kind."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    wanted = tfds.features.Image if feature == "image" else tfds.features.Audio
    if feature not in features or not isinstance(features[feature], wanted):
        raise DataError(
            f"'{name}' has no feature '{feature}'; of TFDS only sets of images ('image') and of "
            f"sounds ('audio') are read. Its features: {', '.join(sorted(features))}."
        )


def examples_of(
    builder: Any, feature: str, instruction: str, *, with_labels: bool = True
) -> decoded.Examples:
    """Return the examples of a prepared set that TFDS's `instruction` names."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    class_names = label_names(features) if with_labels else ()
    wanted = (feature, "label") if class_names else (feature,)
    examples = builder.as_dataset(
        split=instruction,
        shuffle_files=False,
        read_config=tfds.ReadConfig(interleave_cycle_length=1),  # one order for ever
        decoders=tfds.decode.PartialDecoding(dict.fromkeys(wanted, True)),
    )
    # Examples of several sizes make no array.
    examples = examples.batch(1 if None in features[feature].shape else _BATCH)
    return decoded.Examples(
        pairs=_pairs(tfds.as_numpy(examples), feature),
        count=builder.info.splits[instruction].num_examples,
        class_names=class_names,
        source=Path(builder.data_dir),
    )


def _pairs(
    batches: Iterable[dict[str, np.ndarray]], feature: str
) -> Iterator[tuple[np.ndarray, int]]:
    for batch in batches:
        values = batch[feature]  # (B, H, W, C) or (B, T)
        yield from zip(values, batch.get("label", [-1] * len(values)), strict=True)
