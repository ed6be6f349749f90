"""Every parser of a run's files, given anything: it returns what was written, or says why not.

Each is given 50 inputs by default, and 2,000 with `--hypothesis-profile=thorough`.
"""

import dataclasses
import hashlib
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from fuzzed import contents, fuzz_settings, read_or_refuse
from hypothesis import given
from hypothesis import strategies as st

from zoo import registry
from zoo.card import resolve
from zoo.checkpoints import (
    POSITION_FILE,
    STATE_FILE,
    latest_checkpoint,
    load_checkpoint,
    parse_json,
    read_json,
    save_checkpoint,
)
from zoo.config import from_json, parse_overrides, to_json
from zoo.data import decoded, decoded_sounds, tfds_lines
from zoo.data.forms import FORMS, make_form
from zoo.errors import ZooError
from zoo.media.curves import read_curves
from zoo.media.facts import evaluated_on, last_values, read_figures, read_findings, trained
from zoo.metrics.learning import load_cached, save_cached
from zoo.records import append_record, read_records, rewind_records
from zoo.runs import Run, RunRequest
from zoo.words import load_word_vectors

REQUEST = RunRequest(
    model="vae",
    package="genzoo-vae",
    package_version="0.1.0",
    preset="laptop",
    config={"latent_size": 2, "hidden_sizes": [4], "beta": 1.0},
    data="digits",
    form={"image_size": 8},
    augment=None,
    fingerprint="0" * 64,
    epochs=3,
    steps=None,
    batch_size=16,
    seed=0,
    backend="tensorflow",
    precision="float32",
    versions={"zoo": "0.1.0"},
)
extreme = st.sampled_from([1e308, -1e308, 5e-324, 10**400, 2**63, -(2**63), 10**9])
any_number = st.integers() | st.floats() | extreme
any_json = st.recursive(
    st.none() | st.booleans() | any_number | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)


def changed(document: dict) -> st.SearchStrategy[bytes]:
    """Draw a JSON object with one of its values, or of the values of those, replaced by any."""
    inside = {key: value for key, value in document.items() if isinstance(value, dict)}
    paths: list[tuple[str, ...]] = [(key,) for key in document]
    paths += [(key, inner) for key, value in inside.items() for inner in value]

    def change(path: tuple[str, ...], value: object) -> bytes:
        copy = json.loads(json.dumps(document))
        inner = copy
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        return json.dumps(copy).encode()

    return st.builds(change, st.sampled_from(paths), any_json)


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create(REQUEST, tmp_path / "run")


@fuzz_settings()
@given(content=contents([b'{"a": [1, 2.5, null], "b": {"c": "x\\u00e9"}}', b"[true, -1e3]"]))
def test_json_is_values_that_json_can_keep_or_a_reason(content):
    value = read_or_refuse(lambda: parse_json(content), ValueError)
    assert parse_json(json.dumps(value, allow_nan=False).encode()) == value


def test_a_json_file_is_values_or_a_reason(tmp_path):
    @fuzz_settings()
    @given(content=contents([b'{"a": [1, 2.5, null], "b": {"c": "x\\u00e9"}}']))
    def check(content):
        (tmp_path / "a.json").write_bytes(content)
        read_or_refuse(lambda: read_json(tmp_path / "a.json"))

    check()


def test_a_request_is_one_that_can_be_written_or_a_reason(run):
    document = {"format_version": 2} | dataclasses.asdict(REQUEST)
    path = run.path / "run.json"

    @fuzz_settings()
    @given(content=contents([json.dumps(document).encode()]) | changed(document))
    def check(content):
        path.write_bytes(content)
        found = read_or_refuse(lambda: Run.open(run.path))
        if found is not None:
            assert found.request.batch_size >= 1
            found.update_request(found.request)
            assert Run.open(run.path).request == found.request

    check()


def test_records_are_objects_or_a_reason(run):
    lines = [{"step": 4, "epoch": 1, "loss_nats": 0.5, "seconds": 2.0}, {"step": 8, "x": None}]
    valid = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    record = changed(lines[0]).map(lambda line: valid + line + b"\n")

    @fuzz_settings()
    @given(content=contents([valid]) | record)
    def check(content):
        run.metrics_path.write_bytes(content)
        records = read_or_refuse(run.metrics)
        if records is None:
            return
        assert all(isinstance(record, dict) for record in records)
        assert set(trained(records)) == {"epochs", "steps", "duration"}
        last_values(records)
        read_curves(records)
        read_or_refuse(lambda: rewind_records(run.metrics_path, 4))
        append_record(run.metrics_path, {"step": 9})
        assert read_records(run.metrics_path)[-1] == {"step": 9}

    check()


