"""What the documentation says is so: its code runs, its commands exist, its links lead on."""

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from click.exceptions import Exit

from zoo.commands import root, run

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
COMMANDS_PAGE = ROOT / "docs" / "commands.md"
ADDING_PAGE = ROOT / "docs" / "adding-a-model.md"
SCALING_PAGE = ROOT / "docs" / "scaling.md"
RUN = "<!-- run -->"  # before a block: its commands are run, and print what it shows

FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)(?P=fence)$",
    re.M | re.S,
)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_NAMED = re.compile(r"`(zoo [a-z][^`]*)`")
_OPTION = re.compile(r"(?<![\w=-])--[a-z][a-z-]*")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page: what stands on the line before it, and what is in it."""

    before: str
    language: str
    text: str


def blocks(page: Path, *languages: str) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()].strip().rpartition("\n")[2]
        if match["language"] in languages:
            found.append(Block(before, match["language"], textwrap.dedent(match["text"])))
    return found


def shell_lines(block: Block) -> Iterator[str]:
    """Yield the commands of a block, without the prompt; in `console` the rest is output."""
    for line in block.text.splitlines():
        if block.language == "sh":
            yield line
        elif line.startswith("$ "):
            yield line.removeprefix("$ ")


def zoo_arguments(line: str) -> list[str] | None:
    """Return the arguments of `zoo` in a line of a shell, if it is one."""
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words.pop(0)
    words = list(itertools.takewhile(lambda word: word not in (">", "|", "&&"), words))
    if words[:1] == ["zoo"]:
        return words[1:]
    return words[2:] if words[:2] == ["python", "cli.py"] else None


def command_tree(
    command: click.Command = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its full name."""
    if not isinstance(command, click.Group):
        yield " ".join(("zoo", *path)), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from command_tree(child, (*path, name))


def options_of(command: click.Command) -> set[str]:
    return {text for option in command.params for text in option.opts if text.startswith("--")}


def parse(arguments: list[str]) -> None:
    """Let click judge names, options and values, and run nothing."""
    command: click.Command = root
    context = root.make_context("zoo", list(arguments))
    while isinstance(command, click.Group):
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


def squeezed(text: str) -> str:
    """Return `text` with one space for many: the widths of columns change with what is in them."""
    return " ".join(text.split())


