"""Sets of images and sounds of TensorFlow Datasets (TFDS), each decoded once into a mapped file.

TFDS keeps its sets under `$ZOO_DATA_DIR`, or in its own folder. The decoded examples stand beside
them in `zoo-cache/<name>/<split>-<form>/`; while they are there, neither TFDS nor TensorFlow is
imported.
"""

import hashlib
import importlib.util
import os
import re
import sys
import tempfile
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from zoo.card import Kind
from zoo.data import decoded, decoded_sounds
from zoo.data.arrays import ArrayImages, check_split
from zoo.data.pixels import ImageSize, check_image_size
from zoo.data.tensorflow_quiet import import_tensorflow
from zoo.data.waveforms import ArrayWaveforms, SoundForm
from zoo.errors import DataError, did_you_mean

# Shapes: B batch, H height, W width, C channels, T samples of a sound.

_NAME = re.compile(r"(?P<name>[a-z0-9_]+)(/[\w.+-]+)?(:[\d.*]+)?")
_PROBE_SECONDS = 5
_BATCH = 256  # examples read at once: one by one takes five times as long
_TEST_PART = 10  # one in so many of `train` is `test`, where TFDS has no such split


def load_tfds(
    name: str,
    *,
    split: str,
    image_size: ImageSize | None = None,
    data_dir: str | Path | None = None,
) -> ArrayImages:
    """Return a split of the TFDS image set `name`, which is downloaded at its first use.

    Where TFDS has no split `test`, the last tenth of `train` is. Images of 0 and 1 only
    (`binarized_mnist`) become 0.0 and 1.0.

    Raises:
        DataError: If the set is unknown, holds no images, cannot be had, or has no such split.
    """
    size = check_image_size(image_size)
    root = _data_root(data_dir)
    folder = decoded.folder(root, _plain(name), split, size)
    found = decoded.read(folder, root)
    if found is None:
        with _quiet():
            builder, splits = _open(name, split, root, "image")
            examples = _examples(builder, "image", splits[split])
            decoded.write(folder, examples, name=name, size=size, splits=tuple(splits), root=root)
        found = decoded.read(folder, root)
    if found is None:
        raise DataError(f"'{folder}' was removed while it was written. Try again.")
    return found.images(name, split)


def load_tfds_sounds(
    name: str,
    *,
    split: str,
    sound: SoundForm | None = None,
    data_dir: str | Path | None = None,
) -> ArrayWaveforms:
    """Return a split of the TFDS set `name` of sounds, which is downloaded at its first use.

    Where TFDS has no split `test`, the last tenth of `train` is. Sounds that cannot be used are
    skipped and named by their number. The length of an example, where it is not asked for, is
    that of the longest sound of `train`.

    Raises:
        DataError: If the set is unknown, holds no sounds, cannot be had, or has no such split.
    """
    form = sound or SoundForm()
    root = _data_root(data_dir)
    found = _sounds(name, split, form, root)
    longest = 0 if form.clip_seconds is not None else _sounds(name, "train", form, root).longest
    return found.waveforms(name, split, form.length(longest, found.about["sample_rate_hz"]))


def kind_of_set(name: str, data_dir: str | Path | None = None) -> Kind:
    """Return "waveform" if the TFDS set `name` has a feature `audio` and no `image`, else "image".

    Raises:
        DataError: If TFDS cannot open the set.
    """
    root = _data_root(data_dir)
    if decoded_sounds.has_any(root, _plain(name)):
        return "waveform"
    if decoded.of_set(root, _plain(name)).exists():
        return "image"
    with _quiet():
        features = _builder(name, root).info.features
    return "waveform" if "audio" in features and "image" not in features else "image"


