"""Distributions as pip leaves them: broken ones beside a good one, and what the wheels hold."""

import ast
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = [ROOT, *sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))]

# Distributions whose import name is another one.
IMPORT_NAMES = {
    "absl-py": "absl",
    "fonttools": "fontTools",
    "pillow": "PIL",
    "scikit-learn": "sklearn",
}
# Imported where it is installed; an extra.
OPTIONAL = {"jax", "torch", "pytest"}  # extras; pytest for the conformance kit

CARD = """
from zoo.card import ModelCard

def card(name):
    return ModelCard(
        name=name, title="Toy\\x1b[31m", summary="A\\x07 toy.", paper="A. Author, On Toys",
        year=2001, url="https://example.org", kind="image", data="digits",
        model="zoo_toy:Toy", config="zoo_toy:Config", presets="zoo_toy:PRESETS",
    )
"""
TOY = (
    CARD
    + """
from dataclasses import dataclass
from zoo.config import Preset

@dataclass(frozen=True, kw_only=True)
class Config:
    size: int = 3

class Toy:
    def __init__(self, config):
        self.config = config

PRESETS = {"laptop": Preset(summary="Small.", data="digits", epochs=1, batch_size=8)}
TOY = card("toy")
"""
)
PACKAGES = {
    "genzoo-toy": ("toy = zoo_toy:TOY", {"zoo_toy.py": TOY}),
    "genzoo-a-rival": ("contested = zoo_rival:A", {"zoo_rival.py": CARD + "A = card('contested')"}),
    "genzoo-b-rival": ("contested = zoo_rival:A", {}),
    "genzoo-slash": ("a/b = zoo_toy:TOY", {}),
    "genzoo-escape": ("a\x1b]0;b\x07 = zoo_toy:TOY", {}),
    "genzoo-nothing": ("nothing = zoo_nothing:CARD", {}),
    "genzoo-other": ("other = zoo_toy:TOY", {}),
    "genzoo-exits": ("exits = zoo_exits:CARD", {"zoo_exits.py": "raise SystemExit(5)"}),
    "genzoo-needs": ("needs = zoo_needs:CARD", {"zoo_needs.py": "import soundfile_that_is_absent"}),
}


@pytest.fixture
def site(tmp_path) -> Path:
    """A folder with one good plugin and one of each broken kind."""
    folder = tmp_path / "site"
    for package, (points, files) in PACKAGES.items():
        install(folder, package, points, files)
    # A setuptools checkout that was installed editable and is on the path as well.
    install(tmp_path / "checkout", "genzoo-toy", "toy = zoo_toy:TOY", {}, version="0.9")
    return folder


def install(
    folder: Path, package: str, points: str, files: dict[str, str], version: str = "1.0"
) -> None:
    info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[zoo.models]\n{points}\n", encoding="utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def python(site: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), str(site.parent / "checkout")])
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def zoo(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(site, "from zoo.commands import main; main()", *arguments)


def test_broken_plugins_are_told_on_stderr_and_hide_no_good_one(site):
    done = zoo(site, "list")
    names = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert done.returncode == 0
    assert set(names) >= {"toy", "vae", "autoencoder"}
    assert not set(names) & {"contested", "a/b", "nothing", "other", "exits", "needs"}
    warnings = done.stderr.splitlines()
    assert all(line.startswith("warning: ") for line in warnings)
    for package in PACKAGES:
        assert sum(package in line for line in warnings) == 1, package
    assert "No module named 'soundfile_that_is_absent'. Install it, or run" in done.stderr


def test_nothing_that_a_plugin_says_reaches_the_terminal_as_a_control_character(site):
    for arguments in (["list"], ["list", "--json"], ["info", "toy"], ["plugin", "list"]):
        done = zoo(site, *arguments)
        assert done.returncode == 0
        assert (done.stdout + done.stderr).replace("\n", "").isprintable(), arguments


def test_the_json_holds_each_entry_with_its_status(site):
    models = json.loads(zoo(site, "list", "--json").stdout)
    status = {(model["name"], model["package"]): model["status"] for model in models}
    assert status["toy", "genzoo-toy"] == "ok"
    assert status["contested", "genzoo-a-rival"] == "broken"
    assert status["contested", "genzoo-b-rival"] == "broken"
    (toy,) = (model for model in models if model["name"] == "toy")
    assert "genzoo-toy is installed 2 times" in toy["problem"]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("contested", "registered by genzoo-a-rival 1.0 and genzoo-b-rival 1.0"),
        ("a/b", "a name must consist of lower-case letters"),
        ("nothing", "there is no module 'zoo_nothing'"),
        ("other", "its card is called 'toy'"),
        ("exits", "it ended the program while it was imported"),
        ("needs", "could not be imported: No module named 'soundfile_that_is_absent'"),
    ],
)
def test_using_a_broken_model_fails_with_one_line(site, name, part):
    done = zoo(site, "info", name)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert part in done.stderr
    assert done.stderr.count("\n") == 1