def ids(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_zoo_command_of_a_page_is_one_that_zoo_takes(page):
    for block in blocks(page, "sh", "console"):
        for line in shell_lines(block):
            arguments = zoo_arguments(line)
            if arguments is None:
                continue
            try:
                parse(arguments)
            except Exit:  # --help and --version
                continue
            except click.ClickException as error:
                pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_zoo_command_that_a_text_names_is_one_that_zoo_takes(page):
    names = {name for name, _ in command_tree()}
    names |= {name.rpartition(" ")[0] for name in names}  # of groups: `zoo latent`
    for named in _NAMED.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        # "N" stands for a number, and capitals else for what is text to click.
        words = ["1" if word == "N" else word for word in shlex.split(named)]
        if " ".join(words) in names:
            continue
        try:
            parse(words[1:])
        except (click.MissingParameter, click.BadOptionUsage):  # the rest is left to the reader
            continue
        except click.ClickException as error:
            pytest.fail(f"{named}: {error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_a_block_that_is_marked_prints_what_it_shows(page, capsys, monkeypatch):
    plugins = [path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml")]
    monkeypatch.setenv("ZOO_PLUGINS", ",".join(plugins))  # no others that happen to be installed
    for block in blocks(page, "console"):
        if block.before != RUN:
            continue
        shown: dict[str, list[str]] = {}
        for line in block.text.splitlines():
            if line.startswith("$ "):
                command = line.removeprefix("$ ")
                shown[command] = []
            elif line:
                shown[command].append(line)
        for command, lines in shown.items():
            code = run(zoo_arguments(command) or [])
            printed = capsys.readouterr()
            output = squeezed(printed.out + printed.err)
            assert code == (1 if any(line.startswith("error:") for line in lines) else 0), output
            for line in lines:
                for part in filter(None, map(squeezed, line.split("..."))):
                    assert part in output, f"`{command}` does not print: {part}\n{output}"


def script(page: Path) -> str:
    """Return the Python of a page; files, which have their path above them, are not part of it."""
    found = [block for block in blocks(page, "python") if not block.before.startswith("**`")]
    return "\n".join(block.text for block in found)


SCRIPTS = [page for page in PAGES if script(page)]


@pytest.mark.parametrize("page", SCRIPTS, ids=ids(SCRIPTS))
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if page == SCALING_PAGE and find_spec("jax") is not None:  # else it has one device
        environment["KERAS_BACKEND"] = "jax"
        environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", script(page)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_links_to_files_and_headings_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for match in _LINK.finditer(text):
        target, _, anchor = match["target"].partition("#")
        if target.startswith(("http://", "https://")):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name} links to '{target}', which is not there"
        assert path.is_relative_to(ROOT)
        if anchor:
            assert anchor in headings(path), f"{page.name} links to '#{anchor}' of {path.name}"


def headings(page: Path) -> set[str]:
    """Return the anchors that a page's headings get."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_no_picture_is_unused_or_large():
    pictures = sorted((ROOT / "docs" / "images").glob("*"))
    assert pictures
    texts = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in pictures:
        assert f"images/{picture.name})" in texts, f"No page shows {picture.name}"
        assert picture.stat().st_size < 150_000, picture.name


def test_the_table_of_models_is_the_registry():
    packages = {
        tomllib.loads(path.read_text())["project"]["name"]: f"plugins/{path.parent.name}"
        for path in (ROOT / "plugins").glob("*/pyproject.toml")
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "list", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = {
        f"| `{model['name']}` | {model['title']} | [{model['paper']} ({model['year']})]"
        f"({model['url']}) | [{model['package']}]({packages[model['package']]}) |"
        for model in json.loads(done.stdout)
        if model["package"] in packages
    }
    assert expected
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Models\n")[2].partition("\n## ")[0]
    rows = {line for line in table.splitlines() if line.startswith("| `")}
    assert rows == expected


def sections() -> dict[str, str]:
    """Return the text below each heading of the page of commands, by heading."""
    parts = re.split(r"^#{2,3} (.+)$", COMMANDS_PAGE.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", [name for name, _ in command_tree()])
def test_the_page_of_commands_explains_every_option_of(name):
    command = dict(command_tree())[name]
    section = sections().get(f"`{name}`")
    assert section is not None, f"docs/commands.md has no section `{name}`"
    missing = options_of(command) - set(_OPTION.findall(section))
    assert not missing, f"docs/commands.md does not mention {missing} of `{name}`"


def test_the_page_of_commands_has_no_section_of_a_command_that_is_not_there():
    titles = {title.strip("`") for title in sections() if title.startswith("`zoo ")}
    groups = {name.rpartition(" ")[0] for name, _ in command_tree()}
    assert titles <= {name for name, _ in command_tree()} | groups


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_no_page_names_an_option_that_zoo_does_not_have(page):
    known = {"--help", "--version"}.union(*(options_of(command) for _, command in command_tree()))
    for line in page.read_text(encoding="utf-8").splitlines():
        if re.search(r"\b(pip|pytest|git|docker)\b|python -m", line):
            continue
        unknown = set(_OPTION.findall(line)) - known
        assert not unknown, f"{page.name}: {line}"


def example_files() -> dict[str, str]:
    """Return the files of the example plugin, by path."""
    found = blocks(ADDING_PAGE, "python", "toml", "markdown")
    return {
        match[1]: block.text
        for block in found
        if (match := re.fullmatch(r"\*\*`(.+)`\*\*", block.before))
    }


@pytest.fixture
def example_plugin(tmp_path):
    """Write the plugin of the page on adding a model; return its folder and its environment."""
    folder = tmp_path / "genzoo-mygan"
    for name, text in example_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    metadata = tmp_path / "site" / "genzoo_mygan-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["zoo.models"]
    lines = [f"{name} = {reference}\n" for name, reference in points.items()]
    (metadata / "entry_points.txt").write_text("[zoo.models]\n" + "".join(lines))
    path = os.pathsep.join(map(str, (folder, tmp_path / "site", ROOT)))
    return folder, {**os.environ, "PYTHONPATH": path}


def test_only_files_of_the_page_on_adding_a_model_are_no_part_of_a_script():
    for page in PAGES:
        files = [block for block in blocks(page, "python") if block.before.startswith("**`")]
        assert page == ADDING_PAGE or not files, page


def test_the_page_on_adding_a_model_has_all_files_of_the_plugin():
    assert set(example_files()) == {
        "pyproject.toml",
        "README.md",
        "zoo_mygan/__init__.py",
        "zoo_mygan/config.py",
        "zoo_mygan/gan.py",
        "tests/test_contract.py",
    }


def test_the_plugin_of_the_page_on_adding_a_model_is_listed(example_plugin):
    folder, environment = example_plugin
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "info", "my-gan", "--json"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    about = json.loads(done.stdout)
    assert (about["package"], about["version"]) == ("genzoo-mygan", "0.1.0")
    assert set(about["presets"]) == {"laptop", "paper"}
    assert all(field["help"] for field in about["config"])


def test_the_plugin_of_the_page_on_adding_a_model_keeps_the_contract(example_plugin):
    folder, environment = example_plugin
    warnings = ["-W", "error", "-W", "ignore:__array__ implementation doesn't accept a copy"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *warnings, "tests"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"1[0-9] passed", done.stdout), done.stdout
