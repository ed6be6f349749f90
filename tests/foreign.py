"""Files that a stranger could send: how they are written, read in a process apart, and judged."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("foreign_child.py")
MOST_BYTES = 1024**3  # that reading any of the files may add to what the process takes
MOST_SECONDS = 10.0  # of processor time, for one of them


@dataclass(frozen=True)
class Place:
    """Where one of the files is written.

    Args:
        folder: An empty folder of its own.
        canary: A file that is not there, and that code in the file would make.
        secret: A file outside, which nothing may read out or write to.
    """

    folder: Path
    canary: Path
    secret: Path


@dataclass(frozen=True)
class Foreign:
    """One file, or folder, of the corpus.

    Args:
        write: Writes it, and returns the arguments of the command that reads it.
        reason: What the message says, a regular expression.
        is_skipped: Whether what is around it is used, and it is left out and named.
    """

    write: Callable[[Place], list[str | Path]]
    reason: str
    is_skipped: bool = False


class Exploit:
    """What a pickle of it does where it is loaded: it makes the file `canary`."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.canary), "w")


@dataclass(frozen=True)
class Corpus:
    """What came of a corpus.

    Args:
        outcomes: What the process says of each entry.
        grown_bytes: How much memory it took at the most, beyond what it took before.
        changed: What is on the disc and was not, or is no more what it was.
        canaries: What the code in the files would have made, and did.
    """

    outcomes: Mapping[str, Mapping[str, Any]]
    grown_bytes: int
    changed: list[str]
    canaries: list[str]


def read_corpus(
    root: Path, entries: Mapping[str, Foreign], *, imports: Iterable[str] = (), may_change: str = ""
) -> Corpus:
    """Write the entries below `root`, let one process read them all, and say what came of it.

    Args:
        root: An empty folder.
        entries: The files by name.
        imports: Modules that the process imports before its memory is measured.
        may_change: Pattern of the paths inside `root` that reading may change.
    """
    jobs = {}
    canaries = {name: root / "canaries" / str(number) for number, name in enumerate(entries)}
    (root / "canaries").mkdir()
    secret = root / "secret.txt"
    secret.write_text("the secret\n")
    for number, (name, entry) in enumerate(entries.items()):
        folder = root / f"{number:02d}"
        folder.mkdir()
        jobs[name] = [str(a) for a in entry.write(Place(folder, canaries[name], secret))]
    asked = root / "jobs.json"
    asked.write_text(json.dumps({"jobs": jobs, "imports": [*imports]}))
    work = root / "work"
    work.mkdir()
    before = _snapshot(root)
    done = subprocess.run(
        [sys.executable, CHILD, asked],
        cwd=work,
        env={**os.environ, "ZOO_DEBUG": "0", "TMPDIR": str(_folder(root.parent / "tmp"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, f"the process died: {done.stderr[-3000:]}"
    found = json.loads(done.stdout.splitlines()[-1])
    after = _snapshot(root)
    changed = [
        path
        for path in sorted(before | after)
        if before.get(path) != after.get(path)
        and not path.startswith("canaries/")
        and not (may_change and re.fullmatch(may_change, path))
    ]
    executed = [name for name, path in canaries.items() if path.exists()]
    return Corpus(found["outcomes"], found["grown_bytes"], changed, executed)


def assert_refused(outcome: Mapping[str, Any], entry: Foreign, name: str) -> None:
    """Check what came of one entry: an error of the zoo in one line, or a skip, with its reason."""
    assert outcome["seconds"] < MOST_SECONDS, f"{name} took {outcome['seconds']:.1f} s"
    assert "Traceback" not in outcome["shown"] + outcome["err"]
    assert "the secret" not in outcome["out"] + outcome["shown"] + outcome["err"]
    if entry.is_skipped:
        assert outcome["error"] is None, outcome["error"]
        assert re.search(entry.reason, outcome["out"] + outcome["err"]), outcome
        return
    assert outcome["is_ours"], outcome["error"]
    assert re.search(entry.reason, outcome["error"] + outcome["err"]), outcome
    assert outcome["code"] == 1
    (line,) = outcome["shown"].splitlines()
    assert line.startswith("error: ")


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def _snapshot(root: Path) -> dict[str, str]:
    """Return what each path below a folder is: where it leads, or a digest of its content."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                found[str(path.relative_to(root))] = f"link to {path.readlink()}"
            elif path.is_file():
                with path.open("rb") as file:
                    edge = file.read(1024**2)
                size = path.stat().st_size
                found[str(path.relative_to(root))] = f"{size} {hashlib.sha256(edge).hexdigest()}"
            else:
                found[str(path.relative_to(root))] = "folder, pipe or device"
    return found
