"""Every command that a page shows is typed: in the order of the page, in a folder of its own.

Trainings are cut to some steps and otherwise left as they are, so that later commands find the runs
that they name. Data that cannot be there have stand-ins of the same form.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plugin_folders import ROOT, lay_out
from sketches import many, objects, sketch
from sounds import tone, write_wav
from test_docs import (
    ADDING_PAGE,
    COMMANDS_PAGE,
    FENCE,
    PAGES,
    Block,
    example_files,
    ids,
    zoo_arguments,
)
from two_domains import side_by_side

from zoo.commands import run

LECTURE_PAGE = ROOT / "docs" / "lecture.md"
FLOW_PAGE = ROOT / "examples" / "realnvp" / "README.md"

STEPS = 2  # of a training; as many more from each command on that resumes one

# Commands that are not run, and why.
_INSTALLS = "changes the environment; tests/test_plugin_install.py and test-wheels install plugins"
_CHECKS = "minutes of checks that are tests already: tests/test_plugin_new.py, test_examples.py"
_PAPER = "networks of the paper's size take too much memory and time"
_FILES = "needs the published files; tests/test_data_tfds.py prepares sets from such"
NOT_RUN = {
    "make demo": "makes an environment first; its commands are those of docs/commands.md",
    "make test": "is all other tests",
    'pip install --editable "examples/realnvp[test]"': _INSTALLS,
    'pip install --editable ".[test]"': _INSTALLS,
    "pip wheel --no-deps --wheel-dir dist .": "make test-wheels builds wheels",
    "zoo plugin install --editable ./genzoo-my-gan": _INSTALLS,
    "zoo plugin install --editable ./genzoo-my-flow": _INSTALLS,
    "zoo plugin uninstall my-flow --yes": _INSTALLS,
    "zoo plugin new my-gan --kind image --adversarial": "its name is that of the page's own",
    "zoo plugin check my-gan": _CHECKS,
    "zoo plugin check my-flow": _CHECKS,
    "zoo plugin check realnvp": _CHECKS,
    "pytest tests": "tests/test_docs.py runs the tests of the page's plugin",
    "KERAS_BACKEND=jax pytest tests": "the same, on a backend that need not be there",
    "KERAS_BACKEND=torch pytest tests": "the same, on a backend that need not be there",
    "pytest tests/test_fuzz_data.py tests/test_fuzz_runs.py --hypothesis-profile=thorough": (
        "is other tests"
    ),
    "python -m benchmarks.wasserstein lines": "trains judges for minutes",
    "python -m benchmarks.wasserstein snapshots runs/w-1 runs/w-6 runs/w-12": (
        "trains judges for minutes"
    ),
    "zoo data prepare mnist --from downloads/mnist": _FILES,
    "zoo data prepare binarized_mnist --from downloads/binarized": _FILES,
    "zoo train dcgan --preset paper --data photos --image-size 64": _PAPER,
    "zoo train wavenet --data music --sample-rate 16000 --clip-seconds 1 --preset paper": _PAPER,
    'eval "$(zoo completion zsh)"': "needs zsh; that it prints a script is a test already",
}

# Runs that a page takes for granted, and the commands that make them, which are run as they are.
RUNS = {
    COMMANDS_PAGE: (
        "zoo train vae --preset mnist --steps 2 --out runs/mnist",
        "zoo train gan --epochs 20 --out runs/gan",
        "zoo train vae --preset conditional --steps 2 --out runs/conditional",
        "zoo train vae --data faces --steps 20 --out runs/faces",
        "zoo train sketch-rnn --steps 2 --out runs/sketches",
        "zoo train sentence-vae --steps 2 --out runs/poems",
        "zoo train word2vec --steps 2 --out runs/words",
        "zoo train stackgan --data scenes --steps 2 --out runs/scenes",
        "zoo train pixelcnn --steps 2 --out runs/pixels",
        "zoo train wavenet --data hums --set class_conditional=false --steps 2 --out runs/speech",
        "zoo train video-pixelcnn --steps 2 --out runs/films",
        "zoo train cyclegan --data facades --pair side-by-side --steps 2 --out runs/facades",
        "zoo train cyclegan --steps 2 --out runs/cyclegan-facades-1",
        "zoo train discogan --steps 2 --out runs/discogan-facades-1",
        "zoo train vae --steps 2 --out runs/a",
        "zoo train vae --steps 3 --out runs/b",
        "zoo train autoencoder --steps 2 --out runs/c",
    )
}

_SHOWN = re.compile(rf"{FENCE.pattern}|`(?P<inline>zoo [a-z][^`]*)`", re.M | re.S)


def shown(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page that hold commands, in order; of the lecture its text's, too."""
    for match in _SHOWN.finditer(page.read_text(encoding="utf-8")):
        if match["language"] in ("sh", "console"):
            yield Block("", match["language"], match["text"])
        elif page == LECTURE_PAGE and len((match["inline"] or "").split()) > 2:
            yield Block("", "sh", " ".join(match["inline"].split()))


