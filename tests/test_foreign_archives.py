"""`.keras` archives of a stranger: what is in them is neither run nor unpacked."""

import io
import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import keras
import pytest
from foreign import MOST_BYTES, Foreign, Place, assert_refused, read_corpus

import zoo
from zoo.words import load_word_vectors

CONFIG, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"
PARTS: dict[str, bytes] = {}  # of a whole archive, by name; of the fixture


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_archive(
    path: Path, parts: Mapping[str, bytes], packing: int = zipfile.ZIP_STORED
) -> None:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def entry(reason: str, make) -> Foreign:
    """Return an entry: `make` writes into an archive what it returns, by name."""

    def write(place: Place):
        found = make(place)
        path = place.folder / "model.keras"
        path.write_bytes(found) if isinstance(found, bytes) else write_archive(path, found)
        return ["@vectors", path]

    return Foreign(write, rf"model\.keras.*{reason}")


def changed(reason: str, **changes: object) -> Foreign:
    """Return an entry whose configuration says something else."""

    def make(place: Place):
        document = json.loads(PARTS[CONFIG]) | changes
        return PARTS | {CONFIG: json.dumps(document).encode()}

    return entry(reason, make)


def inner(reason: str, **changes: object) -> Foreign:
    """Return an entry in which the model is configured in another way."""

    def make(place: Place):
        document = json.loads(PARTS[CONFIG])
        document["config"]["config"] |= changes
        return PARTS | {CONFIG: json.dumps(document).encode()}

    return entry(reason, make)


def lambda_model(canary: Path) -> bytes:
    """Return an archive of a model with code in it, which makes a file where it is run."""

    path = str(canary)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Lambda(lambda x: [x, __import__("pathlib").Path(path).touch()][0]),
        ]
    )
    file = canary.with_suffix(".keras")
    model.save(file)
    canary.unlink(missing_ok=True)  # Keras has run it to learn its shape
    content = file.read_bytes()
    file.unlink()
    return content


def called(module: str, name: str, **config: object) -> dict[str, object]:
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


def members(*more: str, reason: str = "it holds") -> Foreign:
    return entry(reason, lambda place: PARTS | dict.fromkeys(more, b"content"))


def a_link(place: Place):
    """An archive with a member that is a symbolic link, as `zip -y` writes it."""
    info = zipfile.ZipInfo("assets/link")
    info.external_attr = 0o120777 << 16
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in PARTS.items():
            archive.writestr(name, part)
        archive.writestr(info, str(place.secret))
    return content.getvalue()


def twice(place: Place):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the second of them
        for name in (*PARTS, CONFIG):
            archive.writestr(name, PARTS[name])
    return content.getvalue()


def whole() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in PARTS.items():
            archive.writestr(name, part)
    return content.getvalue()


def packed(place: Place):
    write_archive(
        place.folder / "model.keras", PARTS | {WEIGHTS: bytes(10**8)}, zipfile.ZIP_DEFLATED
    )
    return ["@vectors", place.folder / "model.keras"]


def pipe(place: Place):
    os.mkfifo(place.folder / "model.keras")
    return ["@vectors", place.folder]


def folder(place: Place):
    """A folder of the members, which Keras reads as it does an archive."""
    path = place.folder / "model.keras"
    path.mkdir()
    for name, content in PARTS.items():
        (path / name).write_bytes(content)
    return ["@vectors", path]


def legacy(place: Place):
    (place.folder / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(1000))
    return ["@vectors", place.folder / "model.h5"]


