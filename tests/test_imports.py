"""Imports run one way; who may name a backend is decided here (docs/architecture.md)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the ground up: a module may import from its own layer and those before it.
TRAINING = ("training", "planning", "recording", "runs", "checkpoints", "sampling", "watching")
WATCHING = ("doctor", "records")
MODELS = (
    *("generators", "making", "autoregression", "variational", "sequences", "translation"),
    *("recurrence", "recurrent"),
)
LATENT = (
    *("latent", "inversion", "attributes", "completion", "words", "tiling", "translating"),
    *("illustrating", "archives"),
)
LAYERS = (
    ("zoo.errors", "zoo.card", "zoo.config", "zoo.protocols", "zoo.shapes", "zoo.priors"),
    ("zoo.registry", "zoo.backends"),
    (
        *("zoo.engine", "zoo.data", "zoo.losses", "zoo.layers", "zoo.conditions", "zoo.examples"),
        *(f"zoo.{name}" for name in MODELS),
    ),
    ("zoo.metrics", "zoo.media", *(f"zoo.{name}" for name in TRAINING + WATCHING + LATENT)),
    (
        *("zoo.commands", "zoo.testing", "zoo.pytest_plugin"),
        *("zoo.conformance", "zoo.installing", "zoo.scaffold"),
    ),
)
BACKENDS = {"tensorflow", "jax", "torch"}
ALLOWED_IN = {
    "tensorflow": ("zoo.engine.", "zoo.data."),
    "tensorflow_datasets": ("zoo.data.",),
    "keras_cv": ("zoo.data.",),
    "jax": ("zoo.engine.",),
    "torch": ("zoo.engine.",),
}
LIGHT = (
    *("errors", "card", "registry", "config", "backends", "commands"),
    *("conformance", "installing", "scaffold"),
)


def core_modules() -> dict[str, Path]:
    return {module_name(path, ROOT): path for path in sorted((ROOT / "zoo").rglob("*.py"))}


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Yield the modules that a file imports, `from a import b` as `a.b`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if (top_level_only and is_function) or for_types:
            skipped.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module: str) -> int | None:
    for height, names in enumerate(LAYERS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return height
    return None


@pytest.mark.parametrize("module", [name for name in core_modules() if name != "zoo"])
def test_a_module_of_the_core_imports_only_what_stands_below_it(module):
    own = layer(module)
    assert own is not None, f"{module} stands in no layer of this test"
    for imported in imports(core_modules()[module]):
        height = layer(imported)
        if height is not None:
            assert height <= own, f"{module} imports {imported}, which stands above it"


def test_backends_are_named_only_where_they_may_be():
    for module, path in core_modules().items():
        for imported in imports(path):
            package = imported.partition(".")[0]
            if package in ALLOWED_IN:
                places = ALLOWED_IN[package]
                assert module.startswith(places), f"{module} imports {imported}"


def test_each_backend_has_one_file_in_the_engine():
    files = {}
    for module, path in core_modules().items():
        if module.startswith("zoo.engine"):
            for imported in imports(path):
                package = imported.partition(".")[0]
                if package in BACKENDS:
                    files.setdefault(package, set()).add(module)
    assert files == {name: {f"zoo.engine.on_{name}"} for name in BACKENDS}


def test_the_core_never_imports_a_plugin():
    plugins = {path.name for path in (ROOT / "plugins").glob("*/zoo_*")}
    assert plugins
    for module, path in core_modules().items():
        for imported in imports(path):
            assert imported.partition(".")[0] not in plugins, f"{module} imports {imported}"


def test_a_plugin_imports_only_the_zoo_keras_numpy_and_itself():
    for package in sorted((ROOT / "plugins").glob("*/zoo_*")):
        allowed = {"zoo", "keras", "numpy", package.name} | sys.stdlib_module_names
        for path in package.rglob("*.py"):
            for imported in imports(path):
                assert imported.partition(".")[0] in allowed, f"{path} imports {imported}"


@pytest.mark.parametrize("name", LIGHT)
def test_what_zoo_list_reaches_imports_nothing_heavy_when_it_is_imported(name):
    allowed = {"zoo", "click"} | sys.stdlib_module_names
    paths = [ROOT / "zoo" / f"{name}.py", *(ROOT / "zoo" / name).glob("*.py")]
    for path in filter(Path.exists, paths):
        for imported in imports(path, top_level_only=True):
            assert imported.partition(".")[0] in allowed, f"{path} imports {imported}"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["list"], ["list", "--json"], ["info", "vae"], ["plugin", "list"]]
    + [["env"], ["completion", "zsh"]]
    + [
        [command, "--help"]
        for command in (
            *("train", "sample", "complete", "translate", "evaluate", "compare", "latent", "data"),
        )
    ],
    ids=" ".join,
)
def test_a_quick_command_imports_neither_keras_nor_numpy(arguments):
    program = (
        "import sys\n"
        "from zoo.commands import run\n"
        f"code = run({arguments!r})\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'numpy', 'matplotlib', 'PIL'}\n"
        "sys.exit(code or ', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_zoo_imports_neither_keras_nor_numpy():
    program = "import sys, zoo; sys.exit(sum(m in sys.modules for m in ('keras', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
