"""What can befall a run from outside, and what is left of it then."""

import dataclasses
import io
import itertools
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import borders
import pytest
import tqdm.std
from small_runs import (
    assert_same_bits,
    small_request,
    write_images,
)

from zoo.checkpoints import latest_checkpoint, load_latest
from zoo.commands import run as zoo
from zoo.errors import ConfigError, RunError
from zoo.planning import Asked, plan_resume
from zoo.recording import ProgressBar
from zoo.runs import Run
from zoo.training import load_model, train_anew, train_on, trained_steps

TESTS = Path(__file__).parent


def trained(folder, **asked):
    return train_anew(small_request(**asked), folder, progress=False, checkpoint_seconds=0)


def go_on(run, **longer):
    request = plan_resume(run, None, Asked(**longer))
    return train_on(run, request, progress=False, checkpoint_seconds=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of six steps that nothing befell."""
    return trained(tmp_path_factory.mktemp("whole") / "run", steps=6)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The same, stopped after three."""
    return trained(tmp_path_factory.mktemp("stopped") / "run", steps=3)


@pytest.fixture
def half(stopped, tmp_path):
    """A copy of it, to go on with."""
    return Run.open(shutil.copytree(stopped.path, tmp_path / "half"))


def run_program(*arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("scenario", borders.SCENARIOS)
def test_a_kill_at_any_system_call_leaves_a_whole_state(scenario, tmp_path):
    folder = tmp_path / "traced"
    folder.mkdir()
    done = run_program(TESTS / "borders.py", scenario, folder)
    if done.returncode == borders.MAY_NOT_TRACE:
        pytest.skip("A process may not trace its children here.")
    assert done.returncode == 0, done.stderr
    border_count, state_count = map(int, done.stdout.split())
    assert border_count > 40
    assert state_count >= 4


def test_whatever_operation_fails_leaves_a_whole_state(tmp_path):
    done = run_program(TESTS / "faults.py", tmp_path)
    assert done.returncode == 0, done.stderr
    counts = dict(line.split() for line in done.stdout.splitlines())
    assert int(counts["saves"]) >= 10
    assert int(counts["new_runs"]) >= 6
    assert int(counts["logs"]) >= 4


@contextmanager
def no_file_beyond(size):
    """Let no file grow beyond so many bytes: the write that would fails in the kernel."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("size", [0, 5000])
def test_a_disk_that_is_full_ends_a_training_and_it_goes_on_later(size, half, whole):
    before = (half.path / "run.json").read_bytes()
    with no_file_beyond(size), pytest.raises(RunError, match="File too large"):
        go_on(half, steps=6)
    assert (half.path / "run.json").read_bytes() == before
    assert trained_steps(half) == 3
    assert_same_bits(go_on(Run.open(half.path), steps=6).path, whole.path)


def test_a_disk_that_is_full_at_the_end_leaves_what_was_trained(half, whole):
    size = (latest_checkpoint(whole.checkpoints_path) / "state.safetensors").stat().st_size
    with (
        no_file_beyond(size + 500),
        pytest.raises(RunError, match=r"model\.keras' could not be written"),
    ):
        go_on(half, steps=6)
    assert sorted(half.path.glob("*.keras")) == [half.model_path]  # of before
    assert_same_bits(half.path, whole.path)
    go_on(Run.open(half.path), steps=6)
    assert half.model_path.stat().st_size > size


def test_a_disk_that_is_full_leaves_nothing_of_a_new_run(tmp_path):
    with no_file_beyond(1000), pytest.raises(RunError, match="File too large"):
        trained(tmp_path / "deep" / "run")
    assert not (tmp_path / "deep").exists()


def test_a_permission_lost_in_the_middle_ends_a_training_and_it_goes_on_later(stopped, whole):
    with tempfile.TemporaryDirectory() as folder:  # one that others may enter
        os.chmod(folder, 0o755)  # noqa: S103
        run = Run.open(shutil.copytree(stopped.path, Path(folder, "run")))
        for path in (run.path, *run.path.rglob("*")):
            path.chmod(0o777)
        run.checkpoints_path.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may write anywhere
        try:
            with pytest.raises(RunError, match=r"could not be saved: .*Permission denied"):
                go_on(run, steps=6)
        finally:
            os.seteuid(user)
            run.checkpoints_path.chmod(0o755)
        assert run.request.steps == 3
        assert trained_steps(run) == 3
        assert_same_bits(go_on(run, steps=6).path, whole.path)


def test_a_read_only_run_is_not_trained_and_says_so(stopped, capsys):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103
        path = shutil.copytree(stopped.path, Path(folder, "run"))
        for name in (path, path / ".lock"):
            name.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            assert zoo(["train", "--resume", str(path), "--steps", "6"]) == 1
        finally:
            os.seteuid(user)
            path.chmod(0o755)
    assert capsys.readouterr().err == f"error: Run '{path}' cannot be locked: Permission denied.\n"


def test_the_newest_checkpoint_is_that_of_the_most_steps_whatever_the_clock_said(half, whole):
    hour = 3600
    run = go_on(half, steps=5)
    folders = sorted(run.checkpoints_path.iterdir())
    assert len(folders) == 2
    for number, folder in enumerate(folders):
        for path in (folder, *folder.iterdir()):
            os.utime(path, (1e9 - number * hour, 1e9 - number * hour))  # the older, the newer
    assert trained_steps(run) == 5
    assert_same_bits(go_on(run, steps=6).path, whole.path)


def test_a_clock_that_jumps_changes_no_bit(half, whole, monkeypatch):
    now, jumps = time.time, itertools.cycle([-3600, 365 * 24 * 3600, 0])
    monkeypatch.setattr(time, "time", lambda: now() + next(jumps))
    monkeypatch.setattr(tqdm.std, "time", time.time)
    run = go_on(half, steps=6)
    assert_same_bits(run.path, whole.path)
    assert all(0 <= record["seconds"] < 600 for record in run.metrics())


def test_a_progress_bar_goes_on_where_the_clock_is_set_back(monkeypatch):
    text, now = io.StringIO(), time.time
    with ProgressBar(total=100, file=text, mininterval=0, disable=False) as bar:
        bar.update(10)
        monkeypatch.setattr(tqdm.std, "time", lambda: now() - 3600)
        monkeypatch.setattr(time, "time", lambda: now() - 3600)
        bar.update(10)
    shown = text.getvalue().split("\r")
    assert "20/100" in shown[-1]
    assert any("20/100" in line for line in shown[:-1])  # before it was closed
    assert "[-" not in text.getvalue()


def test_a_run_that_was_moved_goes_on_where_it_is(half, whole, tmp_path):
    moved = half.path.rename(tmp_path / "moved elsewhere")
    assert zoo(["train", "--resume", str(moved), "--steps", "6"]) == 0
    assert_same_bits(moved, whole.path)


def test_a_run_that_goes_away_while_it_is_trained_is_not_begun_anew(half):
    half.path.rename(half.path.with_name("away"))
    with pytest.raises(RunError, match="No such file or directory"):
        borders.save(half.checkpoints_path, 4)
    with pytest.raises(RunError, match="No such file or directory"):
        half.log({"step": 4})
    assert not half.path.exists()


def test_epochs_logged_before_the_first_checkpoint_are_logged_once(tmp_path):
    request = small_request(epochs=3)
    run = train_anew(request, tmp_path / "run", progress=False)
    shutil.rmtree(run.checkpoints_path)  # as a kill before the first one leaves it
    run = train_on(run, request, progress=False)
    assert [record["epoch"] for record in run.metrics()] == [1, 2, 3]


def test_held_out_data_that_changed_are_refused(tmp_path, capsys):
    images = write_images(tmp_path / "images")
    for number, split in enumerate(("train", "test")):
        (images / split).mkdir()
        for path in sorted(images.glob("*.png"))[: 8 - 4 * number]:
            path.rename(images / split / path.name)
    for path in images.glob("*.png"):
        path.unlink()
    run = trained(tmp_path / "run", data=str(images), batch_size=4, steps=3)
    before = (run.path / "run.json").read_bytes()
    picture = min((images / "test").iterdir())
    kept = picture.read_bytes()
    picture.write_bytes(min((images / "train").iterdir()).read_bytes())
    assert zoo(["train", "--resume", str(run.path), "--steps", "5"]) == 1
    error = capsys.readouterr().err
    assert f"The held-out data of '{images}', its split 'test', have changed" in error
    assert (run.path / "run.json").read_bytes() == before
    picture.write_bytes(kept)
    assert zoo(["train", "--resume", str(run.path), "--steps", "5"]) == 0


def test_a_refused_training_leaves_no_folder():
    with pytest.raises(ConfigError, match="no such precision"):
        train_anew(dataclasses.replace(small_request(), precision="no such precision"))
    assert not Path("runs").exists()


def test_what_a_kill_left_before_there_was_a_run_is_taken(tmp_path):
    out = tmp_path / "begun"
    (out / "samples").mkdir(parents=True)
    (out / ".lock").write_text("12345")
    (out / ".tmp-0123456789abcdef").write_bytes(b"{")
    assert Run.create(borders.REQUEST, out).request == borders.REQUEST
    assert sorted(path.name for path in out.iterdir()) == [".lock", "run.json", "samples"]


@pytest.mark.parametrize("mine", ["samples/mine.png", "notes.txt"])
def test_what_is_not_of_a_killed_process_is_left_alone(mine, tmp_path):
    out = tmp_path / "mine"
    (out / "samples").mkdir(parents=True)
    (out / ".lock").touch()
    (out / mine).write_text("mine")
    before = borders.content(out)
    with pytest.raises(RunError, match="exists and is not an empty folder"):
        Run.create(borders.REQUEST, out)
    assert borders.content(out) == before


HOLDER = """
import sys
from pathlib import Path
from zoo.runs import Run
with Run.open(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path):
    run = Run.create(borders.REQUEST, tmp_path / "run")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, run.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()
        with pytest.raises(RunError, match=f"in use by process {holder.pid}"), run.lock():
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with run.lock():
        assert (run.path / ".lock").read_text() == str(os.getpid())


def test_a_lock_is_not_written_through_a_link(tmp_path):
    run = Run.create(borders.REQUEST, tmp_path / "run")
    (tmp_path / "precious").write_text("precious")
    (run.path / ".lock").unlink()
    (run.path / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(RunError, match="cannot be locked"), run.lock():
        pass
    assert (tmp_path / "precious").read_text() == "precious"


SAVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from borders import save
for step in range(1, 100_000):
    save(Path(sys.argv[1]), step, keep=1)
    if step == 1:
        print("saved", flush=True)
"""


def test_a_reader_beside_a_training_sees_whole_checkpoints_alone(tmp_path, caplog):
    steps = []
    with subprocess.Popen(
        [sys.executable, "-c", SAVER, tmp_path, TESTS], stdout=subprocess.PIPE
    ) as saver:
        saver.stdout.readline()
        until = time.monotonic() + 3
        while time.monotonic() < until or len(set(steps)) < 5:
            state = load_latest(tmp_path)
            assert (state["w"] == state["w"][0]).all()
            steps.append(int(state["w"][0]))
        saver.kill()
    assert steps == sorted(steps)
    assert not caplog.records


def test_a_model_is_loaded_while_the_run_is_trained_on(half):
    with half.lock():
        assert load_model(half) is not None


def test_a_run_json_that_is_torn_or_gone_is_named(half, capsys):
    path = half.path / "run.json"
    whole = path.read_bytes()
    for content in (b"", whole[:-2], whole[: len(whole) // 2], bytes(len(whole))):
        path.write_bytes(content)
        assert zoo(["train", "--resume", str(half.path)]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: '{path}' is not JSON")
        assert error.count("\n") == 1
    path.unlink()
    assert zoo(["train", "--resume", str(half.path)]) == 1
    assert "is not a run: it holds no 'run.json'" in capsys.readouterr().err