NO_MODEL = "expected a model of an installed plugin"
ENTRIES = {
    "a Lambda layer": entry(NO_MODEL, lambda place: lambda_model(place.canary)),
    "a module of Python": changed(NO_MODEL, **called("os", "system", command="touch canary")),
    "a function of Python": changed(NO_MODEL, **called("builtins", "exec", source="1")),
    "a function of Keras": changed(NO_MODEL, **called("keras.utils", "get_file", fname="a")),
    "a layer of Keras": changed(NO_MODEL, **called("keras.layers", "TFSMLayer", filepath="a")),
    "a class of the zoo that is no model": changed(NO_MODEL, **called("zoo.runs", "Run", path="a")),
    "a model under the name of another": changed(NO_MODEL, registered_name="zoo_vae>VAE"),
    "a model of another plugin": changed(
        "no model of the zoo|no vectors",
        module="zoo_vae.vae",
        class_name="VAE",
        registered_name="zoo_vae>VAE",
    ),
    "names of types that are none": changed(NO_MODEL, module=["os"], class_name={"a": 1}),
    "a configuration of other fields": inner("has no field 'evil'", evil=1),
    "a configuration of infinite size": inner("no model of the zoo", embedding_size=10**18),
    "vectors of another size": inner("no model of the zoo", embedding_size=5),
    "a vocabulary of numbers": inner("vocabulary must be", vocabulary=[1, 2, 3]),
    "a member above the archive": members("../../evil.txt"),
    "a member with an absolute name": members("/tmp/evil.txt"),  # noqa: S108
    "assets that are unpacked": members("assets/a/vocabulary.txt"),
    "a link": entry("it holds assets/link", a_link),
    "a member twice": entry("it holds config.json", twice),
    "a member too few": entry("it holds less", lambda place: {CONFIG: PARTS[CONFIG]}),
    "weights in a pickle": entry(
        "it holds model.weights.npz",
        lambda place: {CONFIG: PARTS[CONFIG], "model.weights.npz": b""},
    ),
    "100 MB in a few bytes": Foreign(packed, r"model\.keras.*its members are packed"),
    "a configuration that nests": entry(
        "nested too deeply", lambda place: PARTS | {CONFIG: b"[" * 10**6}
    ),
    "a configuration of 70 MB": entry(
        "takes more than 64 MiB", lambda place: PARTS | {CONFIG: b" " * 70 * 10**6}
    ),
    "a configuration in no JSON": entry("no model of", lambda place: PARTS | {CONFIG: b"\xff{"}),
    "weights that are none": entry("cannot be read", lambda place: PARTS | {WEIGHTS: b"hello"}),
    "weights that are cut": entry(
        "cannot be read", lambda place: PARTS | {WEIGHTS: PARTS[WEIGHTS][:2000]}
    ),
    **{
        f"an archive cut at {percent} %": entry(
            "no model of the zoo", lambda place, n=percent: whole()[: len(whole()) * n // 100]
        )
        for percent in (0, 1, 10, 50, 90, 99)
    },
    "a pipe": Foreign(pipe, r"model\.keras' cannot be read: it is a pipe or a device"),
    "a folder called an archive": Foreign(folder, r"model\.keras.*"),
    "an archive of an older format": Foreign(legacy, r"model\.h5' is no model of the zoo"),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """A whole archive of a model of words."""
    model = zoo.create("word2vec", vocabulary=("", "▁<unknown>", "▁a"), max_length=5)
    model.compile()
    path = tmp_path_factory.mktemp("whole") / "model.keras"
    model.save(path)
    PARTS.update(parts_of(path))
    return path


@pytest.fixture(scope="module")
def corpus(archive, tmp_path_factory):
    root = tmp_path_factory.mktemp("foreign") / "corpus"
    root.mkdir()
    return read_corpus(root, ENTRIES, imports=["zoo.archives"])


@pytest.mark.parametrize("name", ENTRIES)
def test_a_foreign_archive_is_refused_with_its_name_and_the_reason(corpus, name):
    assert_refused(corpus.outcomes[name], ENTRIES[name], name)


def test_nothing_in_foreign_archives_is_executed(corpus):
    assert corpus.canaries == []


def test_reading_foreign_archives_writes_nothing(corpus):
    assert corpus.changed == []


def test_reading_foreign_archives_takes_little_memory(corpus):
    assert corpus.grown_bytes < MOST_BYTES


def test_a_whole_archive_is_read(archive):
    vocabulary, vectors = load_word_vectors(str(archive))
    assert vocabulary == ("", "▁<unknown>", "▁a")
    assert vectors.shape[0] == 3


def test_the_code_in_the_lambda_layer_would_have_worked(tmp_path):
    canary = tmp_path / "canary"
    (tmp_path / "a.keras").write_bytes(lambda_model(canary))
    assert not canary.exists()
    model = keras.saving.load_model(tmp_path / "a.keras", safe_mode=False)
    model(keras.ops.zeros((1, 2)))
    assert canary.exists()
