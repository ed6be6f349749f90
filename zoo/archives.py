"""Models in `.keras` archives that may come from anyone: checked before Keras reads them.

Keras's safe mode refuses code that an archive brings. Here an archive is held to what `model.save`
writes of a model of an installed plugin: three members, none of them packed, and in its
configuration no object but that model. So no other class is looked up or made, and nothing is
unpacked anywhere.
"""

import zipfile
from pathlib import Path
from typing import Any

import keras

from zoo import registry
from zoo.card import resolve
from zoo.checkpoints import parse_json
from zoo.data.files import open_file, shown
from zoo.errors import DataError

ARCHIVE_FILE = "model.keras"  # in the folder of a run
MOST_CONFIG_BYTES = 64 * 1024**2  # a vocabulary of a million words takes half of it

_CONFIG = "config.json"
_MEMBERS = {"metadata.json", _CONFIG, "model.weights.h5"}


def load_archive(path: str | Path) -> Any:
    """Return the model in a `.keras` archive, with its weights, on any backend.

    It is not compiled: call `compile` to train it further.

    Args:
        path: The archive, or the folder of a run, whose `model.keras` is taken.

    Raises:
        DataError: If there is none, or it is not what `model.save` writes of a model of the zoo.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        folder, path = path, path / ARCHIVE_FILE
        if not path.exists():
            raise DataError(
                f"'{shown(folder)}' holds no '{ARCHIVE_FILE}'. Expected: a '.keras' file, or the "
                "folder of a run that was trained to its end; `zoo train --resume` goes on with "
                "one that was not."
            )
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            _check(archive)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except OSError as error:
        raise DataError(f"'{shown(path)}' cannot be read: {error.strerror or error}.") from error
    except DataError as error:
        raise DataError(f"'{shown(path)}' is refused: {error}.") from error
    # Nearly anything: damaged weights pass through h5py, and values through a model's constructor.
    except Exception as error:
        reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise DataError(f"'{shown(path)}' is no model of the zoo: {reason}.") from error


def _check(archive: zipfile.ZipFile) -> None:
    """Raise a `DataError` if an archive holds anything but a model of an installed plugin."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if sorted(names) != sorted(_MEMBERS):
        other = next((n for n in names if n not in _MEMBERS or names.count(n) > 1), "less")
        raise DataError(
            f"it holds {shown(other[:80])}; expected {', '.join(sorted(_MEMBERS))}, each once"
        )
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise DataError("its members are packed; Keras writes them as they are")
    if archive.getinfo(_CONFIG).file_size > MOST_CONFIG_BYTES:
        raise DataError(f"its {_CONFIG} takes more than {MOST_CONFIG_BYTES // 1024**2} MiB")
    document = parse_json(archive.read(_CONFIG))
    found = document if isinstance(document, dict) else {}
    reference = f"{found.get('module')}:{found.get('class_name')}"
    cards = {entry.card.model for entry in registry.entries() if entry.card is not None}
    name = keras.saving.get_registered_name(resolve(reference)) if reference in cards else None
    if name is None or found.get("registered_name") != name:
        raise DataError(
            f"it holds {shown(reference[:160])}; expected a model of an installed plugin"
        )
