"""Folders of plugins that tests use as if pip had installed them."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def lay_out(site: Path, *folders: Path) -> dict[str, str]:
    """Write the metadata of plugins into `site`; return an environment that finds them."""
    for folder in folders:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        points = project["entry-points"]["zoo.models"]
        lines = [f"{name} = {reference}\n" for name, reference in points.items()]
        (metadata / "entry_points.txt").write_text("[zoo.models]\n" + "".join(lines))
    path = os.pathsep.join(map(str, (*folders, site, ROOT)))
    return {**os.environ, "PYTHONPATH": path}


def zoo_in(environment: dict[str, str], *arguments: object, cwd: Path | None = None):
    """Run a command of the zoo in an environment; return what became of it."""
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def run_tests(folder: Path, environment: dict[str, str], *arguments: str):
    """Run a plugin's own tests; warnings are errors."""
    warnings = ["-W", "error", "-W", "ignore:__array__ implementation doesn't accept a copy"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *warnings, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
