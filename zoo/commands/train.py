"""`zoo train`."""

from pathlib import Path
from typing import Any

import click

from zoo.commands.options import MOST, FilePath, ModelName, Number, Text, form_options, say


@click.command()
@click.argument("model", type=ModelName(), required=False)
@click.option(
    "--preset", type=Text(), help="Named settings; see `zoo info MODEL`.  [default: laptop]"
)
@click.option("--data", type=Text(), help="Name of a data set, or a path.  [default: the preset's]")
@form_options
@click.option(
    "--augment",
    type=Text(),
    help="Augmentations, such as flip,rotate; none for none.  [default: the preset's]",
)
@click.option(
    "--set",
    "overrides",
    type=Text(),
    multiple=True,
    metavar="FIELD=VALUE",
    help="Set a field of the model's configuration; can be given again.",
)
@click.option("--epochs", type=click.IntRange(1, MOST), help="Passes over the data.")
@click.option("--steps", type=click.IntRange(1, MOST), help="Training steps, in place of epochs.")
@click.option("--batch-size", type=click.IntRange(1, MOST), help="Examples per batch.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of all randomness.  [default: 0]")
@click.option("--backend", type=click.Choice(["tensorflow", "jax", "torch"]))
@click.option("--precision", type=click.Choice(["float32", "bfloat16", "float16"]))
@click.option(
    "--devices",
    type=click.IntRange(1),
    help="Devices that share each batch out; with --backend jax.  [default: 1]",
)
@click.option(
    "--out",
    type=FilePath(),
    help="Folder of the run.  [default: runs/MODEL-DATA-N]",
)
@click.option(
    "--resume",
    type=FilePath(),
    metavar="RUN",
    help="Go on with this "
    "run, to the --epochs or --steps that it was asked for or that are given now.",
)
@click.option(
    "--checkpoint-every",
    type=Number(0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Least time between two checkpoints.",
)
def train(
    *,
    model: str | None,
    out: Path | None,
    resume: Path | None,
    checkpoint_every: float,
    **asked: Any,
) -> None:
    """Train MODEL, and write checkpoints, samples and a report into a run's folder.

    By itself it takes the preset `laptop`: small, on data that come with the zoo.
    """
    if resume is None and model is None:
        raise click.UsageError("Give the MODEL to train, or --resume RUN.")
    if resume is not None and out is not None:
        raise click.UsageError("--out names the folder of a new run; a resumed run has its own.")
    if asked["epochs"] is not None and asked["steps"] is not None:
        raise click.UsageError("Give --epochs or --steps, not both.")
    from zoo import planning
    from zoo.runs import Run

    wanted = planning.Asked(**asked)
    if resume is not None:
        run = Run.open(resume)
        request = planning.plan_resume(run, model, wanted)
        say(f"Resuming {run.path}")
        from zoo.training import train_on  # Keras's backend is chosen by now

        train_on(run, request, checkpoint_seconds=checkpoint_every)
    else:
        request = planning.plan(str(model), wanted)
        say(f"Training {model} on {request.data}, preset '{request.preset}'")
        from zoo.training import train_anew

        run = train_anew(request, out, checkpoint_seconds=checkpoint_every)
    say(f"Samples: {run.samples_path}")
    say(f"Report:  {run.report_path}")
