"""Runs of a stranger, and their checkpoints and archives, that are damaged or mean harm."""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from foreign import MOST_BYTES, Exploit, Foreign, Place, assert_refused, read_corpus
from small_runs import small_request

from zoo.checkpoints import POSITION_FILE, STATE_FILE, save_checkpoint
from zoo.engine.state import read_state
from zoo.planning import build_model
from zoo.runs import Run

Damage = Callable[[Path, Place], object]
STEP = "checkpoints/step-00000003"
GIB = 1024**3


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A small run with a checkpoint, as a training leaves it."""
    return make_run(tmp_path_factory.mktemp("base") / "run", "vae")


def make_run(path: Path, model_name: str, **asked) -> Path:
    run = Run.create(small_request(model_name, **asked), path)
    model = build_model(run.request)
    model.compile()
    save_checkpoint(run.checkpoints_path, 3, read_state(model), {"step": 3, "steps_per_epoch": 4})
    run.log({"step": 3, "epoch": 1, "bound_nats": 1.0, "seconds": 1.0})
    return path


def entry(damage: Damage, reason: str, command: str = "sample") -> Foreign:
    """Return an entry: a run that something has happened to, and a command that opens it."""

    def write(place: Place):
        run = place.folder / "run"
        shutil.copytree(BASE[0], run)
        damage(run, place)
        arguments = {
            "sample": ["sample", run],
            "resume": ["train", "--resume", run, "--epochs", "9"],
            "compare": ["compare", run, BASE[0], "--out", place.folder / "page.html"],
        }
        return arguments[command]

    return Foreign(write, reason)


BASE: list[Path] = []  # of the fixture, which entries need when they are written


# Checkpoints.


def vouch(run: Path, content: bytes) -> None:
    """Put a state in place, and let `position.json` vouch for it."""
    (run / STEP / STATE_FILE).write_bytes(content)
    document = json.loads((run / STEP / POSITION_FILE).read_bytes())
    document |= {"state_bytes": len(content), "state_sha256": hashlib.sha256(content).hexdigest()}
    (run / STEP / POSITION_FILE).write_text(json.dumps(document))


def parts(run: Path) -> tuple[dict, bytes]:
    """Return the header of a state and the bytes of its arrays."""
    content = (run / STEP / STATE_FILE).read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def state(header: object, data: bytes, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def forged(change: Callable[[dict, bytes], bytes]) -> Damage:
    """Return a damage: the state is what `change` makes of its header and data, vouched for."""
    return lambda run, _: vouch(run, change(*parts(run)))


def with_first(**fields: object) -> Damage:
    """Return a damage: the header says something else of the first array."""

    def change(header: dict, data: bytes) -> bytes:
        name = next(name for name in header if name != "__metadata__")
        return state(header | {name: header[name] | fields}, data)

    return forged(change)


def overlapping(header: dict, data: bytes) -> bytes:
    one, other = [name for name in header if name != "__metadata__"][:2]
    return state(header | {other: header[one]}, data)


def truncated(where: str) -> Damage:
    def damage(run: Path, place: Place) -> None:
        path = run / STEP / STATE_FILE
        content = path.read_bytes()
        header_end = 8 + struct.unpack("<Q", content[:8])[0]
        ends = {"length": 4, "header": 8, "in header": 40, "data": header_end, "end": -1}
        path.write_bytes(content[: ends[where]])

    return damage


def cut_and_vouched(where: int) -> Damage:
    return lambda run, _: vouch(run, (run / STEP / STATE_FILE).read_bytes()[:where])


def in_place_of(name: str, make: Callable[[Path, Place], object]) -> Damage:
    def damage(run: Path, place: Place) -> None:
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        make(path, place)

    return damage


def link(path: Path, place: Place) -> None:
    path.symlink_to(place.secret)


def link_to_folder(path: Path, place: Place) -> None:
    path.symlink_to(place.secret.parent / "canaries")


def pipe(path: Path, place: Place) -> None:
    os.mkfifo(path)


def folder(path: Path, place: Place) -> None:
    path.mkdir()


def code(path: Path, place: Place) -> None:
    import pickle

    path.write_bytes(pickle.dumps(Exploit(place.canary)))


def of_another_model(run: Path, place: Place) -> None:
    shutil.rmtree(run / STEP)
    shutil.copytree(BASE[1] / STEP, run / STEP)


def swapped_files(run: Path, place: Place) -> None:
    shutil.copy(BASE[1] / STEP / STATE_FILE, run / STEP / STATE_FILE)


NOT_STATE = "is not a safetensors file"
LINKS = "is a link, a pipe or a device"
CHECKPOINTS = {
    **{
        f"a state cut at the {where}": entry(truncated(where), r"has \d+ bytes; \d+ were saved")
        for where in ("length", "header", "in header", "data", "end")
    },
    **{
        f"a state of {size} bytes, vouched for": entry(cut_and_vouched(size), NOT_STATE)
        for size in (0, 7, 8, 9, 200)
    },
    "a header of 2**63 bytes": entry(forged(lambda h, d: state(h, d, 2**63 - 1)), NOT_STATE),
    "a header of 90 MB of spaces": entry(
        forged(lambda h, d: state(b" " * 90_000_000, d)), NOT_STATE
    ),
    "a header that nests": entry(forged(lambda h, d: state(b'{"a":' * 50_000, d)), NOT_STATE),
    "a header in no UTF-8": entry(forged(lambda h, d: state(b'{"\xff": 1}', d)), NOT_STATE),
    "an array of an exabyte": entry(with_first(shape=[2**30, 2**30]), NOT_STATE),
    "an array whose size overflows": entry(with_first(shape=[2**62, 2**62, 4]), NOT_STATE),
    "an array of negative size": entry(with_first(shape=[-1]), NOT_STATE),
    "an array of size NaN": entry(with_first(shape=[float("nan")]), NOT_STATE),
    "an array of an unknown type": entry(with_first(dtype="F128"), NOT_STATE),
    "an array of half its type": entry(with_first(dtype="F16"), NOT_STATE),
    "an array outside the file": entry(with_first(data_offsets=[0, 2**40]), NOT_STATE),
    "an array that ends before it begins": entry(with_first(data_offsets=[64, 0]), NOT_STATE),
    "arrays that overlap": entry(forged(overlapping), NOT_STATE),
    "arrays with names of paths": entry(
        forged(lambda h, d: state({f"../../../{name}": array for name, array in h.items()}, d)),
        "The checkpoint holds 0 variables",
    ),
    "a pickle called a state": entry(in_place_of(f"{STEP}/{STATE_FILE}", code), "were saved"),
    "a pickle, vouched for": entry(
        lambda run, place: (
            code(run / STEP / STATE_FILE, place),
            vouch(run, (run / STEP / STATE_FILE).read_bytes()),
        ),
        NOT_STATE,
    ),
    "a checkpoint of another model": entry(of_another_model, "The checkpoint (holds|has)"),
    "a state of another run": entry(swapped_files, r"has \d+ bytes|SHA-256 differs"),
    "a folder called a state": entry(in_place_of(f"{STEP}/{STATE_FILE}", folder), "no plain|not a"),
    "a checkpoint that is a link": entry(in_place_of(STEP, link_to_folder), LINKS),
    "no checkpoint": entry(lambda run, _: shutil.rmtree(run / "checkpoints"), "no checkpoint yet"),
    "no state": entry(lambda run, _: (run / STEP / STATE_FILE).unlink(), "No such file"),
}


# What else a run holds.


def document(**changes: object) -> Damage:
    def damage(run: Path, place: Place) -> None:
        path = run / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return damage


def content(name: str, text: bytes) -> Damage:
    return lambda run, _: (run / name).write_bytes(text)


def sparse(name: str) -> Damage:
    def damage(run: Path, place: Place) -> None:
        with (run / name).open("wb") as file:
            file.truncate(100 * GIB)

    return damage


def config(**changes: object) -> Damage:
    def damage(run: Path, place: Place) -> None:
        found = json.loads((run / "run.json").read_text())
        found["config"] |= changes
        (run / "run.json").write_text(json.dumps(found))

    return damage


WRITTEN = (".lock", "metrics.jsonl", "findings.jsonl", "evaluation.json", "model.keras")
WRITTEN += ("model.unfinished.keras", "samples.png", "report.html", "README.md", "samples/a.png")
RUNS = {
    **{f"{name} is a link": entry(in_place_of(name, link), LINKS, "resume") for name in WRITTEN},
    **{f"{name} is a pipe": entry(in_place_of(name, pipe), LINKS) for name in WRITTEN[:5]},
    **{
        f"{name} is a link to a folder": entry(in_place_of(name, link_to_folder), LINKS, "resume")
        for name in ("samples", "checkpoints")
    },
    "run.json is a link": entry(in_place_of("run.json", link), LINKS),
    "run.json is a pipe": entry(in_place_of("run.json", pipe), LINKS),
    "run.json is a folder": entry(in_place_of("run.json", folder), "not a plain file"),
    "run.json is 100 GiB of nothing": entry(sparse("run.json"), "run.json' is too large"),
    "run.json nests": entry(content("run.json", b"[" * 500_000), "nested too deeply"),
    "run.json has a key twice": entry(content("run.json", b'{"a": 1, "a": 2}'), "key 'a' twice"),
    "run.json is no UTF-8": entry(content("run.json", b'{"a": "\xff"}'), "is not JSON"),
    "run.json is UTF-16": entry(content("run.json", '{"a": 1}'.encode("utf-16")), "is not JSON"),
    "run.json is infinite": entry(
        content("run.json", b'{"a": 1e999}'), "1e999, which is no number"
    ),
    "run.json is NaN": entry(content("run.json", b'{"a": NaN}'), "NaN, which is no number"),
    "a seed of 5,000 digits": entry(
        content("run.json", b'{"seed": ' + b"9" * 5000 + b"}"), "an integer beyond 64 bits"
    ),
    "a batch of nothing": entry(document(batch_size=0), "batch_size must be 1 or more"),
    "a negative seed": entry(document(seed=-1), "seed must be 0 or more"),
    "no length": entry(document(epochs=None, steps=None), "either epochs or steps"),
    "a backend that is a module": entry(document(backend="antigravity"), "backend must be one of"),
    "a model that is a path": entry(document(model="../../evil"), "Unknown model"),
    "a model that is code": entry(document(model="os:system"), "Unknown model 'os:system'"),
    "a precision that there is not": entry(document(precision="int1"), "precision must be one of"),
    "data of a home of nobody": entry(
        document(data="~nobody-there/x"), "no file or folder", "resume"
    ),
    "data of a name of 10,000 letters": entry(
        document(data="a" * 10_000), "Unknown data set", "resume"
    ),
    "data with a NUL": entry(document(data="a\0b"), "Unknown data set", "resume"),
    "a form that is a split": entry(document(form={"split": "train"}), "no form 'split' of data"),
    "a form that is a folder": entry(document(form={"data_dir": "x"}), "no form 'data_dir'"),
    "a form of another type": entry(
        document(form={"image_size": "8"}), "image_size must be N", "resume"
    ),
    "a configuration of another type": entry(config(latent_size="2"), "latent_size must be int"),
    "a configuration that nests": entry(config(hidden_sizes=[[[4]]]), "hidden_sizes must be"),
    "a configuration of infinite size": entry(
        config(latent_size=10**18 * 5), "describes cannot be made"
    ),
    "records that are no JSON": entry(
        content("metrics.jsonl", b'{"step": 1e999}\n{}\n'), "Line 1 of '.*metrics.jsonl'", "compare"
    ),
    "records that nest": entry(
        content("metrics.jsonl", b"[" * 100_000 + b"\n{}\n"), "nested too deeply", "compare"
    ),
    "figures that are text": entry(
        content(
            "evaluation.json",
            b'{"metrics": {"a": {"value": "x", "standard_error": 1, "count": 1}}}',
        ),
        "evaluation.json' is not what `zoo evaluate` writes",
        "compare",
    ),
    "figures that nest": entry(
        content("evaluation.json", b'{"metrics": ' + b"[" * 50_000), "nested too deeply", "compare"
    ),
}
ENTRIES = CHECKPOINTS | RUNS


@pytest.fixture(scope="module")
def corpus(base, tmp_path_factory):
    BASE[:] = [base, make_run(tmp_path_factory.mktemp("other") / "run", "autoencoder")]
    root = tmp_path_factory.mktemp("foreign") / "corpus"
    root.mkdir()
    return read_corpus(root, ENTRIES, imports=["zoo.sampling", "zoo.media.comparison"])


@pytest.mark.parametrize("name", ENTRIES)
def test_a_foreign_run_is_refused_with_the_file_and_the_reason(corpus, name):
    assert_refused(corpus.outcomes[name], ENTRIES[name], name)


def test_nothing_in_foreign_runs_is_executed(corpus):
    assert corpus.canaries == []


def test_a_run_that_is_refused_is_left_as_it_was_and_nothing_else_is_written(corpus):
    assert [path for path in corpus.changed if not path.endswith(("/.lock", "/run"))] == []


def test_reading_foreign_runs_takes_little_memory(corpus):
    assert corpus.grown_bytes < MOST_BYTES
