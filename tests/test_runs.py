import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import RunError
from zoo.runs import Run, RunRequest, differences

REQUEST = RunRequest(
    model="vae",
    package="genzoo-vae",
    package_version="0.1.0",
    preset="laptop",
    config={"latent_size": 20, "hidden_sizes": [256, 128]},
    data="digits",
    form={"image_size": [8, 8]},
    augment=None,
    fingerprint="c0ffee",
    epochs=3,
    steps=None,
    batch_size=100,
    seed=0,
    backend="tensorflow",
    precision="float32",
    versions={"zoo": "0.1.0"},
)


def test_a_new_run_is_found_again_with_all_that_was_asked():
    run = Run.create(REQUEST)
    assert run.path == Path("runs/vae-digits-1")
    assert Run.open(run.path).request == run.request == REQUEST
    assert run.samples_path.is_dir()


def test_a_run_has_class_names_or_was_made_before_they_were_kept():
    named = replace(REQUEST, class_names=["ant", "bee"])
    run = Run.create(named)
    assert Run.open(run.path).request == named
    document = json.loads((run.path / "run.json").read_text())
    del document["class_names"]
    (run.path / "run.json").write_text(json.dumps(document))
    assert Run.open(run.path).request == REQUEST
    (run.path / "run.json").write_text(json.dumps(document | {"class_names": ["ant", 2]}))
    with pytest.raises(RunError, match=r"class_names must be list\[str\].*\['ant', 2\]"):
        Run.open(run.path)


def test_runs_are_numbered_by_the_first_free_number():
    paths = [Run.create(REQUEST).path.name for _ in range(3)]
    assert paths == ["vae-digits-1", "vae-digits-2", "vae-digits-3"]
    for file in sorted(Path("runs/vae-digits-2").iterdir()):
        file.rmdir() if file.is_dir() else file.unlink()
    Path("runs/vae-digits-2").rmdir()
    assert Run.create(REQUEST).path.name == "vae-digits-2"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("tfds:voc/2007", "vae-voc-2007-1"),
        ("/photos/my cats/", "vae-my-cats-1"),
        ("sketches/cat.npz", "vae-cat.npz-1"),
        ("фото/Коты", "vae-Коты-1"),
        ("बिल्ली", "vae-बिल्ली-1"),
        ("e\u0301te\u0301", "vae-\u00e9t\u00e9-1"),  # written decomposed, kept composed
        ("a\nb\x1b[31m\u202ec", "vae-a-b-31m-c-1"),
        ("\udcff", "vae-data-1"),
        ("/", "vae-data-1"),
        (".", "vae-work-1"),
        ("..hidden", "vae-hidden-1"),
        ("語" * 300, f"vae-{'語' * 40}-1"),
    ],
)
def test_the_folder_is_named_after_the_data_whatever_its_name(data, name):
    run = Run.create(replace(REQUEST, data=data))
    assert run.path == Path("runs") / name
    assert run.request.data == data


RACER = """
from pathlib import Path
from zoo.errors import RunError
from zoo.runs import Run

request = Run.open(Path("first")).request
print("ready", flush=True)
input()
print(Run.create(request).path)
try:
    print(Run.create(request, out=Path("empty")).path)
except RunError:
    print("refused")
"""


def test_eight_processes_at_once_never_share_a_folder():
    Run.create(REQUEST, out=Path("first"))
    Path("empty").mkdir()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 8
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    results = [racer.communicate() for racer in racers]
    assert [errors for _, errors in results] == [""] * 8
    numbered, taken = zip(*(output.split() for output, _ in results), strict=True)
    assert sorted(numbered) == [f"runs/vae-digits-{number}" for number in range(1, 9)]
    assert sorted(taken) == ["empty"] + ["refused"] * 7
    assert Run.open(Path("empty")).request == REQUEST


def test_out_is_the_folder_itself_and_its_parents_are_made():
    out = Path("deep/down/run")
    assert Run.create(REQUEST, out=out).path == out
    assert (out / "run.json").exists()


def test_an_empty_folder_is_taken_and_a_full_one_refused():
    Path("empty").mkdir()
    Run.create(REQUEST, out=Path("empty"))
    with pytest.raises(RunError, match=r"'empty' exists and is not an empty folder\. Give another"):
        Run.create(REQUEST, out=Path("empty"))
    Path("file").write_text("")
    with pytest.raises(RunError, match="'file' exists and is not an empty folder"):
        Run.create(REQUEST, out=Path("file"))


@pytest.mark.parametrize("out", [None, Path("new/run"), Path("existing")])
def test_nothing_is_left_of_a_run_that_could_not_be_made(out, monkeypatch):
    Path("existing").mkdir()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="No space left on device"):
        Run.create(REQUEST, out=out)
    assert [path.name for path in Path().rglob("*")] == ["existing"]


def test_a_config_that_json_cannot_hold_leaves_nothing():
    with pytest.raises(RunError, match=r"'run\.json' cannot hold what was asked for"):
        Run.create(replace(REQUEST, config={"rate": float("inf")}))
    assert not Path("runs").exists()


def test_a_parent_that_is_a_file_is_named():
    Path("file").write_text("")
    with pytest.raises(RunError, match="could not be made: Not a directory: 'file/runs'"):
        Run.create(REQUEST, out=Path("file/runs/run"))


def test_a_misspelt_run_is_refused_with_the_nearest_name():
    Run.create(REQUEST)
    with pytest.raises(RunError, match=r"no run 'runs/vae-digit-1'. Did you mean 'vae-digits-1'\?"):
        Run.open(Path("runs/vae-digit-1"))


