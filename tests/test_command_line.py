"""Whatever is given to any option of any command: one clear line, and nothing that is not meant.

What is tried comes from click's own tree, so that a new option is tried by itself.
"""

import itertools
import os
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from hostile import (
    BASES,
    COMMANDS,
    FEW,
    FEW_NAMES,
    LONG,
    NUMBERS,
    PLACES,
    REFUSED,
    TEXTS,
    base,
    complaints,
    find,
    invocation,
    is_flag,
    is_no_value_of,
    is_shown,
    parameters,
    plausible,
    spoken,
    tree,
    zoo,
)
from illustrators import install_illustrators
from PIL import Image
from small_runs import install_model
from translators import install_translators, make_translator_run

# Where text or a path is asked for, whatever a stranger types is refused, but for these.
TAKES_ANY_NAME = {"--out", "--save-latents"}
TAKES_ANY_TEXT = {("zoo list", "pattern"), ("zoo plugin new", "name")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the folder of tiny runs of what the commands are for, and of a photo."""
    site, folder = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("runs")
    install_translators(site)
    install_illustrators(site)
    install_model(site, "genzoo-image-echo", "image-echo", "throwaway:IMAGE_ECHO")
    sys.path.insert(0, str(site))
    words = ("--set", "embedding_size=6", "--batch-size", "16")
    echo = ("--data", "digits")
    for name, arguments in {
        "vae": ("vae", "--set", "hidden_sizes=16", "--set", "latent_size=2"),
        "words": ("word2vec", *words),
        "painter": ("painter",),
        "echo": ("image-echo", *echo),
    }.items():
        trained = zoo(["train", *arguments, "--steps", "20", "--out", str(folder / name)])
        assert trained.code == 0, trained.err
    make_translator_run(folder / "negatives")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30), "uint8")
    Image.fromarray(pixels).save(folder / "photo.png")
    yield folder
    sys.path.remove(str(site))


@pytest.fixture
def places(runs, monkeypatch):
    """Fill the working folder with what is not to be touched; return the names of places."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # no command is to ask for what is not there
    Path("thesis").mkdir()
    Path("thesis/notes.md").write_text("mine")
    Path("ledger.dat").write_text("mine")
    os.mkfifo("pipe")
    os.mkfifo("drawing.png")
    names = {"missing": "missing/place", "folder": "thesis", "text": "ledger.dat", "pipe": "pipe"}
    names["drawing"] = "drawing.png"
    return {**{path.stem: str(path) for path in runs.iterdir()}, **names}


def check(name: str, parameter: click.Parameter, value: str | None, places, runs) -> str:
    """Return what is wrong with what a command makes of a value; nothing is an empty text."""
    here = tree(Path(), runs)
    outcome = zoo(invocation(name, places, parameter, value))
    found = complaints(outcome)
    after = tree(Path(), runs)
    if outcome.code:
        changed = {path for path in here | after if here.get(path) != after.get(path)}
        if changed:
            found.append(f"refused, and yet changed {sorted(changed)[:5]}")
        line = outcome.reasons[0] if outcome.reasons else ""
        named = spoken(parameter) in line
        if value is None:
            is_clear = named or isinstance(parameter, click.Argument)
        else:
            is_clear = named if is_flag(parameter) else is_shown(value, line) or named
        if not is_clear:
            found.append("neither the option nor what was received is named")
    else:
        touched = {path for path in here if here[path] != after.get(path)}
        mine = {"thesis", "thesis/notes.md", "pipe", "drawing.png", "ledger.dat"} - {value}
        if mine & touched:
            found.append(f"changed {sorted(mine & touched)}")
        if value is not None and must_be_refused(name, parameter, value):
            found.append("exit code 0")
        if value is None and name not in REFUSED and spoken(parameter).startswith("-"):
            found += [] if is_flag(parameter) else ["exit code 0 without a value"]
    if not found:
        return ""
    return f"{spoken(parameter)} {value!r:.40}: {'; '.join(found)}\n{outcome.err[-600:]}"


def must_be_refused(name: str, parameter: click.Parameter, value: str) -> bool:
    """Return whether a hostile value is certainly not what the parameter takes."""
    if value == "" or is_flag(parameter):
        return True
    outside = is_no_value_of(parameter.type, value)
    if outside is not None:
        return outside
    if spoken(parameter) in TAKES_ANY_NAME:
        return len(value) > 1000 or value in ("drawing.png", "/dev/null/out.png")
    return (name, spoken(parameter)) not in TAKES_ANY_TEXT and value != "0"


def values_of(name: str, parameter: click.Parameter, few: bool) -> list[str | None]:
    """Return what a parameter of a command is given."""
    if is_flag(parameter):
        return ["yes"]
    if is_no_value_of(parameter.type, "") is not None:
        values = [*NUMBERS, *TEXTS]
        return [None, *(v for v in values if not few or is_no_value_of(parameter.type, v))]
    if name in LONG:
        return [None, ""]
    if few:
        return [None, *(FEW_NAMES if spoken(parameter) in TAKES_ANY_NAME else FEW)]
    return [None, *NUMBERS, *TEXTS, *PLACES]


def test_every_command_has_an_invocation_that_works_here():
    missing = sorted(set(COMMANDS) - set(BASES))
    assert not missing, f"Add to BASES in tests/hostile.py an invocation that works of: {missing}"
    assert set(BASES) <= set(COMMANDS), "BASES in tests/hostile.py has commands that are gone"


@pytest.mark.parametrize("group", [[], ["latent"], ["data"], ["plugin"]], ids=" ".join)
def test_a_group_without_a_command_shows_its_help(group):
    outcome = zoo(group)
    assert (outcome.code, outcome.exception) == (2, None)
    assert outcome.err == zoo([*group, "--help"]).out


@pytest.mark.parametrize("name", sorted(set(BASES) - LONG))
def test_the_invocations_work(name, places):
    arguments, options = base(name, places)
    outcome = zoo([*name.split()[1:], *options, "--", *arguments])
    assert not complaints(outcome), outcome.err
    assert (outcome.code == 0) == (name not in REFUSED), outcome.err


@pytest.mark.parametrize(("name", "option"), list(parameters()))
def test_what_is_no_value_of_an_option_is_refused_in_one_line(name, option, places, runs):
    parameter = find(name, option)
    for value in values_of(name, parameter, few=True):
        wrong = check(name, parameter, value and value.format(**places), places, runs)
        assert not wrong, wrong


@pytest.mark.slow
@pytest.mark.parametrize(("name", "option"), list(parameters()))
def test_every_hostile_value_of_an_option_ends_well(name, option, places, runs):
    parameter = find(name, option)
    wrong = [
        check(name, parameter, value and value.format(**places), places, runs)
        for value in values_of(name, parameter, few=False)
    ]
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize(
    "line",
    [
        "train",
        "train vae --epochs 1 --steps 1",
        "train --resume {vae} --out other",
        "train --resume {vae} --seed 9",
        "train --resume {vae} --epochs 1 --steps 1",
        "train vae --out {vae}",
        "train vae --pair colourisation --data-b digits",
        "sample {vae} --class 3",
        "sample {vae} --text three --temperature 0.5",
        "sample {painter} --text three --class 3",
        "sample {painter} --embeddings {photo}",
        "complete {echo} {photo} --index 1",
        "complete {echo} --fraction 0.5 --seconds 1",
        "complete {echo} --known top --frames 2",
        "complete {vae}",
        "translate {vae} {photo} --to A",
        "evaluate {vae} --metrics nll,nll,nonsense",
        "evaluate {vae} --pair colourisation --data-b digits",
        "compare {vae} {vae}",
        "compare {vae}",
        "latent interpolate {vae} --from 1",
        "latent interpolate {vae} --to 1",
        "latent invert {vae}",
        "latent invert {vae} {photo} --index 1",
        "latent invert {vae} {photo} --split test",
        "latent invert {vae} --index 1 --class 3",
        "latent arithmetic {vae} --plus 1",
        "latent arithmetic {vae} --minus 1 --minus 2",
        "latent captions {painter} three",
        "latent attribute {vae} --class 3 --against 3",
        "data info digits --pair colourisation --data-b digits",
        "data show digits --tokens word --trim-silence",
    ],
)
def test_what_contradicts_itself_is_refused_in_one_line(line, places, runs):
    before = tree(Path(), runs)
    outcome = zoo(line.format(**places).split())
    assert outcome.code in (1, 2), outcome.out
    assert not complaints(outcome), outcome.err
    assert tree(Path(), runs) == before


@pytest.mark.parametrize("value", ["2", "3"])
def test_of_an_option_that_is_given_twice_the_last_counts(value, places):
    twice = ["--count", "7", "--count", value, "--out", "twice.png"]
    assert zoo(["sample", places["vae"], *twice]).code == 0
    assert zoo(["sample", places["vae"], "--count", value, "--out", "once.png"]).code == 0
    assert Path("twice.png").read_bytes() == Path("once.png").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(BASES) - LONG))
def test_every_two_options_together_end_well(name, places, runs):
    options = [p for p in COMMANDS[name].params if isinstance(p, click.Option)]
    arguments, usual = base(name, places)
    wrong = []
    for pair in itertools.combinations_with_replacement(options, 2):
        words = [
            spoken(option) if is_flag(option) else f"{spoken(option)}={plausible(option)}"
            for option in pair
        ]
        before = tree(Path(), runs)
        outcome = zoo([*name.split()[1:], *usual, *words, "--", *arguments])
        found = complaints(outcome)
        if outcome.code and tree(Path(), runs) != before:
            found.append("refused, and yet something changed")
        wrong += [f"{words}: {found}\n{outcome.err[-600:]}"] if found else []
    assert not wrong, "\n".join(wrong)
