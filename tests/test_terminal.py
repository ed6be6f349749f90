"""What commands do where nobody listens, nothing can be written, or little can be shown."""

import contextlib
import errno
import fcntl
import os
import pty
import resource
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import complaints, tree, zoo
from small_runs import OPTIONS

from zoo.checkpoints import latest_checkpoint

ZOO = (sys.executable, "-P", "-c", "from zoo.commands import main; main()")
QUICK = (
    ["list"],
    ["list", "--json"],
    ["info", "vae"],
    ["--help"],
    ["--version"],
    ["train", "--help"],
    ["env"],
    ["completion", "bash"],
)


def squeezed(text: str) -> str:
    """Return `text` with one space for many: what is wrapped stands in columns."""
    return " ".join(text.split())


def start(arguments, **options) -> subprocess.Popen:
    """Start a command in a process of its own, in a folder of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([*ZOO, *map(str, arguments)], **options)


def zoo_process(*arguments, **options) -> tuple[int, str, str]:
    """Run a command in a process of its own; return its exit code, stdout and stderr."""
    environment = {**os.environ, **options.pop("env", {})}
    process = start(arguments, env=environment, **options)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "vae"
    trained = zoo(["train", "vae", "--steps", "2", *OPTIONS, "--out", str(folder)])
    assert trained.code == 0, trained.err
    return folder


# Nobody listens.


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_a_pipe_that_is_closed_ends_a_command_in_silence(arguments):
    process = start(arguments)
    process.stdout.close()  # as `head` does, before anything is written
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (1, "")


def test_what_was_made_is_whole_where_the_pipe_is_closed(vae):
    process = start(["sample", vae, "--out", "whole.png"])
    process.stdout.close()
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (1, "")
    assert Path("whole.png").read_bytes().endswith(b"IEND\xaeB`\x82")
    assert [path.name for path in Path().iterdir()] == ["whole.png"]


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_a_stdout_that_is_full_is_an_error_in_one_line(arguments):
    with open("/dev/full", "w") as full:
        code, _, err = zoo_process(*arguments, stdout=full)
    assert (code, err) == (1, f"error: {os.strerror(errno.ENOSPC)}\n")


def test_an_error_that_cannot_be_shown_keeps_its_exit_code():
    with open("/dev/full", "w") as full:
        assert zoo_process("info", "nonsense", stderr=full)[0] == 1


def test_closed_streams_harm_neither_the_work_nor_its_files():
    # What is opened first would have the number of stdout, and get what libraries print.
    def close() -> None:
        os.closerange(0, 3)

    arguments = ("data", "show", "digits", "--out", "digits.png")
    process = start(arguments, stdout=None, stderr=None, preexec_fn=close)
    assert process.wait(300) == 0
    code, _, _ = zoo_process("data", "show", "digits", "--out", "expected.png")
    assert code == 0
    assert Path("digits.png").read_bytes() == Path("expected.png").read_bytes()


# Little can be shown.


@pytest.mark.parametrize("columns", [1, 20, 200])
def test_a_listing_fits_terminals_of_any_width(columns):
    shown = on_terminal(["list"], columns)
    for line in zoo_process("list")[1].splitlines():
        assert squeezed(line) in squeezed(shown)


def test_a_training_shows_its_bar_on_a_terminal_of_one_column():
    shown = on_terminal(["train", "vae", *OPTIONS, "--epochs", "2", "--out", "run"], 1)
    assert "Traceback" not in shown
    assert "Report:  run/report.html" in shown


def on_terminal(arguments, columns: int, **environment: str) -> str:
    """Run a command on a terminal of so many columns; return what it shows."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = start(
        arguments, stdin=follower, stdout=follower, stderr=follower, env={**plain, **environment}
    )
    os.close(follower)
    shown = b""
    with contextlib.suppress(OSError):  # of Linux, where the other side is closed
        while part := os.read(leader, 4096):
            shown += part
    os.close(leader)
    assert process.wait(300) == 0, shown
    return shown.decode()


def test_a_listing_has_no_colours_to_leave_out():
    plain = on_terminal(["list"], 80)
    assert "\x1b" not in plain
    for environment in ({"TERM": "dumb"}, {"NO_COLOR": "1"}, {"TERM": ""}):
        assert on_terminal(["list"], 80, **environment) == plain


