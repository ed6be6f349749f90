"""Where a file goes that a person looks at: what cannot be written is refused before it is made."""

from pathlib import Path
from tempfile import TemporaryFile

from zoo.errors import RunError
from zoo.media.grid import MediaError


def place_of(path: Path | str, suffix: str) -> Path:
    """Return the path of a file with this suffix, added where there is none, if it can be written.

    Raises:
        MediaError: If there is another suffix.
        RunError: If there is a folder of this name, or its own folder is missing or takes no files.
    """
    path = Path(path)
    if not path.suffix and not path.is_dir():
        path = path.with_suffix(suffix)
    if path.is_dir():
        raise RunError(
            f"'{path}' could not be written: it is a folder. Name a file in it, such as "
            f"'{path / 'name'}{suffix}'."
        )
    if path.suffix.lower() != suffix:
        raise MediaError(f"This is written as '{suffix}'. Received: '{path.name}'.")
    if not path.parent.is_dir():
        raise RunError(
            f"'{path}' could not be written: there is no folder '{path.parent}'. Make it first, or "
            "name another one."
        )
    try:
        with TemporaryFile(dir=path.parent):  # the only sure way to know
            pass
    except OSError as error:
        raise RunError(
            f"'{path}' could not be written: {error.strerror}. Name a file in a folder that takes "
            "new files."
        ) from error
    return path
