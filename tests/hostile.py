"""What strangers type: hostile values for every option of every command, and what comes of them."""

import contextlib
import io
import math
import os
import shlex
import signal
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from zoo.commands import LONGEST_LINE, root, run
from zoo.registry import printable

# Of each command what works and takes little time: first the arguments, with the runs and files of
# the test in braces, then the options.
BASES = {
    "zoo list": "",
    "zoo info": "vae",
    "zoo train": "vae --steps 1 --set hidden_sizes=4 --batch-size 320",
    "zoo sample": "{vae} --count 2",
    "zoo complete": "{echo} --count 1 --variants 1",
    "zoo translate": "{negatives} {photo} --to B",
    "zoo evaluate": "{vae} --metrics nll --count 8 --importance-samples 2",
    "zoo compare": "{vae} {painter}",
    "zoo latent sheet": "{vae} --count 2",
    "zoo latent interpolate": "{vae} --count 1 --steps 2",
    "zoo latent traverse": "{vae} --steps 2",
    "zoo latent reconstruct": "{vae} --count 2",
    "zoo latent manifold": "{vae} --size 2",
    "zoo latent arithmetic": "{vae} --plus 1,2 --minus 3",
    "zoo latent invert": "{vae} {photo} --steps 1 --restarts 1",
    "zoo latent attribute": "{vae} --class 0 --count 1 --steps 2",
    "zoo latent captions": "{painter} three five --count 1 --steps 2",
    "zoo latent neighbours": "{words} the --count 2",
    "zoo latent analogy": "{words} the a in --count 2",
    "zoo latent map": "{words} --count 4",
    "zoo data list": "",
    "zoo data info": "digits",
    "zoo data show": "digits --count 2",
    "zoo data prepare": "mnist --from {folder}",
    "zoo plugin list": "",
    "zoo plugin new": "mine --kind image",
    "zoo plugin check": "vae",
    "zoo plugin install": "./nonsense",
    "zoo plugin uninstall": "nonsense --yes",
    "zoo env": "",
    "zoo completion": "bash",
}
# Commands whose base is refused: what they would do is not for this environment.
REFUSED = {"zoo data prepare", "zoo plugin install", "zoo plugin uninstall"}
LONG = {"zoo plugin check"}  # it trains for a minute
SECONDS = 300  # after which a command that waits for what never comes is stopped

NUMBERS = ("0", "-1", "1e308", "nan", "inf", "-inf", str(10**30))
TEXTS = (
    "",
    "nonsense",
    "x" * 10_000,
    "\x1b[31mred\x07\n\tcell",
    "\u00e4\u00f1-\u65e5\u672c\u8a9e",
    os.fsdecode(b"\xff\xfebytes"),
)
PLACES = ("{missing}", "{folder}", "{text}", "{pipe}", "{drawing}", "/dev/null")
# Enough to see most of it in little time, where a value is seen only after a run was opened.
FEW = ("", "{pipe}", os.fsdecode(b"\xff\xfebytes"))
FEW_NAMES = ("", "{drawing}", "/dev/null/out.png")  # of files to write


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code, what it wrote, and an exception that got through."""

    code: int | None
    out: str
    err: str
    exception: BaseException | None

    @property
    def reasons(self) -> list[str]:
        """The lines that say what is wrong."""
        return [line for line in self.err.splitlines() if line.lower().startswith("error: ")]


class TooSlowError(BaseException):
    """A command took longer than it may."""


def zoo(arguments: list[str]) -> Outcome:
    """Run a command in this process, with streams as `main` leaves them."""
    streams = [
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", newline="")
        for _ in range(2)
    ]
    code, exception = None, None

    def stop(*_: object) -> None:
        raise TooSlowError(f"more than {SECONDS} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            code = run(arguments)
    except BaseException as error:  # whatever gets through is what is looked for
        exception = error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    texts = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]
    return Outcome(code, texts[0], texts[1], exception)


def command_tree(
    command: click.Command = root, path: tuple[str, ...] = ("zoo",)
) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its full name."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from command_tree(child, (*path, name))


COMMANDS = dict(command_tree())


def spoken(parameter: click.Parameter) -> str:
    """Return what a parameter is called: the long name of an option, or that of an argument."""
    return max(parameter.opts, key=len)


def parameters() -> Iterator[tuple[str, str]]:
    """Yield every parameter of every command, as the name of the command and its own."""
    for name, command in COMMANDS.items():
        for parameter in command.params:
            yield name, spoken(parameter)


def find(name: str, of_parameter: str) -> click.Parameter:
    """Return a parameter by the name of its command and its own."""
    return next(p for p in COMMANDS[name].params if spoken(p) == of_parameter)


def is_flag(parameter: click.Parameter) -> bool:
    """Return whether an option takes no value."""
    return isinstance(parameter, click.Option) and parameter.is_flag


def base(name: str, places: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the arguments and the options of a command that works."""
    words = shlex.split(BASES[name].format(**places))
    arguments: list[str] = []
    while words and not words[0].startswith("-"):
        arguments.append(words.pop(0))
    return arguments, words


