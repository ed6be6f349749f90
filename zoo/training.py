"""Training in a run directory: fit in legs, exact resume, and loading what was trained."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.backends import quietly
from zoo.card import resolve
from zoo.checkpoints import latest_checkpoint, load_checkpoint, load_latest, step_of
from zoo.data import Batches, Dataset
from zoo.data.files import some
from zoo.data.pipeline import for_fit
from zoo.engine.devices import shared_among
from zoo.engine.state import restore_state
from zoo.errors import DataError, RunError, ZooError
from zoo.metrics.examples import warn_of_lost_levels
from zoo.planning import augmentation, build_model, card_of, held_out, load_dataset
from zoo.recording import Recorder
from zoo.runs import REQUEST_FILE, Run, RunRequest

_logger = logging.getLogger(__name__)

LEAST_LEARNING = 0.99  # share of the steps; a decay planned by hand may end a few of them early


@dataclass(frozen=True)
class Leg:
    """A stretch of training that is one call of `fit`.

    Args:
        epoch: Epoch in which it begins.
        offset: Batches of that epoch that are done already.
        batches: Batches in each of its epochs.
        epochs: How many epochs.
    """

    epoch: int
    offset: int
    batches: int
    epochs: int


def legs(step: int, last_step: int, steps_per_epoch: int) -> Iterator[Leg]:
    """Yield what is left to train from `step` to `last_step`; only the ends can be cut epochs."""
    while step < last_step:
        epoch, offset = divmod(step, steps_per_epoch)
        batches = min(steps_per_epoch - offset, last_step - step)
        whole = batches == steps_per_epoch
        epochs = (last_step - step) // steps_per_epoch if whole else 1
        yield Leg(epoch, offset, batches, epochs)
        step += batches * epochs


class Trainer:
    """Trains a run's model with `fit`, and keeps all that is worth keeping.

    Args:
        run: Where to train, and what.
        progress: Whether to write some epochs' terms, and to show a bar on a terminal.
        checkpoint_seconds: Least time between two checkpoints.
    """

    def __init__(self, run: Run, *, progress: bool = True, checkpoint_seconds: float = 30.0):
        self.run = run
        self.progress = progress
        self.checkpoint_seconds = checkpoint_seconds

    def train(self) -> None:
        """Train to the end of what the run asks for, from its newest checkpoint if there is one.

        The caller holds the run's lock.

        Raises:
            NonFiniteError: If a term or a weight has become NaN or infinite; the last checkpoint
                is from before.
            Interrupted: If a signal asked to stop; a checkpoint was saved.
            ZooError: If data, run directory or model are not as they must be.
        """
        request = self.run.request
        model = build_model(request)
        model.compile()
        model.check_batch(request.batch_size)
        dataset = load_dataset(self.run, "train")
        if dataset.skipped:
            print(  # noqa: T201
                f"Left out of the data: {some(dataset.skipped)}. `zoo data info {request.data}` "
                "names all."
            )
        warn_of_lost_levels(model, dataset)
        _check_turn(dataset, request.batch_size, model.slices)
        batches = Batches(
            dataset,
            request.batch_size * model.slices,
            seed=request.seed,
            augment=augmentation(card_of(request), request.augment, request.seed),
            by_length=getattr(model, "cuts_batches", False),
        )
        per_epoch = batches.steps_per_epoch
        last_step = request.steps or (request.epochs or 0) * per_epoch
        recorder = Recorder(
            self.run,
            held_out=held_out(self.run, dataset),
            steps_per_epoch=per_epoch,
            last_step=last_step,
            progress=self.progress,
            checkpoint_seconds=self.checkpoint_seconds,
        )
        checkpoint = latest_checkpoint(self.run.checkpoints_path)
        if checkpoint is not None:
            state, position = load_checkpoint(checkpoint)
            restore_state(model, state, ("model", "optimizer"))
            recorder.go_on(step_of(checkpoint), state, position)
        else:
            self.prepare(model, dataset)
            recorder.go_on(0, {}, {})  # epochs that a kill ended before the first checkpoint
        if recorder.step > last_step:
            raise RunError(
                f"'{self.run.path}' has trained {recorder.step} steps already. Expected: to train "
                f"to step {last_step}. Give more --epochs or --steps."
            )
        # The checkpoints hold the weights as trained; averages are put in place at the end.
        model.optimizer.averages_at_end = False
        first_step = recorder.step
        if first_step < last_step:
            _warn_of_rates(model, last_step)
        with recorder.listening():
            for leg in legs(first_step, last_step, per_epoch):
                _fit(model, batches, leg, recorder)
        if recorder.step > first_step:  # the checkpoint of a training that was done is complete
            recorder.save(model)
        put_averages(model)
        _save_archive(model, self.run)
        recorder.report()

    def prepare(self, model: Any, dataset: Dataset) -> None:
        """Give a fresh model what it is to begin with; by default nothing.

        A plugin's own trainer overrides it. It is called once: of a run with a checkpoint, the
        checkpoint holds what was given.

        Args:
            model: The model, compiled.
            dataset: What it is trained on.
        """


def train_anew(request: RunRequest, out: Path | None = None, **options: Any) -> Run:
    """Make a run and train it; a run that fails before its first checkpoint leaves nothing.

    Args:
        request: What is asked for.
        out: The run's folder; None takes the next free one.
        **options: Of the trainer that the model's card names.

    Raises:
        ZooError: As `Run.create` and the trainer's `train`.
    """
    run = Run.create(request, out)
    with run.lock():  # until it is removed, if it is
        try:
            _train(run, request, options)
        except BaseException:
            # Nothing was trained: neither this run nor one within it, such as a first stage.
            if not any(latest_checkpoint(path) for path in run.path.rglob("checkpoints")):
                with suppress(OSError):  # what went wrong first is what is said
                    run.remove()
            raise
    return run


def train_on(run: Run, request: RunRequest, **options: Any) -> Run:
    """Train a run to the end of what is asked for now, from its newest checkpoint.

    Args:
        run: The run.
        request: What is asked for: the run's own request, perhaps made longer.
        **options: Of the trainer that the model's card names.

    Raises:
        ZooError: If another process holds the run, and as the trainer's `train`.
    """
    with run.lock():
        recorded, checkpoint = run.request, latest_checkpoint(run.checkpoints_path)
        run.update_request(request)
        try:
            _train(run, request, options)
        except BaseException:
            if latest_checkpoint(run.checkpoints_path) == checkpoint:  # nothing came of it
                with suppress(RunError):  # what went wrong first is what is said
                    run.update_request(recorded)
            raise
    return run


def load_model(run: Run) -> Any:
    """Return a run's model as its newest checkpoint has it, with moving averages in place.

    Raises:
        RunError: If there is no checkpoint yet, or it is broken or of another model.
    """
    state = load_latest(run.checkpoints_path)
    if state is None:
        raise RunError(
            f"'{run.path}' has no checkpoint yet. Train on with `zoo train --resume {run.path}`."
        )
    try:
        model = build_model(run.request)
    except ZooError:
        raise
    # A run of a stranger may ask for networks of any size, and each backend has its own errors.
    except Exception as error:
        raise RunError(
            f"The model that '{run.path / REQUEST_FILE}' describes cannot be made: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
    model.compile()
    restore_state(model, state, ("model", "optimizer"))
    put_averages(model)
    return model


def trained_steps(run: Run) -> int:
    """Return the step of a run's newest checkpoint, 0 if it has none."""
    checkpoint = latest_checkpoint(run.checkpoints_path)
    return 0 if checkpoint is None else step_of(checkpoint)