def test_what_is_no_run_folder_is_refused():
    run = Run.create(REQUEST)
    with pytest.raises(RunError, match=r"'runs' is not a run: it holds no 'run\.json'"):
        Run.open(Path("runs"))
    with pytest.raises(RunError, match=r"is a file\. Expected: the folder of a run"):
        Run.open(run.path / "run.json")


DOCUMENT = {"format_version": 2} | asdict(REQUEST)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", r"run\.json' is not JSON"),
        ("[" * 100_000, r"run\.json' is not JSON"),
        ("[]", "format_version None; this version of zoo reads 2"),
        (json.dumps(DOCUMENT | {"format_version": 3}), "format_version 3; this version of zoo"),
        (json.dumps(DOCUMENT | {"extra": 1}), r"Missing: nothing. Unknown: \['extra'\]"),
        (json.dumps(DOCUMENT | {"seed": None}), r"seed must be int"),
        (json.dumps(DOCUMENT | {"batch_size": True}), "batch_size must be int. Received: True"),
        (json.dumps(DOCUMENT | {"preset": 3}), r"preset must be str \| None. Received: 3"),
        (json.dumps(DOCUMENT | {"config": []}), "config must be dict"),
        (json.dumps(DOCUMENT | {"form": [8]}), "form must be .*Received: \\[8\\]"),
        (json.dumps(DOCUMENT | {"versions": {"zoo": 1}}), "versions must be dict"),
        (
            json.dumps({k: v for k, v in DOCUMENT.items() if k != "model"}),
            r"Missing: \['model'\]. Unknown: nothing",
        ),
    ],
)
def test_a_broken_request_is_refused_with_what_is_wrong(content, reason):
    run = Run.create(REQUEST)
    (run.path / "run.json").write_text(content)
    with pytest.raises(RunError, match=reason):
        Run.open(run.path)


def test_a_longer_request_replaces_the_first():
    run = Run.create(REQUEST)
    run.update_request(replace(REQUEST, epochs=10))
    assert run.request.epochs == Run.open(run.path).request.epochs == 10


def test_a_second_process_is_kept_out_and_told_who_holds_the_run():
    run = Run.create(REQUEST)
    script = (
        "from pathlib import Path; from zoo.runs import Run\n"
        "with Run.open(Path('runs/vae-digits-1')).lock(): pass"
    )

    def lock_elsewhere():
        return subprocess.run(
            [sys.executable, "-c", script], check=False, capture_output=True, text=True
        ).stderr

    with run.lock():
        assert f"is in use by process {os.getpid()}. Wait" in lock_elsewhere()
    assert lock_elsewhere() == ""


def test_a_lock_ends_with_an_error_inside_it():
    run = Run.create(REQUEST)
    with pytest.raises(KeyboardInterrupt), run.lock():
        raise KeyboardInterrupt
    with run.lock(), pytest.raises(RunError, match="in use"), Run.open(run.path).lock():
        pass


def test_records_come_back_as_they_were_logged():
    run = Run.create(REQUEST)
    assert run.metrics() == []
    run.log({"step": 1, "kl_nats": np.float32(0.5), "note": "é"})
    run.log({"step": np.int64(2), "kl_nats": float("nan"), "nll_nats": np.float32("inf")})
    assert run.metrics() == [
        {"step": 1, "kl_nats": 0.5, "note": "é"},
        {"step": 2, "kl_nats": None, "nll_nats": None},
    ]
    assert len(run.metrics_path.read_bytes().splitlines()) == 2


def test_a_line_torn_by_a_kill_is_left_out_and_mended_by_the_next():
    run = Run.create(REQUEST)
    for step in (1, 2):
        run.log({"step": step})
    content = run.metrics_path.read_bytes()
    for length in range(1, len(content)):
        run.metrics_path.write_bytes(content[:length])
        run.log({"step": 3})
        whole = content[:length].count(b"}")
        assert [r["step"] for r in run.metrics()] == [*[1, 2][:whole], 3]


def test_a_broken_line_that_is_not_the_last_is_named():
    run = Run.create(REQUEST)
    run.metrics_path.write_text('{"step": 1}\n{"step"\n{"step": 3}\n')
    with pytest.raises(RunError, match=r"Line 2 of '.*metrics\.jsonl' is not a JSON record"):
        run.metrics()
    run.metrics_path.write_text("3\n")
    with pytest.raises(RunError, match=r"Line 1 .* it is not an object"):
        run.metrics()


def test_rewinding_drops_what_will_be_logged_again():
    run = Run.create(REQUEST)
    run.rewind_metrics(5)  # nothing was logged yet
    for step in (5, 10, 15):
        run.log({"step": step, "epoch": step // 5})
    run.rewind_metrics(10)
    assert [record["step"] for record in run.metrics()] == [5, 10]


def test_a_record_that_is_not_plain_is_refused():
    run = Run.create(REQUEST)
    with pytest.raises(RunError, match="must hold plain numbers and texts"):
        run.log({"step": 1, "model": object()})
    assert run.metrics() == []


def test_differences_are_told_by_field():
    asked = replace(REQUEST, config={"latent_size": 5, "beta": 2.0}, data="mnist", form={}, seed=1)
    assert sorted(differences(asked, REQUEST)) == [
        "config.beta: run has nothing, asked 2.0",
        "config.hidden_sizes: run has [256, 128], asked nothing",
        "config.latent_size: run has 20, asked 5",
        "data: run has digits, asked mnist",
        "image_size: run has [8, 8], asked nothing",
        "seed: run has 0, asked 1",
    ]


def test_length_and_versions_make_no_difference():
    asked = replace(
        REQUEST,
        config={"latent_size": 20, "hidden_sizes": (256, 128)},  # a tuple is a list in JSON
        epochs=None,
        steps=50,
        versions={"zoo": "9"},
        package_version="9",
    )
    assert differences(asked, REQUEST) == []
