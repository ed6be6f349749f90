"""What the critic's estimate says that the discriminator's loss does not.

Two experiments, `python -m benchmarks.wasserstein [lines|digits]`:

- `lines`: two parallel lines at a known distance (Arjovsky et al. 2017, example 1). The earth
  mover's distance is the distance itself, the Jensen-Shannon divergence log 2 wherever they do not
  coincide. A WGAN-GP critic and a GAN's discriminator judge both sets until they are done; the
  generators do not move.
- `digits`: WGAN-GP and GAN train on handwritten digits; at times their samples are compared with
  held-out digits by the Fréchet distance. Beside it the critic's estimate, and the divergence that
  the discriminator's loss implies, log 2 - loss / 2. In a third training the discriminator moves
  five times a turn, as the critic does, for the divergence is that only at its best.

Each leaves a picture in docs/images and a table in benchmarks/results/wasserstein-<name>.md.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
COLOURS = {"truth": "#8a8a8a", "wgan-gp": "#3987e5", "gan": "#e07b39"}

# Shapes: B batch, N images.

DISTANCES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
LINE_STEPS = 300
LINE_BATCH = 256
DIGIT_EPOCHS = 300
DIGIT_READINGS = 30
SAMPLES = 1000


@dataclass(frozen=True)
class Reading:
    """One point of a training.

    Args:
        epoch: Epochs done.
        estimate: What the judge says: a distance, or a divergence in nats.
        frechet: Fréchet distance between samples and held-out digits.
    """

    epoch: int
    estimate: float
    frechet: float


def judge_lines(name: str, distance: float) -> float:
    """Return what the judge of `name` makes of two lines at `distance`, in its own unit."""
    import keras
    from keras import ops
    from zoo_gan import GAN, GANConfig
    from zoo_wgan_gp import WGANGP, WGANGPConfig

    def line(count: Any, shift: float, seed: Any) -> Any:
        """Return `count` points of a line as images of two pixels, (B, 1, 2, 1)."""
        along = keras.random.uniform((count, 1), seed=seed)
        return ops.concatenate([ops.full_like(along, shift), along], axis=1)[:, None, :, None]

    def fixed(base: type, config: Any) -> Any:
        class Lines(base):  # type: ignore[misc]
            """The model whose fakes are the other line, whatever its generator."""

            def fakes(self, count: Any, labels: Any, training: bool) -> Any:
                return line(count, distance, self.noise_seed(training))

        return Lines(config)

    keras.utils.set_random_seed(0)
    reals = ops.convert_to_numpy(line(5 * LINE_BATCH, 0.0, keras.random.SeedGenerator(1)))
    shape = {"image_shape": (1, 2, 1), "latent_size": 1, "generator_sizes": ()}
    if name == "wgan-gp":
        config = WGANGPConfig(architecture="dense", critic_sizes=(128, 128), **shape)
        model = fixed(WGANGP, config)
        judge = {"critic": keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.9)}
    else:
        sizes = {"discriminator_sizes": (128, 128), "maxout_pieces": 1}
        config = GANConfig(input_dropout=0.0, dropout=0.0, **sizes, **shape)
        model = fixed(GAN, config)
        judge = {"discriminator": keras.optimizers.Adam(1e-3)}
    # The generator's loss does not reach its weights, for the fakes are not its own.
    model.generator.trainable = False
    model.players = lambda: type(model).players(model)[:1]
    model.compile(optimizer=judge)
    history = model.fit(reals, batch_size=model.slices * LINE_BATCH, epochs=LINE_STEPS, verbose=0)
    return estimate_of(name, {k: np.mean(v[-20:]) for k, v in history.history.items()})


def estimate_of(name: str, terms: dict[str, Any]) -> float:
    """Return the distance with pixels in [0, 1], or the divergence in nats, that terms imply."""
    if name == "wgan-gp":
        return float(terms["wasserstein_score"]) / 2  # the critic sees pixels in [-1, 1]
    return math.log(2) - float(terms["discriminator_nats"]) / 2


def lines() -> None:
    """Judge lines at known distances, draw and tabulate."""
    found = {
        name: [judge_lines(name, distance) for distance in DISTANCES] for name in ("wgan-gp", "gan")
    }
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(8.0, 3.2), layout="constrained")  # inches
    left, right = canvas.subplots(1, 2)
    truths = (DISTANCES, [0.0 if distance == 0 else math.log(2) for distance in DISTANCES])
    for axes, name, truth, title in (
        (left, "wgan-gp", truths[0], "Critic: earth mover's distance"),
        (right, "gan", truths[1], "Discriminator: Jensen-Shannon divergence, nats"),
    ):
        style = "default" if name == "wgan-gp" else "steps-pre"  # the divergence jumps at 0
        line = {"color": COLOURS["truth"], "linewidth": 3, "drawstyle": style}
        axes.plot(DISTANCES, truth, label="truth", **line)
        axes.plot(DISTANCES, found[name], "o", color=COLOURS[name], markersize=5, label="estimate")
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("distance between the lines")
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    _save(canvas, "wasserstein-lines")
    rows = zip(DISTANCES, found["wgan-gp"], truths[1], found["gan"], strict=True)
    _table(
        "lines",
        ["distance, true", "critic's estimate", "divergence, true", "discriminator's estimate"],
        [[f"{value:.3f}" for value in row] for row in rows],
    )


def watch_digits(name: str, discriminator_steps: int = 1) -> list[Reading]:
    """Train a model on digits and return its readings along the way."""
    import keras

    from zoo.data import load
    from zoo.metrics.distance import frechet_distance
    from zoo.metrics.features import feature_network
    from zoo.planning import Asked, build_model, plan

    request = plan(name, Asked(seed=0))
    train, test = load("digits", split="train"), load("digits", split="test")
    network = feature_network("classifier", train)
    held_out = network.features(np.asarray(test.read(np.arange(len(test)))[0]))
    images = np.asarray(train.read(np.arange(len(train)))[0])  # (N, H, W, C)
    model = build_model(request)
    if discriminator_steps > 1:
        first, second = model.players()
        first = replace(first, steps=discriminator_steps)
        model.players = lambda: [first, second]
    model.compile()
    readings = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if (epoch + 1) % (DIGIT_EPOCHS // DIGIT_READINGS):
                return
            samples = network.features(self.model.sample(SAMPLES, seed=epoch))
            distance = frechet_distance(held_out, samples)
            readings.append(Reading(epoch + 1, estimate_of(name, logs), distance))

    size = request.batch_size * model.slices
    model.fit(images, batch_size=size, epochs=DIGIT_EPOCHS, callbacks=[Watch()], verbose=0)
    return readings


def digits() -> None:
    """Train three models on digits, draw and tabulate."""
    from matplotlib.figure import Figure
    from scipy.stats import spearmanr

    courses: Sequence[tuple[str, str, Callable[[], list[Reading]]]] = (
        ("WGAN-GP", "wgan-gp", lambda: watch_digits("wgan-gp")),
        ("GAN", "gan", lambda: watch_digits("gan")),
        ("GAN, five moves of D", "gan", lambda: watch_digits("gan", discriminator_steps=5)),
    )
    canvas = Figure(figsize=(11.0, 3.4), layout="constrained")  # inches
    rows = []
    for axes, (title, name, course) in zip(canvas.subplots(1, 3), courses, strict=True):
        readings = course()
        estimates = [reading.estimate for reading in readings]
        distances = [reading.frechet for reading in readings]
        rank = spearmanr(estimates, distances).statistic
        label = "distance by the critic" if name == "wgan-gp" else "divergence by D, nats"
        axes.plot([r.epoch for r in readings], estimates, color=COLOURS[name], label=label)
        axes.set_ylabel(label, color=COLOURS[name])
        axes.set_ylim(bottom=0)
        other = axes.twinx()
        other.plot([r.epoch for r in readings], distances, color=COLOURS["truth"])
        other.set_ylabel("Fréchet distance of samples", color=COLOURS["truth"])
        other.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_title(f"{title}: rank correlation {rank:.2f}", loc="left", fontsize=10)
        for reading in (readings[0], readings[len(readings) // 2], readings[-1]):
            cells = [str(reading.epoch), f"{reading.estimate:.3f}", f"{reading.frechet:.1f}"]
            rows.append([title, *cells, f"{rank:.2f}"])
    _save(canvas, "wasserstein-digits")
    columns = ["training", "epoch", "estimate", "Fréchet distance", "rank correlation, all epochs"]
    _table("digits", columns, rows)


def _save(canvas: Any, name: str) -> None:
    canvas.savefig(ROOT / "docs" / "images" / f"{name}.png", dpi=120, metadata={"Software": None})


def _table(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [
        f"`python -m benchmarks.wasserstein {name}`",
        "",
        f"| {' | '.join(columns)} |",
        f"|{'---:|' * len(columns)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    text = "\n".join(lines) + "\n"
    (ROOT / "benchmarks" / "results" / f"wasserstein-{name}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    from zoo.backends import use_backend

    use_backend(None)
    for experiment in sys.argv[1:] or ["lines", "digits"]:
        {"lines": lines, "digits": digits}[experiment]()