def put_averages(model: Any) -> None:
    """Put moving averages in place of the weights, where an optimizer keeps any."""
    model.optimizer.averages_at_end = True
    model.optimizer.finalize_variable_values(model.trainable_variables)


def _train(run: Run, request: RunRequest, options: Mapping[str, Any]) -> None:
    with shared_among(request.devices, request.batch_size):
        resolve(card_of(request).trainer)(run, **options).train()


def _check_turn(dataset: Dataset, batch_size: int, slices: int) -> None:
    """Raise DataError where the data do not fill the slices of one turn."""
    if slices > 1 and len(dataset) < slices * batch_size:
        raise DataError(
            f"'{dataset.name}' has {len(dataset)} examples in its split '{dataset.split}'. A turn "
            f"of this model takes {slices} x {batch_size} = {slices * batch_size}, a batch for "
            "each move on fresh data. Give a smaller --batch-size."
        )


def _warn_of_rates(model: Any, last_step: int) -> None:
    """Say so where the learning rates have fallen to 0 well before the last step."""
    end = model.optimizer.end_of_rates(last_step)
    if end is not None and end < LEAST_LEARNING * last_step:
        _logger.warning(
            "The learning rate falls to 0 at step %d, and nothing is learned from there to step "
            "%d. Train to step %d (--steps %d), or train a new run whose rate falls more slowly, "
            "by a greater decay_steps.",
            *(end, last_step, end, end),
        )


def _fit(model: Any, batches: Batches, leg: Leg, recorder: Recorder) -> None:
    stream = batches.stream(leg.epoch, leg.offset)
    failures: list[ZooError] = []

    def watched() -> Iterator[tuple[Any, ...]]:
        try:
            yield from stream
        except ZooError as error:  # TensorFlow would tell of its graph instead
            failures.append(error)
            raise

    try:
        model.fit(
            for_fit(watched(), any_length=batches.by_length),
            initial_epoch=leg.epoch,
            epochs=leg.epoch + leg.epochs,
            steps_per_epoch=leg.batches,
            callbacks=[recorder],
            shuffle=False,  # the stream is in order
            verbose=0,
        )
    except Exception as error:
        if failures:
            raise failures[0] from error
        raise
    finally:
        stream.close()  # type: ignore[attr-defined]


def _save_archive(model: Any, run: Run) -> None:
    temporary = run.model_path.with_name("model.unfinished.keras")
    try:
        with quietly():  # under every backend Keras's serialization imports TensorFlow if it can
            model.save(temporary)
        temporary.replace(run.model_path)
    except OSError as error:
        raise RunError(f"'{run.model_path}' could not be written: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)
