"""Training in stages: a complete run of stage I in the run's folder, then stage II.

    runs/stackgan-digits-1/           stage II, as any run
    runs/stackgan-digits-1/stage-1/   stage I, as any run: it can be sampled, measured, resumed

Stage I is as long as its own `run.json` says. It is written when the run begins, so that a run that
is made longer on resuming is so in stage II. Once stage II has a checkpoint, it needs stage I no
more.
"""

import dataclasses
import shlex
import shutil
from pathlib import Path
from typing import Any

from zoo.checkpoints import latest_checkpoint
from zoo.config import from_json, to_json
from zoo.data import Dataset
from zoo.errors import Interrupted, RunError
from zoo.planning import data_of
from zoo.runs import REQUEST_FILE, Run, RunRequest
from zoo.training import Trainer, load_model, train_on
from zoo_stackgan.config import StackGANConfig

FIRST_FOLDER = "stage-1"
# What stage II needs to be as in stage I, for it takes over its weights.
SHARED = (
    "vocabulary",
    "max_length",
    "embedding_size",
    "text_size",
    "condition_size",
    "latent_size",
    "generator_filters",
)


class StagedTrainer(Trainer):
    """Trains stage I first, where stage II is asked for and none to refine is named.

    Args:
        run: Where to train, and what.
        progress: Whether to write some epochs' terms, and to show a bar on a terminal.
        checkpoint_seconds: Least time between two checkpoints.
    """

    def train(self) -> None:
        """Train to the end of what the run asks for, from where it was stopped, in either stage.

        Raises:
            ZooError: As `Trainer.train`; and if `first_stage` is no stage I that can be refined.
            Interrupted: As `Trainer.train`; the message names the run, not the one within it.
        """
        config = from_json(StackGANConfig, self.run.request.config)
        self.first: Run | None = None
        if config.stage == 2 and latest_checkpoint(self.run.checkpoints_path) is None:
            self.first = self._named(config) if config.first_stage else self._trained(config)
            if self.progress:
                print("Stage II.")  # noqa: T201
        super().train()

    def prepare(self, model: Any, dataset: Dataset) -> None:
        """Give a fresh model the embeddings of its captions, and stage II its stage I."""
        model.remember(dataset)
        if self.first is not None:
            model.take_over(load_model(self.first))

    def _named(self, config: StackGANConfig) -> Run:
        """Return the trained run of stage I that the configuration names."""
        run = Run.open(Path(config.first_stage))
        if run.request.model != self.run.request.model:
            raise RunError(
                f"first_stage must be a run of '{self.run.request.model}'. '{run.path}' is one of "
                f"'{run.request.model}'."
            )
        first, wanted = from_json(StackGANConfig, run.request.config), config.of_first_stage()
        for name in ("stage", "image_shape", *SHARED):
            if getattr(first, name) != getattr(wanted, name):
                raise RunError(
                    f"first_stage must be what stage II refines: '{run.path}' has {name} = "
                    f"{_short(getattr(first, name))}, and {_short(getattr(wanted, name))} is "
                    "needed. Set it so, or train another stage I."
                )
        return run

    def _trained(self, config: StackGANConfig) -> Run:
        """Return the run of stage I within this run, trained to its end."""
        path = self.run.path / FIRST_FOLDER
        if (path / REQUEST_FILE).exists():
            first = Run.open(path)
        else:
            if path.exists():  # a kill while it was made
                shutil.rmtree(path)
            first = Run.create(self._first_request(config), path)
        if self.progress:
            print(f"Stage I, in {path}.")  # noqa: T201
        try:
            return train_on(
                first,
                first.request,
                progress=self.progress,
                checkpoint_seconds=self.checkpoint_seconds,
            )
        except Interrupted as error:
            raise Interrupted(
                "Stopped in stage I. Go on with: zoo train --resume "
                f"{shlex.quote(str(self.run.path))}"
            ) from error

    def _first_request(self, config: StackGANConfig) -> RunRequest:
        """Return what stage I is asked for: as stage II, but the size and the length."""
        request, first = self.run.request, config.of_first_stage()
        share = config.first_stage_length
        small = dataclasses.replace(
            request,
            config=to_json(first),
            form={**request.form, "image_size": list(first.image_shape[:2])},
            epochs=request.epochs and max(1, round(share * request.epochs)),
            steps=request.steps and max(1, round(share * request.steps)),
        )
        return dataclasses.replace(small, fingerprint=data_of(small, "train").fingerprint)


def _short(value: Any) -> str:
    """Return a value as a message names it: of a vocabulary, how many tokens."""
    return f"{len(value)} tokens" if isinstance(value, tuple) and len(value) > 3 else str(value)
