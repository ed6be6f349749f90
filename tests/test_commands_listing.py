import json
import os
import subprocess
import sys
from importlib import metadata

import click
import pytest

from zoo.card import KINDS
from zoo.commands import COMMANDS, root, run
from zoo.errors import Interrupted, RunError


def zoo(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code, stdout and stderr."""
    code = run(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def failing(monkeypatch):
    """Add a command `fail` that raises what it is given."""

    def add(error: BaseException) -> None:
        @click.command()
        def fail() -> None:
            raise error

        monkeypatch.setattr(sys.modules[__name__], "fail", fail, raising=False)
        monkeypatch.setitem(COMMANDS, "fail", (f"{__name__}:fail", "Fail."))

    return add


def test_list_shows_every_model_with_kind_year_version_and_summary(capsys):
    code, out, err = zoo(capsys, "list")
    assert (code, err) == (0, "")
    (line,) = (line for line in out.splitlines() if line.startswith("vae "))
    for part in ("image", "(2014)", metadata.version("genzoo-vae"), "latent code"):
        assert part in line


def test_list_as_json_has_the_documented_keys(capsys):
    code, out, _ = zoo(capsys, "list", "--json")
    models = {model["name"]: model for model in json.loads(out)}
    assert code == 0
    registered = {point.name for point in metadata.entry_points(group="zoo.models")}
    assert set(models) == registered
    for model in models.values():
        assert set(model) >= {"name", "title", "kind", "paper", "package", "version", "status"}
        assert model["status"] == "ok"
        assert model["kind"] in KINDS
        assert "problem" not in model


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("VAE", {"vae", "autoencoder"}),  # the package of both is genzoo-vae
        ("auto*", {"autoencoder"}),
        ("variational", {"vae"}),
        ("*encoder", {"autoencoder", "vae"}),
        ("[", set()),
    ],
)
def test_list_takes_a_part_of_a_name_or_a_wildcard(capsys, pattern, expected):
    code, out, _ = zoo(capsys, "list", pattern, "--json")
    assert code == 0
    assert {model["name"] for model in json.loads(out)} & {"vae", "autoencoder"} == expected


def test_a_pattern_that_nothing_matches_says_so(capsys):
    assert zoo(capsys, "list", "nothing-like-it") == (
        0,
        "",
        "No model matches 'nothing-like-it'.\n",
    )


def test_list_tells_a_problem_on_stderr_and_succeeds(capsys, monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS", "vae,absent")
    code, out, err = zoo(capsys, "list")
    assert code == 0
    assert "vae" in out
    assert "absent" not in out
    assert err.startswith("warning: ZOO_PLUGINS names 'absent', which is not an installed plugin.")


def test_a_broken_plugin_is_in_the_json_with_its_problem(capsys, monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS", "vae,absent")
    models = {model["name"]: model for model in json.loads(zoo(capsys, "list", "--json")[1])}
    assert models["absent"]["status"] == "broken"
    assert "not an installed plugin" in models["absent"]["problem"]
    assert models["vae"]["status"] == "ok"


def test_info_shows_the_card_the_fields_the_presets_and_what_to_try(capsys):
    code, out, err = zoo(capsys, "info", "vae")
    assert (code, err) == (0, "")
    for part in (
        "Kingma & Welling, Auto-Encoding Variational Bayes (2014)",
        "https://arxiv.org/abs/1312.6114",
        f"genzoo-vae {metadata.version('genzoo-vae')}",
        "dense | convolutional",
        "Dimensions of the latent variable z.",
        "laptop: ",
        "--data digits",
        "zoo train vae\n",
    ):
        assert part in out


def test_info_as_json_holds_the_fields_and_the_presets(capsys):
    code, out, _ = zoo(capsys, "info", "vae", "--json")
    described = json.loads(out)
    fields = {item["name"]: item for item in described["config"]}
    assert code == 0
    assert described["name"] == "vae"
    assert fields["latent_size"]["type"] == "int"
    assert fields["image_shape"]["default"] == [28, 28, 1]
    assert described["presets"]["laptop"]["data"] == "digits"
    assert described["presets"]["laptop"]["batch_size"] >= 1


def test_info_on_a_mistyped_name_names_the_closest_in_one_line(capsys):
    code, out, err = zoo(capsys, "info", "vea")
    assert (code, out) == (1, "")
    assert err.startswith("error: Unknown model 'vea'. Did you mean 'vae'? Installed: ")
    assert err.count("\n") == 1


def test_plugin_list_shows_what_each_package_brings(capsys):
    code, out, _ = zoo(capsys, "plugin", "list")
    assert code == 0
    (line,) = (line for line in out.splitlines() if line.startswith("genzoo-vae "))
    assert line.split()[1:3] == [metadata.version("genzoo-vae"), "ok"]
    assert line.endswith("autoencoder, vae")


def test_plugin_list_as_json(capsys, monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS", "vae,absent")
    plugins = {
        item["package"]: item for item in json.loads(zoo(capsys, "plugin", "list", "--json")[1])
    }
    assert plugins["genzoo-vae"]["models"] == ["autoencoder", "vae"]
    assert plugins["genzoo-vae"]["problems"] == []
    assert plugins["absent"]["status"] == "broken"
    assert len(plugins["absent"]["problems"]) == 1


def test_env_shows_versions_folders_and_variables(capsys, monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS", "vae")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    code, out, _ = zoo(capsys, "env", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["zoo"] == metadata.version("genzoo")
    assert facts["keras"] == metadata.version("keras")
    assert facts["backends"]["tensorflow"] == metadata.version("tensorflow")
    assert facts["backend"] == "jax (from KERAS_BACKEND)"
    assert facts["variables"]["ZOO_PLUGINS"] == "vae"
    assert facts["data_dir"] == f"{os.environ['ZOO_DATA_DIR']} (from ZOO_DATA_DIR)"
    assert facts["cores"] >= 1
    assert facts["memory_gib"] > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"backend": "torch"}', "torch (from "),
        ("[1]", "tensorflow (Keras's default)"),
        ("{broken", "tensorflow (Keras's default)"),
        ("{}", "tensorflow (Keras's default)"),
    ],
)
def test_env_reads_the_backend_that_keras_was_set_to(capsys, monkeypatch, tmp_path, text, expected):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text(text)
    assert json.loads(zoo(capsys, "env", "--json")[1])["backend"].startswith(expected)


def test_env_is_readable_without_json(capsys):
    code, out, _ = zoo(capsys, "env")
    assert code == 0
    assert f"keras       {metadata.version('keras')}\n" in out


def test_help_lists_the_table_of_commands(capsys):
    code, out, _ = zoo(capsys, "--help")
    assert code == 0
    for name, (_, text) in COMMANDS.items():
        assert f"  {name}" in out
        assert text in out


def test_the_version_is_that_of_the_distribution(capsys):
    assert zoo(capsys, "--version") == (0, f"zoo {metadata.version('genzoo')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lits"], "No such command 'lits'. Did you mean 'list'? Commands: list, info"),
        (["x\x1b[31m"], r"No such command 'x\x1b[31m'."),
        (["list", "--jsn"], "Did you mean '--json'?"),
        (["--vers"], "--version"),
        (["info"], "Missing argument 'MODEL'"),
        (["completion", "tcsh"], "is not one of"),
    ],
)
def test_a_usage_error_exits_with_two_and_names_the_closest(capsys, arguments, message):
    code, out, err = zoo(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Usage: zoo" in err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RunError("There is no run 'a\x1b[31m'."), "error: There is no run 'a\\x1b[31m'.\n"),
        (FileNotFoundError(2, "No such file", "x.png"), "error: No such file: x.png\n"),
        (
            KeyError("size"),
            "error: KeyError: 'size'. This is a bug in zoo or a plugin; ZOO_DEBUG=1 shows",
        ),
        (EOFError("cut"), "error: EOFError: cut. This is a bug in zoo or a plugin; "),
    ],
)
def test_a_failure_is_told_in_one_line_and_exits_with_one(
    capsys, monkeypatch, failing, error, line
):
    monkeypatch.delenv("ZOO_DEBUG", raising=False)
    failing(error)
    code, out, err = zoo(capsys, "fail")
    assert (code, out) == (1, "")
    assert err.lstrip("\n").startswith(line)


def test_zoo_debug_shows_the_traceback(capsys, monkeypatch, failing):
    monkeypatch.setenv("ZOO_DEBUG", "1")
    failing(RunError("There is no such run."))
    code, _, err = zoo(capsys, "fail")
    assert code == 1
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("RunError: There is no such run.\n")


def test_an_interrupt_exits_with_130_and_no_traceback(capsys, failing):
    failing(KeyboardInterrupt())
    code, out, err = zoo(capsys, "fail")
    assert (code, out, err.strip()) == (130, "", "")


def test_an_interrupted_training_says_how_to_go_on(capsys, failing):
    failing(Interrupted("Stopped after 3 steps. Go on with `zoo train --resume runs/a`."))
    code, out, err = zoo(capsys, "fail")
    assert (code, out) == (130, "")
    assert err.strip() == "Stopped after 3 steps. Go on with `zoo train --resume runs/a`."


def test_a_reader_that_leaves_early_causes_no_noise():
    program = "import sys; from zoo.commands import run; sys.exit(run(['info', 'vae']))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert done.stderr == b""


def complete(words: str, position: int) -> list[str]:
    """Return what bash is offered for the word at `position`."""
    done = subprocess.run(
        [sys.executable, "-c", "from zoo.commands import main; main()"],
        env=os.environ
        | {"_ZOO_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_completion_offers_commands():
    assert complete("zoo l", 1) == ["list", "latent"]


def test_completion_offers_models_and_options():
    assert complete("zoo info va", 2) == ["vae"]
    assert complete("zoo info vae --j", 3) == ["--json"]


@pytest.mark.parametrize(
    ("shell", "part"),
    [("bash", "complete -o nosort"), ("zsh", "#compdef zoo"), ("fish", "complete --no-files")],
)
def test_the_completion_script_is_for_the_shell_that_was_named(capsys, shell, part):
    code, out, _ = zoo(capsys, "completion", shell)
    assert code == 0
    assert part in out
    assert "_ZOO_COMPLETE" in out


def test_every_command_of_the_table_exists_under_its_name():
    context = click.Context(root)
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        assert command.name == name
