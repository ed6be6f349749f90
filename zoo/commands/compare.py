"""`zoo compare`."""

from pathlib import Path

import click

from zoo.commands.options import FilePath, say


@click.command()
@click.argument("runs", nargs=-1, required=True, type=FilePath())
@click.option(
    "--out",
    type=FilePath(),
    default="compare.html",
    show_default=True,
    help="File to write.",
)
def compare(*, runs: tuple[Path, ...], out: Path) -> None:
    """Compare two RUNS or more, of any models, on one page.

    The page holds what it shows, so that it can be moved or sent without the runs.
    """
    from zoo.planning import open_run
    from zoo.runs import Run

    # Models are made to be counted; the backend of the first will do for all.
    opened = [open_run(runs[0]), *map(Run.open, runs[1:])]
    from zoo.media.comparison import write_comparison

    write_comparison(opened, out)
    say(f"Comparison: {out}")
