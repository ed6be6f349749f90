"""What a critic's estimate says that a discriminator's loss does not.

Two experiments. In both, fresh judges of two kinds, a WGAN-GP critic and a GAN's discriminator
with the same hidden layers, learn to tell real examples from fakes that do not change, and are then
asked about examples that they have not seen.

- `python -m benchmarks.wasserstein lines`: two parallel lines at a known distance (Arjovsky et al.
  2017, example 1). The earth mover's distance is the distance itself, the Jensen-Shannon
  divergence log 2 wherever the lines do not coincide.
- `python -m benchmarks.wasserstein snapshots RUN...`: samples of trained runs, the worst first,
  such as one run at several epochs. Beside the judges stands the Fréchet distance of the samples.

The critic's estimate is E[f(x)] - E[f(G(z))]; the divergence that a discriminator's loss implies is
log 2 - loss / 2, in nats. Each experiment leaves a picture in docs/images and a table in
benchmarks/results.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
COLOURS = {"truth": "#8a8a8a", "wgan-gp": "#3987e5", "gan": "#e07b39"}

# Shapes: N examples, H height, W width, C channels.

DISTANCES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
LINE_POINTS = 40_000
LINE_SIZES = (128, 128)  # units of the judges
IMAGE_SIZES = (512, 256)
BATCH_SIZE = 128
EPOCHS = 6


def judge(
    name: str, sizes: tuple[int, ...], reals: np.ndarray, fakes: np.ndarray, held_out: int
) -> float:
    """Return what a fresh judge makes of reals and fakes (N, H, W, C) in [0, 1].

    Args:
        name: "wgan-gp" for a distance, with pixels in [0, 1]; "gan" for a divergence in nats.
        sizes: Units of the judge's hidden layers.
        reals: Real examples; the last `held_out` are those that it is asked about.
        fakes: As many fakes.
        held_out: How many examples it does not learn from.
    """
    import keras
    from zoo_gan import GAN, GANConfig
    from zoo_wgan_gp import WGANGP, WGANGPConfig

    keras.utils.set_random_seed(0)
    shape: dict[str, Any] = {"image_shape": reals.shape[1:], "generator_sizes": ()}
    if name == "wgan-gp":
        config = WGANGPConfig(architecture="dense", critic_sizes=sizes, critic_steps=1, **shape)
        model = _with_given_fakes(WGANGP)(config)
        optimizer = {"critic": keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.9)}
    else:
        options = {"maxout_pieces": 1, "input_dropout": 0.0, "dropout": 0.0}
        model = _with_given_fakes(GAN)(GANConfig(discriminator_sizes=sizes, **options, **shape))
        optimizer = {"discriminator": keras.optimizers.Adam(1e-3)}
    model.generator.trainable = False  # nobody moves it
    model.compile(optimizer=optimizer)
    learned = len(reals) - held_out
    model.fit(reals[:learned], fakes[:learned], batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    terms = model.evaluate(
        reals[learned:], fakes[learned:], batch_size=1000, verbose=0, return_dict=True
    )
    if name == "wgan-gp":
        return float(terms["wasserstein_score"]) / 2  # the critic sees pixels in [-1, 1]
    return math.log(2) - float(terms["discriminator_nats"]) / 2


def _with_given_fakes(base: type) -> type:
    class Judged(base):  # type: ignore[misc]
        """The model with the judge as its only player, and fakes in the place of labels."""

        def players(self) -> Sequence[Any]:
            return super().players()[:1]

        def fakes(self, count: Any, labels: Any, training: bool) -> Any:
            return labels

    return Judged


def lines() -> None:
    """Judge lines at known distances, draw and tabulate."""

    def line(shift: float, seed: int) -> np.ndarray:
        """Return points of a line as images of two pixels, (N, 1, 2, 1)."""
        along = np.random.default_rng(seed).uniform(size=LINE_POINTS)
        points = np.stack([np.full(LINE_POINTS, shift), along], axis=1)
        return points[:, None, :, None].astype(np.float32)

    found = {
        name: [
            judge(name, LINE_SIZES, line(0.0, 0), line(d, 1), LINE_POINTS // 4) for d in DISTANCES
        ]
        for name in ("wgan-gp", "gan")
    }
    divergences = [0.0 if distance == 0 else math.log(2) for distance in DISTANCES]
    canvas, (left, right) = _canvas()
    for axes, name, truth, title in (
        (left, "wgan-gp", DISTANCES, "Critic: earth mover's distance"),
        (right, "gan", divergences, "Discriminator: Jensen-Shannon divergence, nats"),
    ):
        style = "default" if name == "wgan-gp" else "steps-pre"  # the divergence jumps at 0
        line_style = {"color": COLOURS["truth"], "linewidth": 3, "drawstyle": style}
        axes.plot(DISTANCES, truth, label="truth", **line_style)
        axes.plot(DISTANCES, found[name], "o", color=COLOURS[name], markersize=5, label="estimate")
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("distance between the lines")
        axes.legend(frameon=False)
    _save(canvas, "wasserstein-lines")
    rows = zip(DISTANCES, found["wgan-gp"], divergences, found["gan"], strict=True)
    columns = [
        "distance, true",
        "critic's estimate",
        "divergence, true",
        "discriminator's estimate",
    ]
    _table("lines", columns, [[f"{value:.3f}" for value in row] for row in rows])


def snapshots(paths: Sequence[str]) -> None:
    """Judge samples of runs by fresh critics and discriminators, draw and tabulate."""
    from zoo.metrics.distance import frechet_distance
    from zoo.metrics.features import feature_network
    from zoo.planning import load_dataset, open_run
    from zoo.training import load_model, trained_steps

    runs = [open_run(Path(path)) for path in paths]
    train, test = load_dataset(runs[0], "train"), load_dataset(runs[0], "test")
    network = feature_network("classifier", train)
    seen, unseen = (np.asarray(data.read(np.arange(len(data)))[0]) for data in (train, test))
    half = len(unseen) // 2  # so that as many fakes as reals are asked about
    reals = np.concatenate([seen[: 4 * half], unseen[:half]])  # (N, H, W, C)
    features = network.features(unseen)
    readings = []
    for run in runs:
        fakes = load_model(run).sample(len(reals), seed=1)
        readings.append(
            (
                trained_steps(run),
                frechet_distance(features, network.features(fakes[: len(unseen)])),
                judge("wgan-gp", IMAGE_SIZES, reals, fakes, half),
                judge("gan", IMAGE_SIZES, reals, fakes, half),
            )
        )
    canvas, (left, right) = _canvas()
    distances = [reading[1] for reading in readings]
    for axes, name, place, title in (
        (left, "wgan-gp", 2, "Critic: earth mover's distance"),
        (right, "gan", 3, "Discriminator: Jensen-Shannon divergence, nats"),
    ):
        estimates = [reading[place] for reading in readings]
        axes.plot(distances, estimates, "o-", color=COLOURS[name], markersize=5)
        for steps, distance, estimate in zip(
            (reading[0] for reading in readings), distances, estimates, strict=True
        ):
            axes.annotate(f" step {steps}", (distance, estimate), fontsize=8, va="bottom")
        axes.set_xscale("log")
        axes.invert_xaxis()
        axes.set_ylim(0, 1.15 * max(estimates))
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("Fréchet distance of the samples; better to the right")
    right.axhline(math.log(2), color=COLOURS["truth"], linewidth=1)
    _save(canvas, "wasserstein-snapshots")
    columns = ["step", f"Fréchet distance/{network.name}", "critic's estimate", "discriminator's"]
    rows = [[str(s), f"{f:.2f}", f"{w:.3f}", f"{j:.3f}"] for s, f, w, j in readings]
    _table("snapshots", columns, rows)


def _canvas() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(8.0, 3.2), layout="constrained")  # inches
    panels = canvas.subplots(1, 2)
    for axes in panels:
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return canvas, panels


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

    match sys.argv[1:]:
        case ["lines"]:
            use_backend(None)
            lines()
        case ["snapshots", _, _, *_]:
            snapshots(sys.argv[2:])
        case _:
            sys.exit("usage: python -m benchmarks.wasserstein lines | snapshots RUN RUN...")
