"""`zoo plugin check`: its verdict on models that keep the contract, and on ones that do not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_folders import ROOT, lay_out, zoo_in

from zoo.conformance import MEND
from zoo.testing import PluginContract

# Models that need no learning: one is as it should be; of the other the seed decides nothing.
MODELS = """
import os

import keras
import numpy as np
from cards import FaultyConfig, GoodConfig
from throwaway import Echo


@keras.saving.register_keras_serializable(package="echoes")
class Good(Echo):
    config_class = GoodConfig

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        if self.config.ends:
            os._exit(9)


@keras.saving.register_keras_serializable(package="echoes")
class Faulty(Good):
    config_class = FaultyConfig

    def sample(self, count, *, seed=0, **_):
        return np.zeros((count, *self.example_shape), "float32")
"""
# What is read of them without Keras. A field of one has no text.
CARDS = """
from dataclasses import dataclass

from zoo.card import ModelCard
from zoo.config import Preset


@dataclass(frozen=True, kw_only=True)
class GoodConfig:
    '''Configuration of an echo.

    Args:
        image_shape: (H, W, C) of images.
        class_conditional: Whether the label decides what an image begins with.
        class_count: Labels.
        ends: Whether making a model ends the program.
    '''

    image_shape: tuple[int, int, int] = (8, 8, 1)
    class_conditional: bool = False
    class_count: int = 0
    ends: bool = False
    video_shape, length = (0,), 0


@dataclass(frozen=True, kw_only=True)
class FaultyConfig(GoodConfig):
    silent: int = 0


PRESETS = {
    name: Preset(summary="Tiny.", data="digits", epochs=1, batch_size=4)
    for name in ("laptop", "paper")
}


def card(name, model):
    return ModelCard(
        name=name,
        title="Echo",
        summary="Says again what was said.",
        paper="A. Author, On Echoes",
        year=2001,
        url="https://example.org",
        kind="image",
        data="digits",
        model=f"echoes:{model}",
        config=f"cards:{model}Config",
        presets="cards:PRESETS",
    )


ECHO, FAULTY = card("good-echo", "Good"), card("faulty", "Faulty")
"""


def project(folder: Path, name: str, *models: str) -> Path:
    """Write the pyproject.toml of a plugin."""
    folder.mkdir()
    points = "\n".join(models)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "genzoo-{name}"\nversion = "1.0"\n'
        f'[project.entry-points."zoo.models"]\n{points}\n'
    )
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return an environment with a plugin that keeps the contract, and one that does not."""
    site = tmp_path_factory.mktemp("site")
    echo = project(site / "echo", "echo", 'good-echo = "cards:ECHO"')
    faulty = project(
        site / "faulty",
        "faulty",
        'faulty = "cards:FAULTY"',
        'absent = "cards:NOTHING"',
    )
    (faulty / "echoes.py").write_text(MODELS)
    (faulty / "cards.py").write_text(CARDS)
    found = lay_out(site / "site", echo, faulty)
    found["PYTHONPATH"] += os.pathsep + str(ROOT / "tests")
    return found


def test_a_model_that_keeps_the_contract_passes(environment):
    done = zoo_in(environment, "plugin", "check", "good-echo")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "good-echo (genzoo-echo 1.0)"
    assert lines[1] == f"backend:  {os.environ.get('KERAS_BACKEND') or 'tensorflow'}"
    assert lines[2] == "settings: the preset 'laptop' as it is; --set makes it smaller"
    assert (
        "  passed   The same seed gives the same bits, another seed others; the count is kept."
        in lines
    )
    assert any(
        line.startswith("  skipped  ") and line.endswith("(The model has no likelihood.)")
        for line in lines
    )
    assert lines[-1].startswith("'good-echo' keeps the contract: ")
    assert ", 0 failed, " in lines[-1]


