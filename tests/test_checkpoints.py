import hashlib
import json
import logging
import os
import resource
import struct
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import hypothesis.extra.numpy as numpy_strategies
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.checkpoints import (
    MAX_JSON_BYTES,
    POSITION_FILE,
    STATE_FILE,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
    write_atomically,
)
from zoo.errors import RunError

DTYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", ml_dtypes.bfloat16),
]
STATE = {"dense/kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    return path


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def assert_same_bits(actual, expected):
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype.newbyteorder("=")
        assert actual[name].shape == array.shape
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        assert actual[name].tobytes() == native.tobytes()


@st.composite
def arrays(draw):
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(numpy_strategies.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    content = draw(st.binary(min_size=64 * 8, max_size=64 * 8))
    count = int(np.prod(shape))
    if dtype.name == "bool":
        array = np.frombuffer(content, np.uint8)[:count] % 2 == 1
    else:
        array = np.frombuffer(content, dtype)[:count]  # every bit pattern, NaN payloads too
    array = array.reshape(shape)
    return draw(st.sampled_from([array, array.T, array[::-1] if shape else array]))


variable_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(
    lambda name: name != "__metadata__"  # which the format keeps to itself
)


@settings(max_examples=30, deadline=None)
@given(state=st.dictionaries(variable_names, arrays(), max_size=4))
def test_every_bit_of_every_array_survives(state):
    with tempfile.TemporaryDirectory() as folder:
        path = save_checkpoint(Path(folder), 3, state, {"epoch": 1})
        loaded, position = load_checkpoint(path)
    assert_same_bits(loaded, state)
    assert position == {"epoch": 1}


def test_big_endian_arrays_keep_their_values(folder):
    path = save_checkpoint(folder, 0, {"w": np.array([1.5, -2], ">f4")}, {})
    np.testing.assert_array_equal(load_checkpoint(path)[0]["w"], np.float32([1.5, -2]))


def test_folders_are_named_by_step_and_older_ones_go(folder):
    directory = folder / "checkpoints"
    for step in (5, 1200, 123456789):
        save_checkpoint(directory, step, STATE, {"at": step}, keep=2)
    assert names(directory) == ["step-00001200", "step-123456789"]
    latest = latest_checkpoint(directory)
    assert latest == directory / "step-123456789"
    assert load_checkpoint(latest)[1] == {"at": 123456789}


def test_saving_an_earlier_step_removes_the_course_that_was_left(folder):
    for step in (10, 20, 30):
        save_checkpoint(folder, step, STATE, {}, keep=3)
    save_checkpoint(folder, 15, STATE, {}, keep=1)
    assert names(folder) == ["step-00000015"]


def test_saving_a_step_again_replaces_it(folder):
    save_checkpoint(folder, 7, STATE, {"try": 1})
    save_checkpoint(folder, 7, STATE, {"try": 2})
    assert names(folder) == ["step-00000007"]
    assert load_checkpoint(folder / "step-00000007")[1] == {"try": 2}


def test_there_is_no_latest_checkpoint_in_a_folder_that_is_missing_or_empty(folder):
    assert latest_checkpoint(folder / "missing") is None
    assert latest_checkpoint(folder) is None


# Run as a script: children save in a loop and are killed; after each kill the parent reads.
KILLED_CHILDREN = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from zoo.checkpoints import latest_checkpoint, load_checkpoint, save_checkpoint

directory = Path(sys.argv[1])

def save_next():
    latest = latest_checkpoint(directory)
    step = 0 if latest is None else load_checkpoint(latest)[1]["step"]
    # Every third save repeats its step, as when a run is interrupted right after an epoch.
    for number in range(step + 1, step + 400):
        for _ in range(1 + (number % 3 == 0)):
            save_checkpoint(directory, number, {"w": np.full(2000, number)}, {"step": number},
                            keep=1)

def fork_and_wait(kill_before_event=None, delay_s=None):
    child = os.fork()
    if not child:
        if kill_before_event is not None:
            events = iter(range(kill_before_event))
            def hook(event, arguments):
                touches_files = event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir")
                if touches_files and next(events, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)
            sys.addaudithook(hook)
        save_next()
        os._exit(0)
    if delay_s is not None:
        time.sleep(delay_s)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

def check(reached):
    latest = latest_checkpoint(directory)
    if latest is None:
        assert reached == 0, reached
        return 0
    state, position = load_checkpoint(latest)
    assert position["step"] >= reached, (position, reached)
    assert (state["w"] == position["step"]).all() and len(state["w"]) == 2000
    return position["step"]

reached = 0
for event in range(70):  # three saves take about 60 such events
    fork_and_wait(kill_before_event=event)
    reached = check(reached)
generator = random.Random(0)
for _ in range(25):
    fork_and_wait(delay_s=generator.uniform(0, 0.03))
    reached = check(reached)
save_checkpoint(directory, reached + 1, {}, {}, keep=1)
print(reached, sorted(path.name for path in directory.iterdir()))
"""


def test_a_kill_at_any_instant_leaves_the_last_checkpoint_whole(folder):
    script = folder / "saves.py"
    script.write_text(KILLED_CHILDREN)
    done = subprocess.run(
        [sys.executable, script, folder / "checkpoints"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    reached, _, left = done.stdout.partition(" ")
    assert int(reached) > 20  # the children did save
    assert left.strip() == f"['step-{int(reached) + 1:08d}']"  # and nothing was left lying about


@contextmanager
def full_disk():
    """Let no file grow beyond 4096 bytes: the write that would fails in the kernel."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_said_and_leaves_the_last_checkpoint(folder):
    saved = save_checkpoint(folder, 1, STATE, {})
    with full_disk(), pytest.raises(RunError, match=r"step-00000002' could not be saved.*large"):
        save_checkpoint(folder, 2, {"w": np.zeros(10_000)}, {})
    assert names(folder) == ["step-00000001"]
    assert_same_bits(load_checkpoint(saved)[0], STATE)


def test_a_full_disk_leaves_the_old_file(folder):
    path = folder / "run.json"
    write_atomically(path, b"old")
    with full_disk(), pytest.raises(RunError, match=r"run\.json' could not be written: File too"):
        write_atomically(path, bytes(10_000))
    assert path.read_bytes() == b"old"
    assert names(folder) == ["run.json"]


@contextmanager
def unprivileged():
    """Run as a user whom permissions bind; root may write anywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_read_only_folder_is_said_and_leaves_the_last_checkpoint():
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        saved = save_checkpoint(directory, 1, STATE, {})
        directory.chmod(0o555)
        try:
            with unprivileged(), pytest.raises(RunError, match="Permission denied"):
                save_checkpoint(directory, 2, STATE, {})
        finally:
            directory.chmod(0o755)
        assert names(directory) == ["step-00000001"]
        assert_same_bits(load_checkpoint(saved)[0], STATE)


@pytest.mark.parametrize(
    ("state", "position", "reason"),
    [
        ({"w": np.array([object()])}, {}, "'w' has the type object"),
        ({"w": np.zeros(2, ml_dtypes.float8_e5m2)}, {}, "float8_e5m2, which could not be read"),
        ({"__metadata__": np.zeros(2)}, {}, "__metadata__"),
        ({"\ud800": np.zeros(2)}, {}, "surrogates"),
        (STATE, {"loss": float("nan")}, "JSON"),
        (STATE, {"loss": np.float32(1)}, "JSON"),
        (STATE, {"order": "x" * MAX_JSON_BYTES}, "may hold"),
    ],
)
def test_what_could_not_be_read_back_is_not_saved(folder, state, position, reason):
    with pytest.raises(RunError, match=reason):
        save_checkpoint(folder, 1, state, position)
    assert names(folder) == []


def truncate(path):
    content = (path / STATE_FILE).read_bytes()
    (path / STATE_FILE).write_bytes(content[:-1])


def flip_a_bit(path):
    content = bytearray((path / STATE_FILE).read_bytes())
    content[-1] ^= 1
    (path / STATE_FILE).write_bytes(content)


def link_state(path):
    (path / STATE_FILE).rename(path.parent / "elsewhere")
    (path / STATE_FILE).symlink_to(path.parent / "elsewhere")


def replace_by_pipe(path):
    (path / STATE_FILE).unlink()
    os.mkfifo(path / STATE_FILE)


def change_position(**changes):
    def change(path):
        document = json.loads((path / POSITION_FILE).read_bytes()) | changes
        kept = {name: value for name, value in document.items() if value is not None}
        (path / POSITION_FILE).write_text(json.dumps(kept))

    return change


def write_position(content):
    return lambda path: (path / POSITION_FILE).write_bytes(content)


def forge_state(content):
    """Replace the state by bytes that `position.json` vouches for."""

    def forge(path):
        (path / STATE_FILE).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        change_position(state_bytes=len(content), state_sha256=digest)(path)

    return forge


def safetensors_bytes(dtype, shape, size):
    header = {"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)


DAMAGES = {
    "no state": (lambda path: (path / STATE_FILE).unlink(), r"safetensors.*No such file"),
    "no position": (lambda path: (path / POSITION_FILE).unlink(), r"position\.json.*No such file"),
    "torn state": (truncate, r"state\.safetensors' has \d+ bytes; \d+ were saved"),
    "altered state": (flip_a_bit, r"state\.safetensors' is not what was saved: its SHA-256"),
    "linked state": (link_state, r"state\.safetensors' cannot be read: it is a symbolic link"),
    "pipe": (replace_by_pipe, r"state\.safetensors' cannot be read: it is not a plain file"),
    "torn position": (write_position(b'{"format_ver'), r"position\.json' is not JSON"),
    "not text": (write_position(b"\xff\xfe\x00"), r"position\.json' is not JSON"),
    "deep position": (write_position(b"[" * 100_000), r"position\.json' is not JSON"),
    "huge position": (write_position(b" " * (MAX_JSON_BYTES + 1)), r"position\.json' is too large"),
    "no object": (write_position(b"[]"), r"position\.json' has format_version None"),
    "later format": (change_position(format_version=99), "format_version 99; this version of zoo"),
    "other step": (change_position(step=4), "is of step 4, its folder of 3"),
    "lacking": (change_position(state_sha256=None), r"position\.json' lacks state_sha256"),
    "no header": (forge_state(b"not a header"), r"is not a safetensors file"),
    "empty": (forge_state(b""), r"is not a safetensors file"),
    "false shape": (forge_state(safetensors_bytes("F32", [1 << 40], 8)), "is not a safetensors"),
    "false type": (forge_state(safetensors_bytes("F8_E4M3", [2], 2)), "is not a safetensors file"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_checkpoint_is_refused_by_name_and_reason(folder, damage):
    path = save_checkpoint(folder / "checkpoints", 3, STATE, {})
    break_it, reason = DAMAGES[damage]
    break_it(path)
    with pytest.raises(RunError, match=reason):
        load_checkpoint(path)


def test_the_newest_whole_checkpoint_is_taken_and_broken_ones_are_logged(folder, caplog):
    for step in (1, 2, 3):
        save_checkpoint(folder, step, STATE, {}, keep=3)
    truncate(folder / "step-00000003")
    (folder / "step-00000002" / POSITION_FILE).unlink()
    with caplog.at_level(logging.WARNING, logger="zoo.checkpoints"):
        assert latest_checkpoint(folder) == folder / "step-00000001"
    first, second = (record.getMessage() for record in caplog.records)
    assert "step-00000003/state.safetensors' has" in first
    assert "step-00000002/position.json' cannot be read: No such file" in second


def test_what_is_no_checkpoint_folder_is_refused(folder):
    (folder / "step-00000001").write_text("a file")
    for path in (folder, folder / "step-00000001", folder / "step-00000002"):
        with pytest.raises(RunError, match="is not a checkpoint"):
            load_checkpoint(path)
