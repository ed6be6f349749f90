"""`zoo plugin install` and `uninstall`: pip in a virtual environment of the test's own."""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

CARD = """
from zoo.card import ModelCard

CARD = ModelCard(
    name="{name}", title="Toy", summary="A toy.", paper="A. Author, On Toys", year=2001,
    url="https://example.org", kind="image", data="digits", model="{module}:Toy",
    config="{module}:Config", presets="{module}:PRESETS",
)
"""


def make_wheel(folder: Path, name: str, version: str = "1.0", *, attribute: str = "CARD") -> Path:
    """Write the wheel of a plugin with one model, called as the plugin is."""
    module = f"zoo_{name}"
    info = f"genzoo_{name}-{version}.dist-info"
    files = {
        f"{module}.py": CARD.format(name=name, module=module),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: genzoo-{name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[zoo.models]\n{name} = {module}:{attribute}\n",
    }
    record = ""
    for path, text in files.items():
        digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(text)}\n"
    wheel = folder / f"genzoo_{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return wheel


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Return the interpreter of an environment that sees all that is installed here, and pip."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    interpreter = folder / "bin" / "python"
    own = subprocess.run(
        [interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # `addsitedir` reads the files that lead to editable installations.
    here = sysconfig.get_path("purelib")
    Path(own, "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return interpreter


def zoo(python: Path, *arguments: object, before: str = "", **environment: str):
    """Run a command of the zoo by an interpreter; `before` is code that goes first."""
    program = f"{before}\nfrom zoo.commands import main\nmain()"
    return subprocess.run(
        [python, "-c", program, *map(str, arguments)],
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_NO_DEPENDENCIES": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def models(python: Path) -> dict[str, str]:
    done = zoo(python, "list", "--json")
    return {entry["name"]: entry["version"] for entry in json.loads(done.stdout)}


def test_a_plugin_is_installed_renewed_and_removed(python, tmp_path):
    before = models(python)
    done = zoo(python, "plugin", "install", make_wheel(tmp_path, "toy"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\nAppeared: toy (genzoo-toy 1.0)\n")
    assert models(python) == {**before, "toy": "1.0"}

    done = zoo(python, "plugin", "install", make_wheel(tmp_path, "toy", "1.1"))
    assert done.stdout.endswith("\nAppeared: toy (genzoo-toy 1.1)\n")

    done = zoo(python, "plugin", "uninstall", "toy")  # nobody is there to answer pip
    assert done.returncode == 1
    assert models(python)["toy"] == "1.1"

    done = zoo(python, "plugin", "uninstall", "genzoo_toy", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\nGone: toy (genzoo-toy 1.1)\n")
    assert models(python) == before


def test_a_plugin_that_cannot_be_used_is_told_of(python, tmp_path):
    done = zoo(python, "plugin", "install", make_wheel(tmp_path, "void", attribute="NOTHING"))
    assert done.returncode == 1
    assert done.stdout.endswith("\nAppeared: void (genzoo-void 1.0)\n")
    assert "error: Plugin 'void' (genzoo-void 1.0) cannot be used" in done.stderr
    done = zoo(python, "plugin", "uninstall", "void", "--yes")  # by the name of its model
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\nGone: void (genzoo-void 1.0)\n")


def test_what_pip_cannot_install_is_a_failure_that_pip_explains(python):
    done = zoo(python, "plugin", "install", "genzoo-that-is-nowhere")
    assert done.returncode == 1
    assert "No matching distribution found for genzoo-that-is-nowhere" in done.stderr
    asked = "`pip install genzoo-that-is-nowhere`"
    assert done.stderr.endswith(f"error: {asked} failed (exit code 1); it says why above.\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["uninstall", "genzoo", "--yes"], "'genzoo' is the zoo itself, and no plugin"),
        (["uninstall", "GenZoo", "--yes"], "is the zoo itself, and no plugin"),
        (["uninstall", "numpy", "--yes"], "'numpy' is neither an installed model nor a plugin"),
        (["uninstall", "genzoo-vea", "--yes"], "Did you mean 'genzoo-vae'?"),
        (["install", "--", "-r"], "options of pip are for pip itself. Received: '-r'"),
    ],
)
def test_what_is_not_the_zoos_to_install_or_remove_is_refused(python, arguments, message):
    done = zoo(python, "plugin", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["install", "x.whl"], ["uninstall", "vae", "--yes"]])
def test_without_pip_it_says_so(arguments):
    before = "import sys; sys.modules['pip'] = None"
    done = zoo(Path(sys.executable), "plugin", *arguments, before=before)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: There is no pip in the environment of ")
    assert done.stderr.count("\n") == 1