def commands(page: Path) -> list[tuple[str, int]]:
    """Return the commands of a page, in order, and the exit code of each by what the page shows."""
    found: list[tuple[str, int]] = []
    for block in shown(page):
        for line in block.text.splitlines():
            if line.startswith("error:") and block.language == "console":
                found[-1] = (found[-1][0], 1)
            elif line.strip() and (block.language == "sh" or line.startswith("$ ")):
                typed = re.sub(r"\s+#.*", "", line.removeprefix("$ "))
                found += [(part.strip(), 0) for part in typed.split("&&")]
    return found


TYPED = [page for page in PAGES if {command for command, _ in commands(page)} - set(NOT_RUN)]


def shortened(arguments: list[str], steps: int) -> list[str]:
    """Return the arguments of `zoo`; those of a training with the number of its steps."""
    kept = list(arguments)
    if kept[0] != "train":
        return kept
    for option in ("--epochs", "--steps"):
        if option in kept:
            del kept[kept.index(option) : kept.index(option) + 2]
    return [*kept, "--steps", str(steps)]


def asks_for_jax(arguments: list[str]) -> bool:
    """Return whether a command trains on JAX, or takes a run that was trained there."""
    paths = [Path(argument) / "run.json" for argument in arguments]
    backends = [json.loads(path.read_text())["backend"] for path in paths if path.is_file()]
    return "jax" in (*arguments, *backends)


def in_a_shell(command: str) -> tuple[int, str]:
    """Run a command as a shell does; return its exit code and what it wrote.

    On JAX the CPU is then eight devices.
    """
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
    }
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


# Stand-ins.


def write_pictures(
    folder: Path, count: int, *, size: tuple[int, int] = (20, 24), level: int = 128
) -> None:
    """Write coloured pictures around a level of grey."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(level)
    for number in range(count):
        pixels = np.clip(draw.normal(level, 40, (*size, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.png")


def write_captions(folder: Path) -> None:
    """Write a table with a caption for each picture of a folder, no two alike."""
    lines = [f"{path.name}\tpicture {path.stem} of noise\n" for path in folder.glob("*.png")]
    (folder / "captions.tsv").write_text("".join(sorted(lines)), encoding="utf-8")


def write_stand_ins(work: Path) -> None:
    """Write what the pages take for the reader's own, under the names that they give it."""
    write_pictures(work / "photos" / "seven", 100, level=90)
    write_pictures(work / "photos" / "three", 100, size=(20, 20), level=150)
    (work / "photos" / "three" / "broken.png").write_bytes(b"")
    write_pictures(work / "paintings", 40)
    write_pictures(work / "faces" / "smiling", 80, size=(8, 8), level=180)
    write_pictures(work / "faces" / "neutral", 80, size=(8, 8), level=60)
    for name, count in (("pictures", 160), ("emoji", 1644)):
        write_pictures(work / name, count, size=(32, 32))
        write_captions(work / name)
    for name in ("pairs", "facades"):
        for number in range(40):
            side_by_side(work / name / f"{number:02}.png", 6 * number, 250, (64, 128))
    for name in ("photo.jpg", "photo.png", "scan.jpg", "sketch.png", "panorama.png"):
        shutil.copy(work / "paintings" / "0000.png", work / name)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(work / "begun.png")
    texts = [f"picture {number:04} of noise" for number in range(160)]
    np.savez(work / "captions.npz", captions=texts, embeddings=np.eye(160, 8, dtype="float32"))
    for number in range(40):
        sound = tone(4000, hz=100 + 10 * number)
        write_wav(work / "recordings" / f"{number % 10}_voice_{number}.wav", sound)
        write_wav(work / "hums" / f"{number}.wav", sound)
    write_wav(work / "hello.wav", tone(4000))
    lines = [f"The king of number {number} loves a man and a woman." for number in range(2000)]
    (work / "play.txt").write_text("\n".join(lines), encoding="utf-8")
    poems = [{"paragraphs": [f"白日依山盡{number}", "黃河入海流"]} for number in range(200)]
    (work / "poems.json").write_text(json.dumps(poems), encoding="utf-8")
    (work / "more.txt").write_text("a large green square\n", encoding="utf-8")
    (work / "cat.ndjson").write_text("\n".join(many(250)), encoding="utf-8")
    kanji = {"train": 120, "valid": 20, "test": 20}
    drawings = {
        split: objects([sketch(12, seed=seed) for seed in range(count)])
        for split, count in kanji.items()
    }
    np.savez(work / "short_kanji.npz", **drawings)


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Callable[[int], Path]:
    """Return what prepares sets of TensorFlow Datasets by their own classes, with other images."""
    made: dict[int, Path] = {}

    def prepared(test_count: int) -> Path:
        if test_count not in made:
            made[test_count] = tmp_path_factory.mktemp("tfds")
            for name, white in (("mnist", 256), ("binarized_mnist", 2), ("cifar10", 256)):
                write_set(made[test_count], name, white, {"train": 640, "test": test_count})
        return made[test_count]

    return prepared


