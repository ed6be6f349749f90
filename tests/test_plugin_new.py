"""`zoo plugin new`: what it writes is a plugin, and what it refuses leaves nothing behind."""

import ast
import json
import re
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from plugin_folders import ROOT, lay_out, run_tests, zoo_in

from zoo.commands import run
from zoo.scaffold import KINDS, new_plugin
from zoo.scaffold.writing import COMMON, TEMPLATES, render

TEMPLATE_NAMES = sorted(path.name for path in TEMPLATES.iterdir() if path.name != COMMON)


def write(folder: Path, template: str) -> Path:
    """Write the plugin of a template, whose model has the template's name with `my-` before it."""
    kind, _, adversarial = template.partition("-")
    new_plugin(f"my-{template}", kind, adversarial=bool(adversarial), out=folder / template)
    return folder / template


def test_there_are_templates_of_every_kind():
    assert {name.partition("-")[0] for name in TEMPLATE_NAMES} == set(KINDS)
    assert {name.partition("-")[2] for name in TEMPLATE_NAMES} == {"", "adversarial"}


def test_a_plugin_has_the_files_that_the_page_on_adding_a_model_asks_for(capsys):
    assert run(["plugin", "new", "my-flow", "--kind", "image"]) == 0
    folder = Path("genzoo-my-flow")
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == {
        "pyproject.toml",
        "README.md",
        "zoo_my_flow/__init__.py",
        "zoo_my_flow/config.py",
        "zoo_my_flow/model.py",
        "zoo_my_flow/py.typed",
        "tests/conftest.py",
        "tests/test_contract.py",
    }
    printed = capsys.readouterr().out
    assert all(str(folder / path) in printed for path in written)
    assert "zoo plugin install --editable ./genzoo-my-flow\n  zoo plugin check my-flow" in printed
    assert [path.name for path in Path().iterdir()] == ["genzoo-my-flow"]
    assert folder.stat().st_mode & 0o777 == Path().stat().st_mode & 0o777


@pytest.mark.parametrize("template", TEMPLATE_NAMES)
def test_what_is_written_reads_well(template, tmp_path):
    folder = write(tmp_path, template)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert list(project["entry-points"]["zoo.models"]) == [f"my-{template}"]
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text))
        assert all(len(line) <= 100 and line == line.rstrip() for line in text.splitlines()), path
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
    readme = (folder / "README.md").read_text()
    assert "| constant | paper | here | why |\n|---|---|---|---|\n| " in readme
    assert "\n\n## Figures" in readme
    assert not re.search(r"{[{%#]|\n\n\n", readme)


def test_what_is_written_is_listed(tmp_path):
    folders = [write(tmp_path, template) for template in TEMPLATE_NAMES]
    done = zoo_in(lay_out(tmp_path / "site", *folders), "list", "my-", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert set(found) == {f"my-{template}" for template in TEMPLATE_NAMES}
    for template in TEMPLATE_NAMES:
        entry = found[f"my-{template}"]
        assert entry["status"] == "ok"
        assert entry["kind"] == template.partition("-")[0]


def keeps_the_contract(folder: Path, environment: dict[str, str]) -> None:
    done = run_tests(folder, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"1[0-9] passed", done.stdout), done.stdout


@pytest.mark.parametrize("template", ["image", "domains-adversarial"])
def test_what_is_written_keeps_the_contract(template, tmp_path):
    folder = write(tmp_path, template)
    keeps_the_contract(folder, lay_out(tmp_path / "site", folder))


@pytest.mark.slow
@pytest.mark.backends
@pytest.mark.parametrize("template", TEMPLATE_NAMES)
def test_all_that_can_be_written_keeps_the_contract(template, tmp_path):
    folder = write(tmp_path, template)
    keeps_the_contract(folder, lay_out(tmp_path / "site", folder))


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATE_NAMES)
def test_the_laptop_preset_trains_on_data_that_come_with_the_zoo(template, tmp_path):
    folder = write(tmp_path, template)
    environment = lay_out(tmp_path / "site", folder)
    out = tmp_path / "run"
    done = zoo_in(environment, "train", f"my-{template}", "--steps", 20, "--out", out)
    assert done.returncode == 0, done.stderr
    assert list((out / "samples").iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Flow", "must consist of lower-case letters"),
        ("flow/../x", "must consist of lower-case letters"),
        ("..", "must consist of lower-case letters"),
        ("flow-", "begin and end with a letter or digit"),
        ("a\x1b[31m", r"Received: 'a\x1b[31m'"),
        ("fl\n", "must consist of lower-case letters"),
        ("n" * 400, "name too long"),
        ("vae", "There is a model 'vae' already, of genzoo-vae"),
        ("wgan.gp", "would hold the package 'zoo_wgan_gp'"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(capsys, name, message):
    code = run(["plugin", "new", name, "--kind", "image"])
    captured = capsys.readouterr()
    assert (code, captured.out) == (1, "")
    assert message.lower() in captured.err.lower()
    assert captured.err.count("\n") == 1
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "tokens", "--adversarial"], "no adversarial template for tokens: a word is"),
        (["--kind", "strokes", "--adversarial"], "take one of image, waveform, domains"),
        (["--kind", "image", "--out", "there"], "'there' is there already"),
        (["--kind", "image", "--out", "file/flow"], "File exists: file"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is(capsys, arguments, message):
    Path("there").mkdir()
    Path("file").write_text("mine")
    code = run(["plugin", "new", "flow", *arguments])
    assert code == 1
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in Path().rglob("*")) == ["file", "there"]
    assert Path("file").read_text() == "mine"


def test_a_disk_that_fails_leaves_nothing_behind():
    """Files of more than 2,000 bytes cannot be written; the model is one, and not the first."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "plugin", "new", "flow", "--kind", "image"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: File too large")
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    "name", ["none", "3d", "player", "keras", "any", "config", "model", "a.b_c-d", "test", "zoo"]
)
@pytest.mark.parametrize("template", TEMPLATE_NAMES)
def test_no_name_hides_what_a_file_needs(name, template):
    files = render(name, template)
    package = f"zoo_{re.sub('[._-]', '_', name)}"
    tree = ast.parse(files[f"{package}/model.py"])
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    imported = [
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert len({*classes, *imported}) == len(classes) + len(imported)
    assert tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]["zoo.models"] == {
        name: f"{package}:CARD"
    }
    for path, text in files.items():
        if path.endswith(".py"):
            compile(text, path, "exec")
