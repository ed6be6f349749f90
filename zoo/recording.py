"""The callback that watches a training: finite terms, checkpoints, log, samples, progress."""

import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from zoo.checkpoints import latest_checkpoint, save_checkpoint
from zoo.data import Batches
from zoo.data.dataset import AT_A_GLANCE, Dataset, Examples
from zoo.doctor import Finding, TrainingDoctor, line_of
from zoo.engine.state import averaged, read_state, restore_state
from zoo.errors import Interrupted, NonFiniteError, RunError
from zoo.media import save_samples
from zoo.media.report import write_card, write_report
from zoo.metrics.examples import choose
from zoo.planning import card_of
from zoo.protocols import GenerativeModel, supports
from zoo.runs import Run
from zoo.translation import round_trips

EPOCHS_SHOWN = 20  # by a picture and a line; all are in the log
REPORT_SECONDS = 30.0
CHECKPOINT_SHARE = 0.05  # of the time, at most; large models are saved less often
HELD_OUT_BATCH = 500
DOCTORS_EXAMPLES = 512
OF_IMAGES = ("image", "captioned")  # kinds of which an example is one image, whatever goes with it


class ProgressBar(tqdm):
    """A bar by the steady clock: by tqdm's it would stand still where the time was set back."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._time = time.monotonic
        self.start_t = self.last_print_t = self._time()


class Recorder(keras.callbacks.Callback):
    """Checks every step, saves, logs, draws samples and shows progress.

    Args:
        run: Where to.
        held_out: What it is measured on.
        steps_per_epoch: Steps of a whole epoch.
        last_step: The step at which training ends.
        progress: Whether to write some epochs' terms, and to show a bar on a terminal.
        checkpoint_seconds: Least time between two checkpoints.
    """

    def __init__(
        self,
        run: Run,
        *,
        held_out: Dataset,
        steps_per_epoch: int,
        last_step: int,
        progress: bool,
        checkpoint_seconds: float,
    ):
        super().__init__()
        self.run = run
        self.card = card_of(run.request)
        self.step = 0
        self.steps_per_epoch = steps_per_epoch
        self.last_step = last_step
        self.progress = progress
        self.checkpoint_seconds = checkpoint_seconds
        self.held_out = held_out
        self.doctor = TrainingDoctor(self._examples(), on_finding=self._found)
        self._player_of: dict[str, str] = {}
        self._stopping = False
        self._bar = ProgressBar(disable=True)
        self._restored: Mapping[str, np.ndarray] | None = None
        self._saved_at = self._reported_at = self._epoch_began = time.monotonic()
        self._save_seconds = 0.0

    def go_on(
        self, step: int, state: Mapping[str, np.ndarray], position: Mapping[str, Any]
    ) -> None:
        """Take up a training at `step`, in the middle of an epoch perhaps.

        Raises:
            RunError: If the held-out data are others than before, for the log would not show it.
        """
        held_out = self.held_out
        if position.get("held_out", held_out.fingerprint) != held_out.fingerprint:
            raise RunError(
                f"The held-out data of '{self.run.request.data}', its split '{held_out.split}', "
                f"have changed since '{self.run.path}' was measured on them. Restore them, or "
                "start a new run."
            )
        self.step = step
        self._restored = state if step % self.steps_per_epoch else None
        self.run.rewind_metrics(step)
        self.doctor.go_on(step)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as the wish to stop after this step; show the bar meanwhile."""

        def stop(number: int, frame: FrameType | None) -> None:
            if self._stopping:  # asked twice: at once
                raise KeyboardInterrupt
            self._stopping = True

        in_main = threading.current_thread() is threading.main_thread()
        signals = (signal.SIGINT, signal.SIGTERM) if in_main else ()
        previous = {number: signal.signal(number, stop) for number in signals}
        show = self.progress and sys.stderr.isatty()
        self._bar = ProgressBar(
            total=self.last_step, initial=self.step, unit="step", disable=not show, leave=False
        )
        try:
            yield
        finally:
            self._bar.close()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def on_train_begin(self, logs: Any = None) -> None:
        """Learn the names of the terms."""
        self.doctor.set_model(self.model)
        self._player_of = {
            term: player.name for player in self.model.players() for term in player.terms
        }

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Go on with the running means of an epoch that was cut short."""
        self._epoch_began = time.monotonic()
        if self._restored is not None:
            restore_state(self.model, self._restored, ("metrics",))
            self._restored = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the step; stop where a term is not finite; save where it is time or asked for."""
        self.step += 1
        self._check_finite(logs)
        self.doctor.check_step(self.step, batch, logs)
        if not self._bar.disable:
            terms = {name: value for name, value in logs.items() if name != "loss"}
            self._bar.set_postfix_str(_terms_line(terms), refresh=False)
            self._bar.update()
        # The last step of an epoch is saved after the epoch has been measured and logged.
        if self.step % self.steps_per_epoch and self.step != self.last_step:
            self._save_or_stop()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure on held-out data, log, draw samples, let the doctor look, save."""
        with averaged(self.model):
            self._look(epoch, logs)
        if time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self.report()
        if self.step != self.last_step:
            self._save_or_stop()

    def _look(self, epoch: int, logs: Any) -> None:
        """Measure, log and show the model as it is now."""
        measured = self._measure()
        terms = {name: float(logs[name]) for name in self._player_of}
        terms |= {f"val_{name}": float(measured[name]) for name in self._player_of}
        seconds = time.monotonic() - self._epoch_began
        self.run.log({"step": self.step, "epoch": epoch + 1, **terms, "seconds": seconds})
        epochs = -(-self.last_step // self.steps_per_epoch)
        shown = (epoch + 1) % max(1, epochs // EPOCHS_SHOWN) == 0 or self.step == self.last_step
        if shown and self.progress:
            line = f"epoch {epoch + 1}, step {self.step}: {_terms_line(terms)} ({seconds:.1f} s)"
            tqdm.write(line)  # above the bar, where there is one
            sys.stdout.flush()
        self.doctor.check_epoch(logs)
        if shown:
            # The suffix is that of the kind of data.
            self._show(self.run.samples_path / f"epoch-{epoch + 1:04d}")

    def save(self, model: Any) -> None:
        """Write a checkpoint of this very step."""
        began = time.monotonic()
        position = {
            "step": self.step,
            "steps_per_epoch": self.steps_per_epoch,
            "held_out": self.held_out.fingerprint,
        }
        save_checkpoint(self.run.checkpoints_path, self.step, read_state(model), position)
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - began

    def report(self) -> None:
        """Rewrite the report and the model card."""
        write_report(self.run, self.card)
        write_card(self.run, self.card)
        self._reported_at = time.monotonic()

    def _save_or_stop(self) -> None:
        due = max(self.checkpoint_seconds, self._save_seconds / CHECKPOINT_SHARE)
        if self._stopping or time.monotonic() - self._saved_at >= due:
            self.save(self.model)
        if self._stopping:
            raise Interrupted(
                f"Stopped at step {self.step}. Go on with: zoo train --resume "
                f"{shlex.quote(str(self.run.path))}"
            )

    def _show(self, path: Path) -> None:
        """Write samples, or translations of held-out examples, as the model is now."""
        if supports(self.model, GenerativeModel):
            count = AT_A_GLANCE[self.card.kind]
            samples = self.model.sample(count, seed=self.run.request.seed)
            self.doctor.check_samples(_images(samples))
        else:
            count = min(AT_A_GLANCE[self.card.kind], len(self.held_out))
            examples, _ = self.held_out.read(choose(self.held_out, count, seed=0))
            samples = round_trips(self.model, examples)
        save_samples(self.held_out.spec, samples, path)

    def _measure(self) -> dict[str, float]:
        """Return the mean of every term on the held-out data; the running means stay."""
        means = self.model.metrics_variables
        kept = [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in means]
        # Others may be large, such as a second stage at 256x256: as many as are trained on at once.
        most = HELD_OUT_BATCH if self.card.kind == "image" else self.run.request.batch_size
        size = min(most, len(self.held_out))
        batches = Batches(self.held_out, size, seed=0, shuffle=False, drop_remainder=False)
        totals = dict.fromkeys(self._player_of, 0.0)
        # Not `evaluate`: each call of it makes a tf.data pipeline of the generator, and those stay.
        for batch in batches.once():
            terms = self.model.test_on_batch(*batch, return_dict=True)  # of this batch alone
            for name in totals:
                totals[name] += float(terms[name]) * len(keras.tree.flatten(batch[0])[0])
        # A run that ends within an epoch can be made longer, and goes on from these.
        for variable, value in zip(means, kept, strict=True):
            variable.assign(value)
        return {name: total / len(self.held_out) for name, total in totals.items()}

    def _examples(self) -> np.ndarray | None:
        """Return held-out images that the doctor compares samples with; None of other data."""
        if self.card.kind not in OF_IMAGES:
            return None
        count = min(DOCTORS_EXAMPLES, len(self.held_out))
        return _images(self.held_out.read(choose(self.held_out, count, seed=0))[0])

    def _found(self, finding: Finding) -> None:
        self.run.log_finding(asdict(finding))
        if self.progress:
            tqdm.write(line_of(finding))
            sys.stdout.flush()

    def _check_finite(self, logs: Any) -> None:
        for term, player in self._player_of.items():
            if np.isfinite(logs[term]):
                continue
            last = latest_checkpoint(self.run.checkpoints_path)
            kept = f"The last good checkpoint is '{last}'." if last else "None was saved yet."
            raise NonFiniteError(
                f"The term '{term}' of player '{player}' became {logs[term]} at step {self.step}. "
                f"{kept} Lower the learning rate, clip the gradients, or use --precision float32."
            )


def _images(examples: Examples) -> np.ndarray:
    """Return the images of examples, without their captions where they have any."""
    return np.asarray(examples["image"] if isinstance(examples, Mapping) else examples)


def _terms_line(terms: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in terms.items())
