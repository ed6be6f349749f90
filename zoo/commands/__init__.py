"""The command line: one table of commands, imported when they are used.

`zoo --help`, `zoo list` and completion must answer at once, so the one-line help of each command
stands in the table beside the reference to its code.
"""

import io
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

from zoo.card import resolve
from zoo.errors import Interrupted, ZooError, did_you_mean
from zoo.registry import printable

LONGEST_LINE = 1200  # characters of a message; what a user gave may be of any length

COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("zoo.commands.listing:list_models", "List the installed models."),
    "info": ("zoo.commands.listing:info", "Show what a model is and what can be set."),
    "train": ("zoo.commands.train:train", "Train a model."),
    "sample": ("zoo.commands.sample:sample", "Sample from a trained model."),
    "complete": ("zoo.commands.complete:complete", "Let a trained model complete what is begun."),
    "translate": ("zoo.commands.translate:translate", "Translate images between two domains."),
    "evaluate": ("zoo.commands.evaluate:evaluate", "Measure a trained model."),
    "compare": ("zoo.commands.compare:compare", "Compare runs on one page."),
    "latent": ("zoo.commands.latent:latent", "Explore the latent space of a trained model."),
    "data": ("zoo.commands.data:data", "List, show and prepare data sets."),
    "plugin": ("zoo.commands.plugin:plugin", "Begin, check, install and list plugins."),
    "env": ("zoo.commands.listing:env", "Show versions, backends and settings."),
    "completion": ("zoo.commands.listing:completion", "Print the shell's completion script."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported only when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the table, in its order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = resolve(COMMANDS[cmd_name][0])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed; name the closest one if there is none."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(
                f"No such command '{printable(name)}'.{did_you_mean(name, COMMANDS)} "
                f"Commands: {', '.join(COMMANDS)}.",
                ctx=ctx,
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin with `incomplete`."""
        found = [
            CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        import zoo

        click.echo(f"zoo {zoo.__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, name="zoo", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def root() -> None:
    """Train, sample and measure generative models.

    Begin with `zoo list`, then `zoo train MODEL`.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    # The end that a scheduler asks for leaves as little behind as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _prepare_streams()
    try:
        code = run(sys.argv[1:])
    except OSError:  # of writing why it failed
        code = 1
    sys.exit(_settled(code))


def _settled(code: int) -> int:
    """Return the exit code once all output is written; what cannot be is thrown away."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if not code:
                code = 1
                with suppress(OSError):
                    _fail(error)
            # The interpreter flushes again as it ends, and would end with a code of its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


def _prepare_streams() -> None:
    """Let stdout and stderr take any text, and lead nowhere where they are closed."""
    # Else the next file that is opened would be what libraries take for stdout.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name) or os.fdopen(number, "w", closefd=False)
        if isinstance(stream, io.TextIOWrapper):
            # A file's name may hold what the encoding of a terminal, or any, cannot say.
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, stream)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code: 0, 1 failed, 2 usage, 130 interrupted."""
    try:
        result: Any = root.main(args=arguments, prog_name="zoo", standalone_mode=False)
    except NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        # Anew, because click writes what it received as it is.
        shown = click.UsageError(_line(error.format_message()), getattr(error, "ctx", None))
        shown.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        # Click takes the end of a file for an interrupt; only the latter may pass in silence.
        if isinstance(error.__cause__, EOFError):
            return _fail(error.__cause__)
        if isinstance(error.__cause__, Interrupted):
            click.echo(printable(str(error.__cause__)), err=True)
        return 130
    except Exception as error:
        return _fail(error)
    return result if isinstance(result, int) else 0


def _fail(error: BaseException) -> int:
    """Tell why a command failed, in one line unless ZOO_DEBUG asks for the traceback."""
    if os.environ.get("ZOO_DEBUG", "") not in ("", "0"):
        import traceback

        click.echo(printable("".join(traceback.format_exception(error))), err=True, nl=False)
        return 1
    if isinstance(error, ZooError):
        message = str(error)
    elif isinstance(error, OSError):
        where = f": {error.filename}" if error.filename is not None else ""
        message = f"{error.strerror or error}{where}"
    elif isinstance(error, MemoryError):
        message = f"There is not enough memory: ask for fewer or smaller ones. {error}".rstrip()
    else:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"{cause}. This is a bug in zoo or a plugin; ZOO_DEBUG=1 shows the traceback."
    click.echo(f"error: {_line(message)}", err=True)
    return 1


def _line(message: str) -> str:
    """Return a message as one line that does nothing to a terminal, and that one can read."""
    line = printable(" ".join(message.split()))
    half = LONGEST_LINE // 2
    return line if len(line) <= LONGEST_LINE else f"{line[:half]} ... {line[-half:]}"
