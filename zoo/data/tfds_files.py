"""The files that a TFDS set is made from: downloaded, or brought in without a network."""

import hashlib
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from zoo.errors import DataError

_PROBE_SECONDS = 5


def download(builder: Any, name: str) -> None:
    """Download and prepare a set.

    Raises:
        DataError: If its source cannot be reached, or anything fails.
    """
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
        raise DataError(f"'{name}' cannot be downloaded: {one_line(error)}. {how}") from error


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
            reason = one_line(getattr(error, "reason", error))
    return reason


def generate(builder: Any, name: str, source: Path) -> None:
    """Prepare a set from the files in the folder `source`, without a network.

    Raises:
        DataError: If a file is missing or not the right one; nothing half-made is left behind.
    """
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
            wrong or f"TFDS cannot prepare '{name}' from '{source}': {one_line(error)}"
        ) from error
    finally:
        folder = Path(builder.data_dir).parent
        while folder != root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


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


def one_line(error: object) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
