"""The Keras callback that looks at every step, every epoch and samples."""

import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np

from zoo.doctor import samples as sampled
from zoo.doctor import terms as losses
from zoo.doctor.finding import Finding, Journal, line_of
from zoo.doctor.suggestions import SUGGESTIONS
from zoo.engine.model import PlayerModel
from zoo.engine.state import averaged
from zoo.errors import ConfigError, DataError

LEAST_STEPS = 200  # before which a training is young: odd shares, a small KL and noise are usual
SETTLED = 1000  # steps, before which the samples of a GAN wander about together in any case
BETTER = 1.25  # times as varied as before: then a training is on its way
_logger = logging.getLogger(__name__)


class TrainingDoctor(keras.callbacks.Callback):
    """Says what goes wrong in a training, each thing once until it has gone and come back.

    It changes nothing in the training, and never ends one.

    Args:
        examples: Real images (N, H, W, C) in [0, 1], held out at best, to compare samples with;
            None, other data or fewer than 128 images: samples are not looked at.
        patience: For how many epochs in a row a player must have won or KL be collapsed.
        on_finding: Called with every finding; None prints a line.

    Raises:
        ConfigError: If `patience` is below 1.
        DataError: If images are not in [0, 1].
    """

    def __init__(
        self,
        examples: np.ndarray | None = None,
        *,
        patience: int = 3,
        on_finding: Callable[[Finding], None] | None = None,
    ):
        super().__init__()
        if patience < 1:
            raise ConfigError(f"patience must be at least 1 epoch. Received: {patience}.")
        self.step = 0
        self.patience = patience
        self._journal = Journal(on_finding or _print)
        self._examiner: sampled.Examiner | None = None
        shape = np.shape(examples) if examples is not None else ()
        if len(shape) == 4 and shape[0] >= sampled.LEAST_EXAMPLES:
            images = np.asarray(examples)
            if not (images.min() >= 0 and images.max() <= 1):  # NaN too
                raise DataError(
                    "The doctor's examples must be images in [0, 1]. Received: values from "
                    f"{images.min():.4g} to {images.max():.4g}. Scale them, as by dividing by 255."
                )
            self._examiner = sampled.Examiner(images)
        self._looks: list[tuple[int, sampled.Look]] = []
        self._was_varied = False
        self._began_at = 0
        self._streaks = losses.Streaks()
        self._step_values = losses.StepValues()
        self._growth: dict[str, losses.Growth] = {}
        self._peaks: dict[str, float] = {}
        self._epoch_began_at = 0

    @property
    def findings(self) -> list[Finding]:
        """All findings so far, the oldest first."""
        return self._journal.findings

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the terms of the step."""
        self.check_step(self.step + 1, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the means of the epoch, and at samples."""
        self.check_epoch(logs or {})
        if self._examiner is not None:
            drawn = self._draw()
            if drawn is not None:
                self.check_samples(drawn)

    def go_on(self, step: int) -> None:
        """Take up a training at `step`; what was seen before is not known."""
        self.step = self._began_at = self._epoch_began_at = step

    def check_step(self, step: int, batch: int, logs: Mapping[str, Any]) -> None:
        """Look at what `fit` logs after a step.

        Args:
            step: Steps of training so far.
            batch: Index of the step in its epoch, or in its part of it.
            logs: Of every term the running mean; of a model whose own `train_step` returns what
                is no metric of it, that step's value.
        """
        self.step = step
        terms = self._terms(logs)
        means = {name: value for name, value in terms.items() if self._is_running_mean(name)}
        for name, value in {**terms, **self._step_values.take(batch, means)}.items():
            if name not in self._growth:
                dtype = str(getattr(self.model, "compute_dtype", "float32"))
                self._growth[name] = losses.Growth(dtype)
            problem = self._growth[name].problem(value)
            self._take(losses.OVERFLOW, name, problem and f"of '{name}': {problem}")

    def check_epoch(self, logs: Mapping[str, Any]) -> None:
        """Look at the mean of every term over an epoch that has just ended."""
        steps, self._epoch_began_at = self.step - self._epoch_began_at, self.step
        self._step_values = losses.StepValues()
        terms = self._terms(logs)
        if "real_accuracy" in terms and "fake_accuracy" in terms:
            real, fake = terms["real_accuracy"], terms["fake_accuracy"]
            for symptom in (losses.DISCRIMINATOR_WON, losses.GENERATOR_WON):
                epochs = self._lasting(symptom, losses.won(real, fake) == symptom, steps)
                seen = (
                    f"for {epochs} epochs the discriminator has told apart {real:.1%} of the real "
                    f"and {fake:.1%} of the fake examples"
                )
                self._take(symptom, "", seen if epochs else None)
        for name, value in terms.items():
            # Of a latent vector, no more: that of conditioning augmentation may well be near zero.
            if name == "kl_nats":
                self._peaks[name] = peak = max(value, self._peaks.get(name, 0.0))
                is_collapsed = losses.is_collapsed_kl(value, peak)
                epochs = self._lasting(f"{losses.KL_COLLAPSED} {name}", is_collapsed, steps)
                seen = f"for {epochs} epochs; '{name}' is {value:.3g}, {peak:.3g} at its highest"
                self._take(losses.KL_COLLAPSED, name, seen if epochs else None)

    def check_samples(self, samples: np.ndarray) -> None:
        """Look at samples of the model as it is now; 64 are enough."""
        if self._examiner is None or self.step < LEAST_STEPS:
            return
        look = self._examiner.look(samples)
        if look is None:
            return
        before = self._looks[-1][1] if self._looks else None
        self._looks.append((self.step, look))
        self._was_varied = self._was_varied or look.is_varied
        seen = (
            f"{sampled.SAMPLES} samples have {look.modes:.1f} effective modes, as many real images "
            f"{look.real_modes:.1f}, and are {look.spread:.0%} as far apart as those"
        )
        self._take(sampled.COLLAPSED, "", seen if self._has_collapsed() else None)
        lasts = before is not None and before.channels == look.channels
        channels = (look.channels if lasts else None) or ()
        flipped = [str(c) for c, (_, is_inverted) in enumerate(channels) if is_inverted]
        seen = (
            f"the mean of samples is the mean of the data inverted, in channel {_list(flipped)} of "
            f"{self._examiner.shape[-1]}"
        )
        self._take(sampled.INVERTED, "", seen if flipped else None)
        moved = [
            f"{c} looks like {source}" for c, (source, _) in enumerate(channels) if c != source
        ]
        seen = f"in the means of samples and data, channel {_list(moved)}"
        self._take(sampled.EXCHANGED, "", seen if moved else None)

    def _has_collapsed(self) -> bool:
        """Return whether samples are less varied than they could be by now.

        Samples that were varied must be so no more at two looks. Samples that never were so may be
        those of a young training: they must have stayed so since half of it, and not before
        `SETTLED` steps.
        """
        now = self.step - self._began_at
        lasting = [
            index
            for index, (step, _) in enumerate(self._looks[:-1])
            if self._was_varied or SETTLED <= step - self._began_at <= now / 2
        ]
        if not lasting:
            return False
        looks = [look for _, look in self._looks[lasting[-1] :]]
        improves = 0 < BETTER * looks[0].diversity <= looks[-1].diversity
        return all(look.is_collapsed for look in looks) and not improves

    def _take(self, symptom: str, where: str, seen: str | None) -> None:
        if seen is None:
            self._journal.gone(symptom, where)
            return
        finding = Finding(
            symptom=symptom, step=self.step, message=seen, suggestion=SUGGESTIONS[symptom]
        )
        self._journal.note(where, finding)

    def _lasting(self, what: str, is_so: bool, steps: int) -> int:
        """Return for how many epochs it has been so, 0 if not for long enough."""
        epochs, lasted = self._streaks.count(what, is_so, steps)
        return epochs if epochs >= self.patience and lasted >= LEAST_STEPS else 0

    def _terms(self, logs: Mapping[str, Any]) -> dict[str, float]:
        """Return what was logged of training as numbers, without the sum of what has a name."""
        terms = {}
        for name, value in logs.items():
            is_sum = name == "loss" and isinstance(self.model, PlayerModel)
            if np.size(value) == 1 and not is_sum and not name.startswith("val_"):
                terms[name] = float(value)
        return terms

    def _is_running_mean(self, name: str) -> bool:
        """Return whether what is logged under a name is a mean over the epoch so far."""
        has_kerass_step = type(self.model).train_step is keras.Model.train_step
        if has_kerass_step or isinstance(self.model, PlayerModel):
            return True
        return name in {metric.name for metric in self.model.metrics}

    def _draw(self) -> np.ndarray | None:
        """Return samples of the model; none from one that cannot be asked for them."""
        try:
            is_ours = isinstance(self.model, PlayerModel)
            with averaged(self.model) if is_ours else nullcontext():
                drawn = self.model.sample(sampled.SAMPLES, seed=0)
            return np.asarray(drawn["image"] if isinstance(drawn, Mapping) else drawn)
        except Exception as error:  # of any model's making; to watch must not end a training
            _logger.warning("The doctor looks at no samples: %s: %s", type(error).__name__, error)
            self._examiner = None
            return None


def _print(finding: Finding) -> None:
    print(line_of(finding))  # noqa: T201


def _list(words: list[str]) -> str:
    return ", ".join(words)
