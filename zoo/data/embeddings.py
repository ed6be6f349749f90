"""Embeddings of captions that were made elsewhere, from an `.npz` file."""

import sys
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from zoo.data.captions import caption_of
from zoo.data.files import open_file, shown, some
from zoo.data.npy import DAMAGED, read_member
from zoo.errors import DataError

# Shapes: N captions, E numbers in an embedding.

_EXPECTED = "Expected: an .npz file with `captions` (N texts) and `embeddings` (N, E) of numbers."


def read_embeddings(path: str | Path) -> dict[str, np.ndarray]:
    """Return the embedding float32 (E,) of each caption of a file, by what `caption_of` returns.

    Raises:
        DataError: If there is no such file, it holds something else, or two embeddings of one
            caption.
    """
    try:
        with (
            open_file(Path(path).expanduser()) as file,
            zipfile.ZipFile(file) as archive,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # NumPy warns of headers that Python 2 has written
            captions, embeddings = (
                read_member(archive, archive.getinfo(f"{name}.npy")).array()
                for name in ("captions", "embeddings")
            )
    except FileNotFoundError as error:
        raise DataError(f"There is no file of embeddings '{shown(path)}'.") from error
    except OSError as error:
        raise DataError(f"'{shown(path)}' cannot be read: {error.strerror or error}.") from error
    except (KeyError, *DAMAGED) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error
        raise DataError(f"'{shown(path)}' holds no embeddings: {reason}. {_EXPECTED}") from error
    _check(path, captions, embeddings)
    found: dict[str, np.ndarray] = {}
    for text, row in zip(captions, embeddings.astype(np.float32), strict=True):
        caption = caption_of(str(text))
        if caption in found and not np.array_equal(found[caption], row):
            raise DataError(
                f"'{shown(path)}' has two different embeddings of '{shown(caption[:60])}'. Keep "
                "one; capitals make no difference."
            )
        found[caption] = row
    return found


def embedded(texts: Sequence[str], embeddings: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return the embeddings (N, E) of captions.

    Raises:
        DataError: If one has none.
    """
    missing = [text for text in dict.fromkeys(texts) if text not in embeddings]
    if missing:
        raise DataError(
            f"{len(missing)} captions of '{shown(name)}' are not in the file of embeddings: "
            f"{some([shown(text[:60]) for text in missing])}. Add them to it."
        )
    return np.stack([embeddings[text] for text in texts])


def _check(path: str | Path, captions: np.ndarray, embeddings: np.ndarray) -> None:
    """Raise a `DataError` if arrays are not texts and as many vectors of finite numbers."""
    if captions.dtype.kind != "U" or captions.ndim != 1 or not len(captions):
        wrong = f"its captions are {captions.dtype} {captions.shape}"
    elif captions.astype("<U").view("<u4").max() > sys.maxunicode:
        wrong = "its captions are no text"
    elif embeddings.dtype.kind not in "fiu" or embeddings.ndim != 2 or not embeddings.shape[1]:
        wrong = f"its embeddings are {embeddings.dtype} {embeddings.shape}"
    elif len(captions) != len(embeddings):
        wrong = f"it has {len(captions)} captions and {len(embeddings)} embeddings"
    elif not (np.abs(embeddings) <= np.finfo(np.float32).max).all():
        wrong = "some embeddings are infinite or NaN"
    else:
        return
    raise DataError(f"'{shown(path)}' cannot be used: {wrong}. {_EXPECTED}")