def prepare(name: str, from_dir: str | Path, *, data_dir: str | Path | None = None) -> Path:
    """Prepare the TFDS set `name` from files in `from_dir`, without a network; return its folder.

    Raises:
        DataError: If the set is unknown or a file is missing or not the right one; nothing
            half-made is left behind.
    """
    root = _data_root(data_dir)
    source = Path(from_dir).expanduser()
    if not source.is_dir():
        raise DataError(f"There is no folder '{from_dir}'.")
    with _quiet():
        builder = _builder(name, root)
        if not builder.is_prepared():
            _generate(builder, _plain(name), source)
            decoded.forget(root, _plain(name))
    return Path(builder.data_dir)


def is_known(name: str, data_dir: str | Path | None = None) -> bool:
    """Return whether TFDS has a set of this name, or its folder holds one."""
    match = _NAME.fullmatch(_plain(name))
    if match is None:
        return False
    # The folder first: TFDS need not be imported for a set that is there.
    return (_data_root(data_dir) / match["name"]).is_dir() or match["name"] in known_names()


def known_names() -> tuple[str, ...]:
    """Return the names of all sets that the installed TFDS can build."""
    if importlib.util.find_spec("tensorflow_datasets") is None:
        return ()
    with _quiet():
        import tensorflow_datasets as tfds

        return tuple(tfds.list_builders(with_community_datasets=False))


def _plain(name: str) -> str:
    return name.removeprefix("tfds:")


def _data_root(data_dir: str | Path | None) -> Path:
    chosen = (
        data_dir
        or os.environ.get("ZOO_DATA_DIR")
        or os.environ.get("TFDS_DATA_DIR")  # what TFDS itself reads
        or "~/tensorflow_datasets"
    )
    return Path(chosen).expanduser().absolute()


@contextmanager
def _quiet() -> Iterator[None]:
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


def _builder(name: str, root: Path) -> Any:
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise DataError(
            f"'{name}' needs TensorFlow Datasets, which is not installed. "
            "Install it with `pip install tensorflow-datasets`."
        )
    match = _NAME.fullmatch(_plain(name))
    if match is None or not is_known(name, root):
        raise DataError(
            f"TensorFlow Datasets has no set '{_plain(name)}'."
            f"{did_you_mean(_plain(name), known_names())}"
        )
    import_tensorflow(f"Reading '{name}' from TensorFlow Datasets")
    import tensorflow_datasets as tfds

    tfds.display_progress_bar(sys.stderr.isatty())
    try:
        return tfds.builder(_plain(name), data_dir=root)
    except Exception as error:  # a set's own code may raise anything
        raise DataError(f"TFDS cannot open '{name}': {_one_line(error)}") from error


def _download(builder: Any, name: str) -> None:
    how = (
        f"Bring its files, then run `zoo data prepare {name} --from DIR`, or point "
        "$ZOO_DATA_DIR at a folder that holds it."
    )
    reason = _unreachable([url for url in builder.url_infos if url.startswith("http")])
    if reason is not None:
        raise DataError(
            f"'{name}' is not under '{builder.data_dir}', and its source cannot be reached: "
            f"{reason}. {how}"
        )
    import tensorflow_datasets as tfds

    try:
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )
    except Exception as error:  # a set's own code may raise anything
        raise DataError(f"'{name}' cannot be downloaded: {_one_line(error)}. {how}") from error


def _unreachable(urls: list[str]) -> str | None:
    """Return why none of the first addresses answers; TFDS itself would try for minutes."""
    reason = None
    for url in urls[:2]:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310  # http(s) only
        try:
            with urllib.request.urlopen(request, timeout=_PROBE_SECONDS):  # noqa: S310
                return None
        except urllib.error.HTTPError:
            return None  # somebody answers: whether the file is there is for TFDS to find out
        except OSError as error:
            reason = _one_line(getattr(error, "reason", error))
    return reason