def write_set(root: Path, name: str, white: int, counts: dict[str, int]) -> None:
    """Prepare a set of TensorFlow Datasets with random images of its own shape."""
    from zoo.data.tensorflow_quiet import import_tensorflow
    from zoo.data.tfds import quiet

    import_tensorflow("This test")
    with quiet():
        import tensorflow_datasets as tfds

        published = tfds.builder_cls(name)

        class StandIn(published, skip_registration=True):
            def _split_generators(self, dl_manager):
                return {split: self._generate_examples(split) for split in counts}

            def _generate_examples(self, split):
                draw = np.random.default_rng(len(split))
                features = self.info.features
                for number in range(counts[split]):
                    image = draw.integers(0, white, features["image"].shape, np.uint8)
                    label = {"label": number % 10} if "label" in features else {}
                    identity = {"id": str(number)} if "id" in features else {}
                    yield number, {"image": image, **label, **identity}

        StandIn.name = name
        tfds.display_progress_bar(False)
        StandIn(data_dir=root).download_and_prepare()


@pytest.fixture
def plugin_of_the_page(page, tmp_path, monkeypatch) -> None:
    """Let the zoo find the plugin that a page is about, where that is not installed."""
    folder = {FLOW_PAGE: FLOW_PAGE.parent, ADDING_PAGE: tmp_path / "genzoo-mygan"}.get(page)
    if page == ADDING_PAGE:
        for name, text in example_files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if folder is not None:
        lay_out(tmp_path / "site", folder)
        monkeypatch.syspath_prepend(tmp_path / "site")
        monkeypatch.syspath_prepend(folder)


@pytest.mark.slow
@pytest.mark.usefixtures("plugin_of_the_page")
@pytest.mark.parametrize("page", TYPED, ids=ids(TYPED))
def test_the_commands_of_a_page_do_what_it_says_in_its_order(page, published, monkeypatch, capsys):
    work = Path.cwd()
    monkeypatch.setenv("HOME", str(work))  # ~/photos
    # The page of commands names images of MNIST by their numbers.
    monkeypatch.setenv("ZOO_DATA_DIR", str(published(8400 if page == COMMANDS_PAGE else 40)))
    write_stand_ins(work)
    for command in RUNS.get(page, ()):
        assert run(zoo_arguments(command)) == 0, f"{command}\n{capsys.readouterr().err}"
    failures = []
    steps = STEPS
    for command, expected in commands(page):
        if command in NOT_RUN:
            continue
        arguments = zoo_arguments(command)
        if arguments is None:
            code, output = in_a_shell(command)
        else:
            steps = steps + STEPS if "--resume" in arguments else steps
            arguments = shortened(arguments, steps)
            if asks_for_jax(arguments):
                if find_spec("jax") is None:
                    continue
                code, output = in_a_shell(shlex.join(["zoo", *arguments]))
            else:
                capsys.readouterr()
                code = run(arguments)
                printed = capsys.readouterr()
                output = printed.out + printed.err
        if code != expected:
            failures.append(f"`{command}` ended with {code}, not {expected}:\n{output[-2000:]}")
    assert not failures, "\n".join(failures)


def test_what_is_not_run_is_still_in_the_pages():
    found = {command for page in PAGES for command, _ in commands(page)}
    assert set(NOT_RUN) <= found, set(NOT_RUN) - found
