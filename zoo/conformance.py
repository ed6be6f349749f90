"""`zoo plugin check`: the conformance kit on an installed model, with a readable verdict.

The tests run in a process of their own, on the backend that is asked for, so that a model that
crashes is a failed check and no more. What they find comes back as lines of JSON, one a check, the
moment that it is found: `check_model` starts the process, `main` is what happens in it.

A model is made small for it: see `settings_of` and `own_settings`. The contract trains a few steps.
"""

import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from zoo.card import resolve
from zoo.config import format_value, parse_overrides
from zoo.errors import PluginError, ZooError
from zoo.registry import Entry, printable

Outcome = Literal["passed", "failed", "skipped"]

PAGE = "docs/adding-a-model.md"
LONGEST_REASON = 400  # characters
# What to do about a check that fails, where its message does not say it.
MEND = {
    "test_the_entry_point_is_a_card_of_that_name": "Correct the card, in the package's "
    "`__init__.py`: each reference is 'module:attribute', and `url` begins with https://.",
    "test_the_presets_make_valid_configurations": "PRESETS must hold `laptop` and `paper`.",
    "test_every_field_is_described": "Each field needs a line in the docstring's Args.",
    "test_every_trainable_weight_moves": "Use each layer in the loss of the player that lists it, "
    "and name what is never trained `trainable=False`.",
    "test_the_terms_are_finite_and_end_in_their_unit": "Return what `Player.terms` names, averaged "
    "over the batch, in `keras.ops` that are finite where a layer says 0.",
    "test_samples_have_the_form_of_the_data": "`sample` must return NumPy in the public form of "
    "the data (`zoo.data.dataset`): shape, dtype and range.",
    "test_the_seed_decides_the_samples": "Draw from the `seed` that `sample` is given and from "
    "nothing else; no dropout, no statistics of the batch.",
    "test_a_saved_model_gives_the_same_samples": "Register the class with "
    "`keras.saving.register_keras_serializable`, and build every layer in `__init__`.",
    "test_resuming_equals_not_stopping": "Keep what changes in training in weights "
    "(`add_weight(trainable=False)`), and draw noise from `self.noise_seed(training)`.",
    "test_what_it_claims_of_likelihood_holds": "`log_likelihood` returns nats (B,); where it is a "
    "bound, it takes `importance_samples` and rises with it.",
    "test_kept_state_predicts_what_the_network_does": "`Decoder.step` must compute what `logits` "
    "computes: compare them element by element.",
    "test_no_element_sees_itself_or_what_comes_after": "A layer looks ahead: pad on one side, or "
    "mask.",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a model is made small for its check.

    Args:
        origin: Where they come from, in words.
        config: Fields of its configuration, as JSON keeps them.
        data: Data set; None takes the preset's.
        batch_size: Examples per batch.
        form: Form of the data.
        skips: Reason by name of a check that does not hold for this model.
    """

    origin: str
    config: Mapping[str, Any] = field(default_factory=dict)
    data: str | None = None
    batch_size: int = 16
    form: Mapping[str, Any] = field(default_factory=dict)
    skips: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one test of the contract found.

    Args:
        name: Name of the test.
        sentence: What it asks for: the first line of its docstring.
        outcome: Whether it holds.
        why: The reason where it was skipped or failed; else empty.
        mend: What to do about it where it failed; else empty.
        seconds: How long it took, without what several tests share.
    """

    name: str
    sentence: str
    outcome: Outcome
    why: str = ""
    mend: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a model keeps the contract.

    Args:
        model: Name of the model.
        package: The distribution that brings it.
        version: The version of that.
        backend: Keras's backend; empty where the check did not get so far.
        settings: How the model was made small; None where the check did not get so far.
        checks: What each test found.
        passed: Whether some test was run, and none failed.
    """

    model: str
    package: str
    version: str
    backend: str
    settings: Settings | None
    checks: Sequence[Check]
    passed: bool


Show = Callable[[str | Settings | Check], None]


def settings_of(
    entry: Entry[Any], overrides: Sequence[str], *, data: str | None, batch_size: int | None
) -> Settings | None:
    """Return what is asked for, or None where nothing is.

    Args:
        entry: The model.
        overrides: Fields of its configuration as "name=value".
        data: Data set; None takes the preset's.
        batch_size: Examples per batch; None takes 16.

    Raises:
        ConfigError: If a field is unknown or its value does not fit.
    """
    if entry.card is None or not (overrides or data or batch_size):
        return None
    return Settings(
        origin="the preset 'laptop', and what was asked for",
        config=parse_overrides(resolve(entry.card.config), overrides),
        data=_from_here(data),
        batch_size=batch_size or Settings.batch_size,
    )


def check_model(
    entry: Entry[Any], settings: Settings | None, backend: str | None, show: Show | None = None
) -> Verdict:
    """Run the contract on an installed model.

    Args:
        entry: The model.
        settings: How it is made small; None takes those of the plugin's own tests, or `laptop`.
        backend: Keras's backend; None takes the user's.
        show: Called with the backend and the settings, and with each finding as it is made.

    Raises:
        ZooError: If pytest is not installed, or the data or the backend cannot be had.
    """
    if importlib.util.find_spec("pytest") is None:
        raise ZooError(
            "The conformance kit is a set of pytest's tests, and pytest is not installed here. "
            "Run `pip install 'genzoo[test]'`."
        )
    facts: dict[str, Any] = {"backend": "", "settings": None}
    checks: list[Check] = []
    for finding in _findings(entry, settings, backend):
        if isinstance(finding, Check):
            checks.append(finding)
        else:
            facts["settings" if isinstance(finding, Settings) else "backend"] = finding
        if show is not None:
            show(finding)
    outcomes = {check.outcome for check in checks}
    return Verdict(
        model=entry.name,
        package=entry.package,
        version=entry.version,
        **facts,
        checks=checks,
        passed="passed" in outcomes and "failed" not in outcomes,
    )


def _findings(
    entry: Entry[Any], settings: Settings | None, backend: str | None
) -> Iterator[str | Settings | Check]:
    """Yield the backend, the settings and each finding of a check, in a process of its own."""
    if entry.card is None:
        sentence = "The entry point leads to a card."
        why = str(entry.problem)
        yield Check(name="entry_point", sentence=sentence, outcome="failed", why=why)
        return
    with tempfile.TemporaryDirectory(prefix="zoo-check-") as work:
        asked = {"model": entry.name, "settings": settings and asdict(settings), "work": work}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        if backend:
            environment["KERAS_BACKEND"] = backend
        noise = Path(work, "noise.txt")
        with (
            noise.open("wb") as written,
            subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, json.dumps(asked)],
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=written,
                text=True,
                encoding="utf-8",
            ) as process,
        ):
            try:
                yield from map(_finding, process.stdout or ())
            except BaseException:  # an interrupt too: nothing is left running
                process.kill()
                raise
        if process.returncode:
            lines = noise.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            last = f": {printable(lines[-1])}" if lines else "."
            yield Check(
                name="process",
                sentence="The check runs to its end.",
                outcome="failed",
                why=f"It ended with the exit code {process.returncode}{last}",
                mend="The interpreter crashed, or the plugin ended it: run its own tests.",
            )


def own_settings(entry: Entry[Any]) -> Settings:
    """Return how the plugin's own contract test makes a model small, or else the preset `laptop`.

    Where it is installed from a checkout; the tests are imported, in the process of the check.
    """
    from zoo.testing import PluginContract

    laptop = Settings(origin="the preset 'laptop' as it is; --set makes it smaller")
    folder = _checkout(entry.package)
    for path in sorted((folder / "tests").glob("test_*.py")) if folder else ():
        if "PluginContract" not in path.read_text(encoding="utf-8", errors="replace"):
            continue
        try:
            module = _imported(path)
        except Exception as error:  # whatever a stranger's test needs and has not got here
            reason = printable(" ".join(f"{type(error).__name__}: {error}".split()))
            return replace(laptop, origin=f"{laptop.origin} ({path}: {reason})")
        for contract in vars(module).values():
            if (
                isinstance(contract, type)
                and issubclass(contract, PluginContract)
                and getattr(contract, "model_name", None) == entry.name
            ):
                return Settings(
                    origin=f"the settings of {contract.__name__} in {path}",
                    config=dict(contract.config),
                    data=contract.data,
                    batch_size=contract.batch_size,
                    form=dict(contract.form),
                    skips=dict(contract.skips),
                )
    return laptop


def main(asked: Mapping[str, Any]) -> int:
    """Run the contract on one model, and print a line of JSON for each finding."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else prints does not end up among the lines

    def tell(kind: str, value: Any) -> None:
        channel.write(json.dumps([kind, value]) + "\n")
        channel.flush()

    import pytest

    from zoo import backends, planning, registry

    try:
        tell("backend", backends.use_backend(None))
        if asked["settings"] is None:
            settings = own_settings(registry.find(asked["model"]))
        else:
            settings = Settings(**asked["settings"])
            # What the user has asked for in vain is no fault of the model.
            overrides = [f"{name}={format_value(value)}" for name, value in settings.config.items()]
            planning.plan(asked["model"], planning.Asked(overrides=overrides, data=settings.data))
    except ZooError as error:
        tell("refused", str(error))
        return 0
    tell("settings", asdict(settings))
    work = Path(asked["work"])
    path = work / "test_contract.py"
    path.write_text(_module(asked["model"], settings), encoding="utf-8")
    (work / "pytest.ini").write_text("[pytest]\n")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:warnings", "--tb=short"]
    places = ["-c", str(work / "pytest.ini"), "--rootdir", str(work), "--basetemp", str(work / "t")]
    code = pytest.main([*options, *places, str(path)], plugins=[_Reporter(tell)])
    return 0 if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else 1


class _Reporter:
    """A plugin of pytest that tells what each test found."""

    def __init__(self, tell: Any):
        self.tell = tell
        self.sentences: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        from zoo.testing import PluginContract

        # What every model does comes first, and then what this one claims to do besides.
        items.sort(key=lambda item: item.originalname not in vars(PluginContract))
        for item in items:
            document = (item.function.__doc__ or item.originalname.replace("_", " ")).strip()
            self.sentences[item.nodeid] = document.partition("\n")[0]

    def pytest_runtest_logreport(self, report: Any) -> None:
        # A test has three reports; a fixture that fails does so in the first, `setup`.
        if report.when != "call" and report.outcome == "passed":
            return
        name = report.nodeid.rpartition("::")[2]
        failed = report.outcome == "failed"
        why = "" if report.outcome == "passed" else _reason(report)
        check = Check(
            name=name,
            sentence=self.sentences[report.nodeid],
            outcome=report.outcome,
            why=why,
            mend=MEND.get(name, f"See {PAGE}.") if failed else "",
            seconds=round(report.duration, 3),
        )
        self.tell("check", asdict(check))


def _reason(report: Any) -> str:
    """Return why a test failed or was skipped, on one printable line."""
    found = report.longrepr
    if isinstance(found, tuple):  # skipped: file, line, reason
        text = str(found[2]).removeprefix("Skipped: ")
    else:
        crash = getattr(found, "reprcrash", None)
        text = str(crash.message if crash else found).removeprefix("AssertionError: ")
    text = printable(" ".join(text.split()))
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."


def _finding(line: str) -> str | Settings | Check:
    kind, value = json.loads(line)
    if kind == "refused":
        raise ZooError(value)
    if kind == "backend":
        return str(value)
    return (Settings if kind == "settings" else Check)(**value)


def _module(model: str, settings: Settings) -> str:
    """Return the test module of a model."""
    values = asdict(settings) | {"model_name": model}
    del values["origin"]
    head = ["from zoo.testing import PluginContract", "", "", "class TestModel(PluginContract):"]
    return "\n".join([*head, *(f"    {name} = {value!r}" for name, value in values.items()), ""])


def _checkout(package: str) -> Path | None:
    """Return the folder that a distribution was installed from, editable; None if it was not."""
    with contextlib.suppress(metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        origin = json.loads(metadata.distribution(package).read_text("direct_url.json") or "{}")
        if origin["dir_info"].get("editable") and origin["url"].startswith("file:"):
            return Path(unquote(urlsplit(origin["url"]).path))
    return None


def _from_here(data: str | None) -> str | None:
    """Return a data set that is a path as seen from anywhere; the check has a folder of its own."""
    return os.path.abspath(data) if data is not None and os.path.exists(data) else data


def _imported(path: Path) -> Any:
    """Return a module of tests, which may import those beside it."""
    name = re.sub(r"\W", "_", f"zoo_checked_{path.stem}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"'{path}' cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
