"""`zoo plugin list`, `new`, `check`, `install` and `uninstall`."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from zoo.backends import BACKENDS
from zoo.commands.listing import list_plugins
from zoo.commands.options import MOST, FilePath, ModelName, Text, json_option
from zoo.registry import printable
from zoo.scaffold import KINDS, new_plugin


@click.group()
def plugin() -> None:
    """Begin, check, install and list plugins."""


plugin.add_command(list_plugins)


@plugin.command()
@click.argument("name", type=Text())
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What the model is of.")
@click.option("--adversarial", is_flag=True, help="Let a discriminator teach it.")
@click.option(
    "--out",
    type=FilePath(),
    help="Folder to write, which must not be there.  [default: genzoo-NAME]",
)
def new(name: str, kind: str, adversarial: bool, out: Path | None) -> None:
    """Write a plugin with a small model, NAME.

    It is whole, and there to be made one's own: it installs, trains on data that come with the
    zoo, and passes `zoo plugin check` as it is.
    """
    written = new_plugin(name, kind, adversarial=adversarial, out=out)
    folder = written[0].parent
    for path in written:
        click.echo(f"Wrote {printable(str(path))}")
    where = shlex.quote(str(folder) if folder.is_absolute() else f"./{folder}")
    click.echo("\nNext:")
    for command in (
        f"zoo plugin install --editable {where}",
        f"zoo plugin check {name}",
        f"zoo train {name}",
    ):
        click.echo(f"  {printable(command)}")


@plugin.command()
@click.argument("name", type=ModelName())
@click.option(
    "--set",
    "overrides",
    type=Text(),
    multiple=True,
    metavar="FIELD=VALUE",
    help="Set a field of the model's configuration, to make it small; can be given again.",
)
@click.option("--data", type=Text(), help="Name of a data set, or a path.  [default: the preset's]")
@click.option(
    "--batch-size", type=click.IntRange(1, MOST), help="Examples per batch.  [default: 16]"
)
@click.option("--backend", type=click.Choice(BACKENDS))
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    *,
    name: str,
    overrides: tuple[str, ...],
    data: str | None,
    batch_size: int | None,
    backend: str | None,
    as_json: bool,
) -> None:
    """Check that a model keeps the contract.

    NAME is an installed model, or a plugin, of which all models are checked. Without --set, --data
    or --batch-size a model is made small as the plugin's own contract test makes it, where the
    plugin is installed from a checkout; else it is that of the preset `laptop`.
    """
    from zoo.conformance import check_model, settings_of
    from zoo.installing import find_models

    entries = find_models(name)
    asked = {
        entry.name: settings_of(entry, overrides, data=data, batch_size=batch_size)
        for entry in entries
    }
    verdicts = []
    for entry in entries:
        if as_json:
            verdicts.append(check_model(entry, asked[entry.name], backend))
            continue
        click.echo(f"{entry.name} ({entry.package} {entry.version})")
        verdicts.append(check_model(entry, asked[entry.name], backend, _echo_finding))
        _echo_verdict(verdicts[-1])
    if as_json:
        click.echo(json.dumps([asdict(verdict) for verdict in verdicts], indent=2))
    if not all(verdict.passed for verdict in verdicts):
        ctx.exit(1)


@plugin.command()
@click.argument("specs", type=Text(), metavar="SPEC...", nargs=-1, required=True)
@click.option("--editable", is_flag=True, help="Leave folders where they are, and run from there.")
def install(specs: tuple[str, ...], editable: bool) -> None:
    """Install plugins by pip, and show what came.

    It goes into the environment that the zoo runs in. SPEC is what pip takes: a name, perhaps with
    a version, a folder as ./genzoo-NAME, or a wheel.
    """
    from zoo import installing

    change = installing.install(specs, editable=editable)
    _echo_change(change)


@plugin.command()
@click.argument("name", type=ModelName())
@click.option("--yes", is_flag=True, help="Do not ask.")
def uninstall(name: str, yes: bool) -> None:
    """Uninstall a plugin, and show what went.

    NAME is the plugin, or a model that it brings.
    """
    from zoo import installing

    change = installing.uninstall(name, ask=not yes)
    _echo_change(change)


def _echo_finding(finding: Any) -> None:
    """Print what a check says as it goes on."""
    from zoo.conformance import Check, Settings

    if isinstance(finding, Settings):
        click.echo(f"settings: {printable(finding.origin)}")
    elif isinstance(finding, Check):
        because = f" ({finding.why})" if finding.outcome == "skipped" else ""
        click.echo(f"  {finding.outcome:<8} {finding.sentence}{because}")
        if finding.outcome == "failed":
            click.echo(f"           why:  {finding.why}")
            if finding.mend:
                click.echo(f"           mend: {finding.mend}")
    else:
        click.echo(f"backend:  {finding}")


def _echo_verdict(verdict: Any) -> None:
    """Print how many checks have passed, failed and been skipped, and what follows."""
    counts = [
        f"{sum(check.outcome == outcome for check in verdict.checks)} {outcome}"
        for outcome in ("passed", "failed", "skipped")
    ]
    keeps = "keeps" if verdict.passed else "does not keep"
    click.echo(f"'{verdict.model}' {keeps} the contract: {', '.join(counts)}.")


def _echo_change(change: Any) -> None:
    """Print the models that appeared and went; a broken one as an error."""
    from zoo.errors import PluginError

    for verb, models in (("Appeared", change.appeared), ("Gone", change.gone)):
        for model in models:
            click.echo(f"{verb}: {model.name} ({model.package} {model.version})")
    if not (change.appeared or change.gone):
        click.echo("No model appeared and none went: see `zoo plugin list`.")
    for model in change.appeared:
        if model.problem:
            raise PluginError(model.problem)