def _generate(builder: Any, name: str, source: Path) -> None:
    import tensorflow_datasets as tfds

    def refuse(resource: Any) -> None:
        url = getattr(resource, "url", resource)
        raise DataError(_missing(builder, name, source, url))

    make_manager = builder._make_download_manager

    def make_manager_offline(**settings: Any) -> Any:
        # TFDS has no switch against downloads: the manager's one method that starts them.
        manager = make_manager(**settings)
        manager._download = refuse
        return manager

    builder._make_download_manager = make_manager_offline
    root = Path(builder.data_dir_root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix="zoo-prepare-") as scratch:
            builder.download_and_prepare(
                download_dir=scratch,  # where archives are unpacked
                download_config=tfds.download.DownloadConfig(
                    manual_dir=source, try_download_gcs=False
                ),
            )
    except DataError:
        raise
    except Exception as error:  # a set's own code may raise anything
        wrong = _wrong_file(builder, name, source)
        raise DataError(
            wrong or f"TFDS cannot prepare '{name}' from '{source}': {_one_line(error)}"
        ) from error
    finally:
        _remove_empty(Path(builder.data_dir).parent, root)


def _missing(builder: Any, name: str, source: Path, url: str) -> str:
    info = builder.url_infos.get(url)
    expected = (info.filename if info else None) or url.rsplit("/", 1)[-1]
    packed = [path.name for path in source.glob(f"{expected}.*")]
    hint = f" '{packed[0]}' is there: unpack it first." if packed else ""
    return f"'{name}' needs the file '{expected}' ({url}), which is not in '{source}'.{hint}"


def _wrong_file(builder: Any, name: str, source: Path) -> str | None:
    """Return which file is not the one whose checksum TFDS knows."""
    for info in builder.url_infos.values():
        path = source / (info.filename or "")
        if not path.is_file():
            continue
        with path.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        if checksum != info.checksum:
            return (
                f"'{path}' is not the file that '{name}' needs: its sha256 is {checksum} "
                f"({path.stat().st_size} bytes). Expected: {info.checksum} "
                f"({int(info.size)} bytes)."
            )
    return None


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _splits(builder: Any, name: str) -> dict[str, str]:
    """Return TFDS's instruction for each of our splits that the set has."""
    own = builder.info.splits
    if "train" not in own:
        raise DataError(f"'{name}' has no split 'train'. TFDS has: {', '.join(own)}.")
    splits = {split: split for split in ("train", "validation", "test") if split in own}
    cut = own["train"].num_examples // _TEST_PART
    if "test" not in splits and cut:
        splits |= {"train": f"train[:-{cut}]", "test": f"train[-{cut}:]"}
    return splits


def _sounds(name: str, split: str, form: SoundForm, root: Path) -> decoded_sounds.DecodedSounds:
    folder = decoded_sounds.folder(root, _plain(name), split, form)
    found = decoded_sounds.read(folder, root)
    if found is None:
        with _quiet():
            builder, splits = _open(name, split, root, "audio")
            decoded_sounds.write(
                folder,
                _examples(builder, "audio", splits[split]),
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
    builder = _builder(name, root)
    _check_feature(builder, name, feature)
    if not builder.is_prepared():
        _download(builder, _plain(name))
    splits = _splits(builder, name)
    check_split(name, split, tuple(splits))
    return builder, splits


def _check_feature(builder: Any, name: str, feature: str) -> None:
    import tensorflow_datasets as tfds

    features = builder.info.features
    wanted = tfds.features.Image if feature == "image" else tfds.features.Audio
    if feature not in features or not isinstance(features[feature], wanted):
        raise DataError(
            f"'{name}' has no feature '{feature}'; of TFDS only sets of images ('image') and of "
            f"sounds ('audio') are read. Its features: {', '.join(features)}."
        )


def _examples(builder: Any, feature: str, instruction: str) -> decoded.Examples:
    import tensorflow_datasets as tfds

    features = builder.info.features
    class_names: tuple[str, ...] = ()
    if "label" in features and isinstance(features["label"], tfds.features.ClassLabel):
        class_names = tuple(features["label"].names)
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


def _one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