def test_a_model_with_faults_fails_with_what_is_wrong_and_how_to_mend_it(environment):
    done = zoo_in(environment, "plugin", "check", "genzoo-faulty", "--json", "--batch-size", "8")
    assert done.returncode == 1, done.stderr
    verdicts = {verdict["model"]: verdict for verdict in json.loads(done.stdout)}
    assert set(verdicts) == {"faulty", "absent"}  # all models of the plugin
    assert not any(verdict["passed"] for verdict in verdicts.values())
    checks = {check["name"]: check for check in verdicts["faulty"]["checks"]}
    failed = {name for name, check in checks.items() if check["outcome"] == "failed"}
    assert failed == {"test_the_seed_decides_the_samples", "test_every_field_is_described"}
    described = checks["test_every_field_is_described"]
    assert described["sentence"] == "`zoo info` has a text for each field."
    assert described["why"].startswith("Describe ['silent'] in the Args")
    assert described["mend"] == MEND["test_every_field_is_described"]
    assert verdicts["faulty"]["settings"]["batch_size"] == 8
    (broken,) = verdicts["absent"]["checks"]
    assert "module 'cards' has no 'NOTHING'" in broken["why"]


def test_a_model_that_ends_the_program_fails_and_the_rest_is_told(environment):
    done = zoo_in(environment, "plugin", "check", "faulty", "--set", "ends=true")
    assert done.returncode == 1
    assert "  passed   The registry finds the card, and the card's references lead" in done.stdout
    assert "  failed   The check runs to its end." in done.stdout
    assert "why:  It ended with the exit code 9" in done.stdout
    assert "'faulty' does not keep the contract: " in done.stdout.splitlines()[-1]
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["echo-good"], "'echo-good' is neither an installed model nor a plugin"),
        (["good-ecko"], "Did you mean 'good-echo'?"),
        (["genzoo"], "'genzoo' is neither"),
        (["good-echo", "--set", "sise=3"], "GoodConfig has no field 'sise'"),
        (["good-echo", "--data", "digitz"], "digitz"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_one_line(environment, arguments, message):
    done = zoo_in(environment, "plugin", "check", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "passed" not in done.stdout


def test_without_pytest_it_says_what_to_install(environment):
    program = (
        "import sys\n"
        "sys.modules['pytest'] = None\n"
        "from zoo.commands import run\n"
        "sys.exit(run(['plugin', 'check', 'good-echo']))\n"
    )
    done = python(environment, program)
    assert done.returncode == 1
    assert "pip install 'genzoo[test]'" in done.stderr
    assert done.stderr.count("\n") == 1


def python(environment, program):
    """Run a program in an environment."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_settings_of_a_checkout_are_those_of_its_contract_test(environment, tmp_path):
    """What pip notes down of an editable installation leads to the tests."""
    folder = project(tmp_path / "mine", "mine", 'good-echo = "cards:ECHO"')
    (folder / "tests").mkdir()
    (folder / "tests" / "sizes.py").write_text("SIZE = 4\n")
    (folder / "tests" / "test_contract.py").write_text(
        "from sizes import SIZE\n"
        "from zoo.testing import PluginContract\n\n"
        "class TestOther(PluginContract):\n    model_name = 'other'\n\n"
        "class TestEcho(PluginContract):\n"
        "    model_name = 'good-echo'\n    batch_size = SIZE\n"
        "    form = {'image_size': 5}\n"
        "    skips = {'test_what_it_claims_of_completion_holds': 'of no use'}\n"
    )
    (folder / "cards.py").write_text(CARDS)
    site = tmp_path / "site"
    found = lay_out(site, folder)
    (info,) = site.glob("*.dist-info")
    origin = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(origin))
    program = (
        "import json\n"
        "from dataclasses import asdict\n"
        "from zoo import registry\n"
        "from zoo.conformance import own_settings\n"
        "print(json.dumps(asdict(own_settings(registry.find('good-echo')))))\n"
    )
    found["PYTHONPATH"] += os.pathsep + str(ROOT / "tests")
    done = python(found, program)
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)
    assert settings == {
        "origin": f"the settings of TestEcho in {folder / 'tests' / 'test_contract.py'}",
        "config": {},
        "data": None,
        "batch_size": 4,
        "form": {"image_size": 5},
        "skips": {"test_what_it_claims_of_completion_holds": "of no use"},
    }

    (folder / "tests" / "sizes.py").write_text("import a_package_that_is_absent\n")
    settings = json.loads(python(found, program).stdout)
    assert settings["origin"].startswith("the preset 'laptop' as it is; --set makes it smaller (")
    assert "No module named 'a_package_that_is_absent'" in settings["origin"]
    assert settings["batch_size"] == 16


def test_how_to_mend_is_told_of_checks_that_there_are():
    assert set(MEND) <= set(dir(PluginContract))