def invocation(
    name: str, places: Mapping[str, str], parameter: click.Parameter, value: str | None
) -> list[str]:
    """Return what works, but for one parameter: with `value`, or where None without a value."""
    arguments, options = base(name, places)
    option = spoken(parameter)
    if isinstance(parameter, click.Argument):
        place = [p for p in COMMANDS[name].params if isinstance(p, click.Argument)].index(parameter)
        arguments[place:] = [] if value is None else [value, *arguments[place + 1 :]]
    else:
        while option in options:
            start = options.index(option)
            del options[start : start + 2]
        if value is None:
            return [*name.split()[1:], *options, *arguments, option]
        options.append(f"{option}={value}")
    return [*name.split()[1:], *options, "--", *arguments]


def tree(*folders: Path) -> dict[str, tuple[int, ...]]:
    """Return what lies in folders: of each path its kind, and of files size and time of change."""
    found = {}
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            about = path.lstat()
            content = () if stat.S_ISDIR(about.st_mode) else (about.st_size, about.st_mtime_ns)
            found[str(path)] = (stat.S_IFMT(about.st_mode), *content)
    return found


def is_no_value_of(kind: click.ParamType, value: str) -> bool | None:
    """Return whether a value is outside a type of click's; None where the type does not say."""
    if isinstance(kind, click.Choice):
        return value not in kind.choices
    is_whole = isinstance(kind, click.types.IntParamType)
    if not is_whole and not isinstance(kind, click.types.FloatParamType):
        return None
    try:
        number: Any = int(value) if is_whole else float(value)
    except ValueError:
        return True
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    return (
        not math.isfinite(number)
        or (low is not None and (number < low or (number == low and kind.min_open)))  # type: ignore[attr-defined]
        or (high is not None and (number > high or (number == high and kind.max_open)))  # type: ignore[attr-defined]
    )


def plausible(parameter: click.Parameter) -> str:
    """Return what an option may be given, where its type says so; else a name of nothing."""
    kind = parameter.type
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    if is_no_value_of(kind, "") is not None:
        return str(int(max(getattr(kind, "min", None) or 0, 1)))
    return {"size": "8", "numbers": "1,2", "temperatures": "1"}.get(kind.name, "nonsense")


def is_shown(value: str, message: str) -> bool:
    """Return whether a message shows the beginning of a value, in one way of writing it."""
    if not value:
        return "''" in message
    texts = (value, " ".join(value.split()), Path(value).name)
    ways = [way[:9] for text in texts for way in (printable(text), repr(text)[1:-1]) if way]
    with contextlib.suppress(ValueError):
        ways.append(str(float(value)))
    return any(printable(way) in message for way in ways)


def complaints(outcome: Outcome) -> list[str]:
    """Return what is wrong with how a command ended, whatever it was asked."""
    if outcome.exception is not None:
        return [f"{type(outcome.exception).__name__} got through: {outcome.exception}"]
    found = []
    if "Traceback" in outcome.err or "This is a bug" in outcome.err:
        found.append("a traceback or a bug")
    said = outcome.err + outcome.out
    if any(not (character.isprintable() or character == "\n") for character in said):
        found.append("characters that act on a terminal")
    if outcome.code == 0:
        if outcome.reasons:
            found.append("exit code 0 with an error")
    elif outcome.code not in (1, 2):
        found.append(f"exit code {outcome.code}")
    elif len(outcome.reasons) != 1 or not outcome.err.endswith(f"{outcome.reasons[0]}\n"):
        found.append("not one line that says why, at the end")
    elif len(outcome.reasons[0]) > LONGEST_LINE + 100:
        found.append(f"a line of {len(outcome.reasons[0])} characters")
    return found