def test_zoo_plugins_keeps_out_what_is_broken(site, monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS", "vae")
    done = zoo(site, "list")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["autoencoder", "vae"]
    assert done.stderr == ""


def test_create_makes_the_model_of_a_plugin_from_checked_values(site):
    program = (
        "import zoo\n"
        "assert zoo.create('toy', size=5).config.size == 5\n"
        "try:\n"
        "    zoo.create('toy', sise=5)\n"
        "except zoo.ZooError as error:\n"
        "    print(error)\n"
    )
    done = python(site, program)
    assert done.stderr == ""
    assert done.stdout == "Config has no field 'sise'. Did you mean 'size'? Fields: size.\n"


def test_the_public_names_are_those_that_are_listed(site):
    program = "import zoo; print(zoo.ModelCard.__name__, zoo.__version__, dir(zoo)); zoo.nothing"
    done = python(site, program)
    assert done.stdout.startswith(f"ModelCard {metadata.version('genzoo')} ['ModelCard',")
    assert done.stderr.endswith("AttributeError: module 'zoo' has no attribute 'nothing'\n")


def test_the_launcher_of_a_checkout_is_the_command():
    done = subprocess.run(
        [sys.executable, ROOT / "cli.py", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"zoo {metadata.version('genzoo')}\n"


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_every_package_that_is_imported_is_declared(project):
    names = requirements(project)
    declared = {IMPORT_NAMES.get(name, name.lower().replace("-", "_")) for name in names}
    own = "zoo" if project == ROOT else f"zoo_{project.name.replace('-', '_')}"
    provided = sys.stdlib_module_names | {own, "zoo"}
    if project != ROOT:
        provided = provided | {"keras", "numpy"}  # these come with the core
    for path in sorted((project / own).rglob("*.py")):
        for package in imported_packages(path) - provided - OPTIONAL:
            assert package in declared, f"{path.name} imports {package}"


def requirements(project: Path) -> set[str]:
    dependencies = read_project(project)["dependencies"]
    return {line.partition(">")[0].partition("=")[0].strip() for line in dependencies}


def read_project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def imported_packages(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {read_project(ROOT)['version']}\n" in citation


@pytest.mark.parametrize("project", PROJECTS[1:], ids=lambda project: project.name)
def test_a_plugin_asks_for_the_core_that_stands_beside_it(project):
    minor = read_project(ROOT)["version"].rpartition(".")[0]
    dependencies = read_project(project)["dependencies"]
    assert any(line.startswith(f"genzoo>={minor},<") for line in dependencies)


@pytest.mark.slow
@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_a_wheel_holds_the_package_its_types_and_its_entry_points(project, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, project],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    package = "zoo" if project == ROOT else f"zoo_{project.name.replace('-', '_')}"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (info,) = {name.partition("/")[0] for name in names if ".dist-info/" in name}
        points = archive.read(f"{info}/entry_points.txt").decode()
        fields = HeaderParser().parsestr(archive.read(f"{info}/METADATA").decode())
    sources = {
        path.relative_to(project).as_posix()
        for path in (project / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if not name.startswith(info)} == sources
    assert f"{package}/py.typed" in names
    assert ("[zoo.datasets]" if project == ROOT else "[zoo.models]") in points
    assert fields["Requires-Python"] == ">=3.11"
    assert fields.get_payload().strip(), "the README is the long description"