def test_findings_are_findings_or_a_reason(run):
    line = {"step": 4, "symptom": "collapse", "message": "a", "suggestion": "b"}
    valid = json.dumps(line).encode() + b"\n"

    @fuzz_settings()
    @given(content=contents([valid]) | changed(line).map(lambda line: line + b"\n" + valid))
    def check(content):
        run.findings_path.write_bytes(content)
        read_or_refuse(lambda: read_findings(run))

    check()


def test_figures_are_numbers_or_a_reason(run):
    figure = {"value": 0.5, "standard_error": 0.01, "count": 100}
    document = {"data": "digits", "split": "test", "metrics": {"nll_nats": figure}}
    one = changed(figure).map(lambda text: b'{"metrics": {"nll_nats": ' + text + b"}}")

    @fuzz_settings()
    @given(content=contents([json.dumps(document).encode()]) | changed(document) | one)
    def check(content):
        run.evaluation_path.write_bytes(content)
        for found in read_or_refuse(lambda: read_figures(run)) or ():
            assert math.isfinite(found["number"])
        read_or_refuse(lambda: evaluated_on(run))

    check()


STATE = {"dense/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "seed": np.uint32([1, 2])}


def vouch(path: Path) -> None:
    """Let `position.json` say of the state what it is now."""
    content = (path / STATE_FILE).read_bytes()
    document = {"format_version": 1, "step": 3, "position": {"step": 3}}
    document |= {"state_bytes": len(content), "state_sha256": hashlib.sha256(content).hexdigest()}
    (path / POSITION_FILE).write_text(json.dumps(document))


def test_a_state_that_is_vouched_for_is_arrays_or_a_reason(tmp_path):
    path = save_checkpoint(tmp_path, 3, STATE, {"step": 3})

    @fuzz_settings()
    @given(content=contents([(path / STATE_FILE).read_bytes()]))
    def check(content):
        (path / STATE_FILE).write_bytes(content)
        vouch(path)
        found = read_or_refuse(lambda: load_checkpoint(path))
        assert found is None or all(isinstance(array, np.ndarray) for array in found[0].values())

    check()


def test_a_state_that_nobody_vouches_for_is_refused(tmp_path):
    path = save_checkpoint(tmp_path, 3, STATE, {"step": 3})
    valid = (path / STATE_FILE).read_bytes()

    @fuzz_settings()
    @given(content=contents([valid]))
    def check(content):
        (path / STATE_FILE).write_bytes(content)
        found = read_or_refuse(lambda: load_checkpoint(path))
        assert (found is not None) == (content == valid)
        assert (latest_checkpoint(tmp_path) is not None) == (content == valid)

    check()


def test_a_position_is_the_one_that_was_saved_or_a_reason(tmp_path):
    path = save_checkpoint(tmp_path, 3, STATE, {"step": 3})
    valid = (path / POSITION_FILE).read_bytes()

    @fuzz_settings()
    @given(content=contents([valid]) | changed(json.loads(valid)))
    def check(content):
        (path / POSITION_FILE).write_bytes(content)
        found = read_or_refuse(lambda: load_checkpoint(path))
        assert found is None or isinstance(found[1], dict)

    check()


MODELS = [entry.name for entry in registry.entries() if entry.card is not None]


@pytest.mark.parametrize("model", MODELS)
def test_a_configuration_is_one_of_the_model_or_a_reason(model):
    cls = resolve(registry.find(model).card.config)
    fields = [field.name for field in dataclasses.fields(cls)]
    # What has no default is mostly what the data say.
    given_fields = {"image_shape": [8, 8, 1], "video_shape": [3, 8, 8, 1], "sample_rate_hz": 8000}
    given_fields |= {"max_length": 9, "vocabulary": ["", "▁<unknown>", "▁a"], "scale_factor": 1.0}
    given_fields |= {"image_shape_a": [8, 8, 1], "image_shape_b": [8, 8, 1], "captions": ["a"]}
    base = {name: value for name, value in given_fields.items() if name in fields}

    @fuzz_settings()
    @given(name=st.sampled_from(fields), value=any_json, text=st.text(max_size=8))
    def check(name, value, text):
        config = read_or_refuse(lambda: from_json(cls, base | {name: value}))
        if config is not None:
            assert from_json(cls, to_json(config)) == config
        read_or_refuse(lambda: parse_overrides(cls, [f"{name}={text}"]))

    check()


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_is_one_of_the_kind_of_data_or_a_reason(kind):
    names = [field.name for field in dataclasses.fields(FORMS[kind])]

    @fuzz_settings()
    @given(form=st.dictionaries(st.sampled_from(names) | st.text(max_size=4), any_json, max_size=3))
    def check(form):
        read_or_refuse(lambda: make_form(kind, form, "data"))

    check()


def test_decoded_examples_are_read_or_made_anew(tmp_path):
    folder = tmp_path / "zoo-cache" / "set" / "train-native"
    folder.mkdir(parents=True)
    about = {"source": "set/1.0.0", "source_state": None, "has_labels": True, "sizes": {"train": 9}}
    about |= {"splits": ["train"], "class_names": ["a"], "fingerprint": "0", "sample_rate_hz": 8000}
    about |= {"skipped": []}
    valid = {
        "about.json": json.dumps(about).encode(),
        "images.npy": npy(np.zeros((2, 3, 3, 1), np.uint8)),
        "labels.npy": npy(np.zeros(2, np.int32)),
        "ends.npy": npy(np.array([2, 4])),
        "samples.f32": np.zeros(4, np.float32).tobytes(),
        "train.jsonl": b'"a text"\n',
    }

    @fuzz_settings()
    @given(name=st.sampled_from(sorted(valid)), data=st.data())
    def check(name, data):
        for other, content in valid.items():
            (folder / other).write_bytes(content)
        content = data.draw(contents([valid[name]]) | changed(about))
        (folder / name).write_bytes(content)
        images = decoded.read(folder, tmp_path)
        if images is not None:
            assert images.pixels.ndim == 4
            images.images("set", "train").read(np.arange(len(images.pixels)))
        sounds = decoded_sounds.read(folder, tmp_path)
        if sounds is not None:
            clips = sounds.waveforms("set", "train", 2)
            clips.read(np.arange(len(clips)))
        if tfds_lines.kept(folder, tmp_path) is not None:
            read_or_refuse(lambda: list(tfds_lines.read(folder, "train")))

    check()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


class Network:
    """What the cache of feature networks asks of a network."""

    def __init__(self) -> None:
        self.weights = [np.arange(4, dtype=np.float32)]

    def get_weights(self) -> list[np.ndarray]:
        return self.weights

    def set_weights(self, weights: list[np.ndarray]) -> None:
        if [weight.shape for weight in weights] != [weight.shape for weight in self.weights]:
            raise ValueError("other shapes")
        self.weights = weights


def test_a_cached_network_is_the_one_that_was_saved_or_trained_anew(tmp_path):
    path = tmp_path / "network.safetensors"
    save_cached(Network(), path, {"mean": np.float32([1])})

    @fuzz_settings()
    @given(content=contents([path.read_bytes()]))
    def check(content):
        path.write_bytes(content)
        network = Network()
        if load_cached(network, path) is not None:
            np.testing.assert_array_equal(network.weights[0], np.arange(4))

    check()


def test_entry_points_are_cards_or_named_as_broken(tmp_path, monkeypatch):
    folder = tmp_path / "site" / "stranger-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    valid = b"[zoo.models]\nmine = json:loads\nother = no.module:CARD\n[console_scripts]\nx = y:z\n"

    @fuzz_settings()
    @given(content=contents([valid]))
    def check(content):
        (folder / "entry_points.txt").write_bytes(content)
        for entry in registry.entries():
            if entry.package == "stranger":
                assert entry.card is None
                assert entry.problem
                assert "\n" not in entry.problem

    check()


def test_bytes_are_never_an_archive_of_a_model(tmp_path):
    @fuzz_settings()
    @given(content=st.binary(max_size=300))
    def check(content):
        (tmp_path / "model.keras").write_bytes(content)
        with pytest.raises(ZooError, match=r"model\.keras"):
            load_word_vectors(str(tmp_path / "model.keras"))

    check()