LOCALES = (
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_names_beyond_ascii_are_read_and_said_in_any_locale(locale):
    Path("donn\u00e9es").mkdir()
    text = Path("donn\u00e9es/\u00e9t\u00e9.txt")
    text.write_text("le caf\u00e9 est noir\nla th\u00e9i\u00e8re est pleine\n" * 20, "utf-8")
    code, out, err = zoo_process("data", "show", text, "--out", "\u00e9crit.txt", env=locale)
    assert (code, err) == (0, "")
    assert out.startswith("Examples: ")
    assert "caf\u00e9" in Path("\u00e9crit.txt").read_text("utf-8")
    code, out, err = zoo_process("data", "info", text, "--json", env=locale)
    assert (code, err) == (0, "")
    code, out, err = zoo_process("info", "\u00e9t\u00e9", env=locale)
    assert (code, out) == (1, "")
    assert err.startswith("error: Unknown model '")
    assert err.count("\n") == 1


@pytest.mark.parametrize("home", [None, "/proc"])
def test_a_home_that_is_missing_or_cannot_be_written_is_no_hindrance(vae, home):
    names = ("HOME", "XDG_CACHE_HOME", "KERAS_HOME", "MPLCONFIGDIR")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {} if home is None else {"HOME": home}
    process = start(["sample", vae, "--out", "samples.png"], env=environment)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err) == (0, "Samples: samples.png\n", "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["list"], 0), (["train", "vae", *OPTIONS], 1), (["data", "show", "digits"], 1)],
)
def test_a_working_folder_that_is_gone_is_said_in_one_line(arguments, expected):
    def leave() -> None:
        os.chdir("gone")
        os.rmdir("../gone")

    Path("gone").mkdir()
    code, _, err = zoo_process(*arguments, preexec_fn=leave)
    assert code == expected
    assert err.count("\n") == code
    assert err.startswith("error: " if code else "")


# Nothing can be written.


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes, as a quota or a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "arguments",
    [
        ["sample", "{vae}"],
        ["evaluate", "{vae}", "--metrics", "nll", "--importance-samples", "1", "--count", "4"],
        ["latent", "interpolate", "{vae}"],
        [
            "latent",
            "invert",
            "{vae}",
            "--index",
            "1",
            "--steps",
            "1",
            "--save-latents",
            "found.npy",
        ],
        ["compare", "{vae}", "{other}"],
        ["data", "show", "digits"],
        ["plugin", "new", "mine", "--kind", "image"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_full_disk_is_said_in_one_line_and_leaves_what_was(vae, other, arguments):
    before = tree(Path(), vae, other)
    with files_of_at_most(100):
        outcome = zoo([word.format(vae=vae, other=other) for word in arguments])
    assert outcome.code == 1
    assert not complaints(outcome), outcome.err
    assert os.strerror(errno.EFBIG) in outcome.err
    assert tree(Path(), vae, other) == before


@pytest.fixture(scope="module")
def other(vae, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "other"
    assert zoo(["train", "vae", "--steps", "1", *OPTIONS, "--out", str(folder)]).code == 0
    return folder


@pytest.mark.parametrize("size", [100, 2_000, 8_000, 30_000])
def test_a_disk_that_fills_up_while_training_leaves_a_whole_run_or_none(vae, size):
    with files_of_at_most(size):
        outcome = zoo(["train", "vae", *OPTIONS, "--epochs", "2", "--out", "run"])
    assert outcome.code == 1
    assert not complaints(outcome), outcome.err
    assert os.strerror(errno.EFBIG) in outcome.err
    if not Path("run").exists():
        return
    assert latest_checkpoint(Path("run/checkpoints")) is not None
    leftovers = [path for path in Path("run").rglob("*") if ".tmp" in path.name]
    assert not leftovers
    assert zoo(["train", "--resume", "run"]).code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said_in_one_line(vae, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    for arguments in (
        ["train", "vae", *OPTIONS, "--steps", "1", "--out", str(folder / "run")],
        ["sample", str(vae), "--out", str(folder / "samples.png")],
        ["data", "show", "digits", "--out", str(folder / "digits.png")],
    ):
        outcome = zoo(arguments)
        assert outcome.code == 1
        assert not complaints(outcome), outcome.err
        assert os.strerror(errno.EACCES) in outcome.err
