"""Files of data that are cut, contradict themselves, or mean harm, read by `zoo data info`."""

import gc
import io
import os
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from foreign import MOST_BYTES, Exploit, Foreign, Place, assert_refused, read_corpus
from PIL import Image
from sketches import npy, objects, record, sketch, write_npz
from sounds import tone, write_wav

from zoo.data import npz_sketches
from zoo.data.films import read_film
from zoo.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
DEEP = 50_000


def info(path: Path | str, *options: str | Path) -> list[str | Path]:
    return ["data", "info", path, *options]


def file(name: str, content: bytes, reason: str) -> Foreign:
    """Return an entry of one file, which the command is given."""

    def write(place: Place):
        (place.folder / name).write_bytes(content)
        return info(place.folder / name)

    return Foreign(write, rf"{name}'.*{reason}")


def only(name: str, content: bytes, reason: str) -> Foreign:
    """Return an entry of one file that stands alone in the folder that the command is given."""

    def write(place: Place):
        (place.folder / name).write_bytes(content)
        return info(place.folder)

    return Foreign(write, rf"{name}: {reason}")


def used(entry: Foreign, shown: str) -> Foreign:
    """Return an entry of which something can be used, as the output shows."""
    return Foreign(entry.write, shown, is_skipped=True)


def picture(kind: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(PIXELS).save(content, kind)
    return content.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png(*, width=24, height=20, more=b"") -> bytes:
    """Return a PNG file that says it has that size, with the pixels of a smaller one."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + more
        + chunk(b"IDAT", zlib.compress(b"\0" * 500))
        + chunk(b"IEND", b"")
    )


def gif(frames: int) -> bytes:
    """Return a GIF file of so many frames of one pixel."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    image = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return screen + image * frames + b";"


def pipe(name: str):
    def write(place: Place):
        os.mkfifo(place.folder / name)
        return info(place.folder / name)

    return Foreign(write, rf"{name}' (cannot be read|is neither)")


def listed_pipe(name: str):
    def write(place: Place):
        os.mkfifo(place.folder / name)
        return info(place.folder)

    return Foreign(write, rf"{name}: not a file, or a broken link")


def a_folder_called(name: str):
    def write(place: Place):
        (place.folder / name).mkdir()
        return info(place.folder)

    return Foreign(write, "holds no images")


def sparse(name: str, gigabytes: int, reason: str, start: bytes = b""):
    def write(place: Place):
        with (place.folder / name).open("wb") as out:
            out.write(start)
            out.truncate(gigabytes * 1024**3)
        return info(place.folder)

    return Foreign(write, rf"{name}: {reason}")


IMAGES = {
    "a picture of 50,000 x 50,000": only(
        "a.png", png(width=50_000, height=50_000), "more than 64 megapixels"
    ),
    "a picture of 2**31 pixels a side": only("a.png", png(width=2**31 - 1, height=2**31 - 1), ""),
    "a picture without pixels": only("a.png", png(width=0), ""),
    "a picture with fewer pixels than it says": only("a.png", png(width=4000, height=4000), ""),
    "a text of 50 MB inside a picture": only(
        "a.png", png(more=chunk(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 50_000_000, 1))), ""
    ),
    "text called a picture": only("a.png", b"hello", "it is not an image"),
    "an empty picture": only("a.png", b"", "it is empty"),
    "PostScript called a picture": only(
        "a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run\n", "it is not an"
    ),
    "a film of 20,000 frames": used(only("a.gif", gif(20_000), ""), "image_shape: 1, 1, 3"),
    "a film of 65,535 x 65,535": only(
        "a.gif", b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + gif(2)[19:], ""
    ),
    "a pipe called a picture": listed_pipe("a.png"),
    "a folder called a picture": a_folder_called("a.png"),
    **{
        f"half of a {kind} picture": only(
            f"a.{kind.lower()}", picture(kind)[: len(picture(kind)) // 2], ""
        )
        for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP")
    },
}


def a_pipe_beside_a_sound(place: Place):
    write_wav(place.folder / "b.wav", tone())
    os.mkfifo(place.folder / "a.wav")
    return info(place.folder)


def wav(**fields: int) -> bytes:
    """Return a WAV file whose header says something else in some fields."""
    values = {"riff": 836, "fmt": 16, "kind": 1, "channels": 1, "rate": 8000, "bytes": 16000}
    values |= {"block": 2, "bits": 16, "data": 800, **fields}
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        values["riff"],
        b"WAVE",
        b"fmt ",
        *[values[name] for name in ("fmt", "kind", "channels", "rate", "bytes", "block", "bits")],
        b"data",
        values["data"],
    )
    return header + (1000 * np.sin(np.arange(400))).astype("<i2").tobytes()


SOUNDS = {
    "a sound of 4 GB by its header": only(
        "a.wav", wav(riff=2**32 - 1, data=2**32 - 2), "it is cut short"
    ),
    "a sound of unknown length": used(
        only("a.wav", wav(riff=2**32 - 1, data=2**32 - 1), ""), "length: 400"
    ),
    "a sound with a format of 4 GB": only("a.wav", wav(fmt=2**32 - 16), ""),
    "a sound of 65,535 channels": only("a.wav", wav(channels=65535, block=65534), ""),
    "a sound of no channels": only("a.wav", wav(channels=0), ""),
    "a sound of rate 0": only("a.wav", wav(rate=0, bytes=0), "a sample rate of 0 Hz"),
    "a sound of 0 bits": used(only("a.wav", wav(bits=0), ""), "length: 400"),
    "a sound of 65,535 bits": only("a.wav", wav(bits=65535), ""),
    "a sound that is packed": only("a.wav", wav(kind=85), ""),
    "half of a sound": only("a.wav", wav()[:400], "it is cut short: 400 of 844 bytes"),
    "a sound of 3 GiB of nothing": sparse(
        "a.wav", 3, "it is larger than 2 GiB", b"RIFF\0\0\0\0WAVE"
    ),
    "a pipe called a sound": Foreign(a_pipe_beside_a_sound, "a.wav: not a file", is_skipped=True),
}


def pickled(protocol: int):
    def write(place: Place):
        write_npz(place.folder / "a.npz", train=npy(objects([Exploit(place.canary)]), protocol))
        return info(place.folder / "a.npz")

    # The oldest protocols have operations that arrays need not.
    named = r"names (io|_io)\.open" if protocol > 1 else "has the operation (PUT|INT)"
    return Foreign(write, rf"a.npz' is refused: it.*{named}")


def header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def members(reason: str, **contents: bytes) -> Foreign:
    def write(place: Place):
        write_npz(place.folder / "a.npz", **contents)
        return info(place.folder / "a.npz")

    return Foreign(write, rf"a.npz'.*{reason}")


def outside(place: Place):
    """An archive whose members would be unpacked outside, had they been unpacked at all."""
    with zipfile.ZipFile(place.folder / "a.npz", "w") as archive:
        for name in ("../../train.npy", str(place.secret), "/etc/train.npy", "C:\\train.npy"):
            archive.writestr(name, npy(objects([sketch()])))
    return info(place.folder / "a.npz")


def lying_size(place: Place):
    """An archive that says of a member that it unpacks to 3 GiB."""
    path = write_npz(place.folder / "a.npz", train=npy(objects([sketch()])))
    content = bytearray(path.read_bytes())
    central = content.rindex(b"PK\x01\x02")
    content[central + 24 : central + 28] = struct.pack("<I", 3 * 1024**3)
    path.write_bytes(content)
    return info(path)


PICKLE = header("(1,)", "'|O'") + b"\x80\x04"
TWICE = (
    b"(K\x01t" + b"\x94h\x00\x86" + b"".join(b"\x94h" + bytes([n]) + b"\x86" for n in range(1, 90))
)
SKETCHES = {
    **{f"code in a pickle of protocol {n}": pickled(n) for n in (0, 1, 2, 3, 4)},
    "members outside the archive": Foreign(outside, r"a.npz' has no train.npy"),
    "a member of 3 GiB by its name": Foreign(lying_size, "unpacks to 3.0 GiB; expected at most 1"),
    "an array of a petabyte": members("has the shape", train=header("(1000000000000, 250, 3)")),
    "sketches without points": members("has the shape", train=header("(1000000000000000, 0, 3)")),
    "an array of negative size": members("and holds", train=header("(-1, -1, 3)") + b"\0" * 12),
    "a header that nests": members("header", train=header("(" * 3000 + ")" * 3000)),
    "a hundred thousand marks": members(
        "its pickle", train=PICKLE + b"(" * 100_000 + b"t" * 100_000 + b"."
    ),
    "a type that contains itself": members(
        "values of type unknown",
        train=PICKLE + b"\x8c\x05numpy\x8c\x05dtype\x93" + TWICE + b"\x85R.",
    ),
    "a pickle without an end": members("its pickle", train=PICKLE + b"]" * 1000),
    "numbers of 255 bytes": members("", train=PICKLE + b"\x8a\xff" + b"\x7f" * 255 + b"\x85."),
    "a pipe called sketches": pipe("a.npz"),
    "a pipe called drawings": pipe("a.ndjson"),
    "a drawing that nests": file("a.ndjson", b'{"drawing": ' + b"[" * DEEP, "no drawing.*no JSON"),
    "a drawing of infinite size": file(
        "a.ndjson", record([[[0, 1e999], [0, 1]]]).encode(), "no draw"
    ),
    "a drawing of numbers of 5,000 digits": file(
        "a.ndjson", b'{"drawing": [[[' + b"9" * 5000 + b"], [1]]]}", "no JSON"
    ),
    "100 MB of spaces called drawings": file("a.ndjson", b" " * 100_000_000, "no drawing"),
    "entities that multiply": only(
        "a.svg",
        b'<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
        + b"]><svg>&j;</svg>",
        "it declares XML entities",
    ),
    "an entity that is a file": only(
        "a.svg", b'<!DOCTYPE s [<!ENTITY a SYSTEM "../secret.txt">]><svg>&a;</svg>', "it declares"
    ),
    "a picture that nests": only("a.svg", b"<svg>" + b"<g>" * DEEP, "no XML"),
    "a megabyte of letters where a move should be": only(
        "a.svg",
        b'<svg><path transform="' + b"a" * 1_000_000 + b'" d="M1 1"/></svg>',
        "no path, line",
    ),
    "a megabyte of words where a move should be": only(
        "a.svg",
        b'<svg><path transform="' + b"a (b " * 200_000 + b'" d="M1 1"/></svg>',
        "no path, line",
    ),
    "a picture in no encoding": only(
        "a.svg", b'<?xml version="1.0" encoding="x-none"?><svg/>', "no XML"
    ),
    "a picture of 200,000 lines": only(
        "a.svg", b'<svg><path d="M0 0' + b"h9v9" * 100_000 + b'"/></svg>', "more than 10,000 points"
    ),
}

TEXTS = {
    "a list that nests": file("a.json", b"[" * DEEP, "cannot be read"),
    "a text of a number of 5,000 digits": file(
        "a.json", b"[" + b"9" * 5000 + b"]", "cannot be read"
    ),
    "100 MB of spaces called JSON": file("a.json", b" " * 100_000_000, "it is no JSON"),
    "a text in UTF-16": file("a.txt", "hello".encode("utf-16"), "it is UTF-16; expected UTF-8"),
    "a text in Latin-1": file("a.txt", "schön".encode("latin-1"), "it is not UTF-8: byte 0xf6"),
    "zeros called text": file("a.txt", bytes(100), "it is no text: a NUL byte at position 0"),
    "JSON of numbers": file("a.json", b'[1, NaN, {"text": 5}]', "no text to train on"),
    "JSON that is a number": file("a.json", b"1e999", "expected a list"),
    "a cell of 10 MB": file(
        "a.csv", b'text\n"' + b"a b " * 2_500_000 + b'"', "has at most 60 word"
    ),
    "a quote that never ends": file("a.csv", b'text\n"a\n' * 1000, "in line 4"),
    "a pipe called text": pipe("a.txt"),
}


def captions(name: str, content: bytes, reason: str) -> Foreign:
    def write(place: Place):
        for image in "ab":
            (place.folder / f"{image}.png").write_bytes(picture("PNG"))
        (place.folder / name).write_bytes(content)
        return info(place.folder)

    return Foreign(write, reason)


def embeddings(
    reason: str, *, captions: bytes | None = None, vectors: bytes | None = None
) -> Foreign:
    def write(place: Place):
        (place.folder / "a.png").write_bytes(picture("PNG"))
        (place.folder / "a.txt").write_text("a cat\n")
        write_npz(
            place.folder / "v.npz",
            captions=captions or header("(1,)", "'<U1'") + b"a\0\0\0",
            embeddings=vectors or header("(1, 3)") + bytes(12),
        )
        return info(place.folder, "--embeddings", place.folder / "v.npz")

    return Foreign(write, rf"v.npz' (holds no embeddings|cannot be used).*{reason}")


def embeddings_with_code(place: Place):
    (place.folder / "a.png").write_bytes(picture("PNG"))
    (place.folder / "a.txt").write_text("a cat\n")
    code = npy(objects([Exploit(place.canary)]))
    write_npz(place.folder / "v.npz", captions=code, embeddings=code)
    return info(place.folder, "--embeddings", place.folder / "v.npz")


CAPTIONS = {
    "captions of files outside": used(
        captions(
            "captions.csv",
            b"a.png,a cat\nb.png,a dog\n../secret.txt,a\n/etc/passwd,b\n",
            "",
        ),
        r"captions.csv: there is no image '../secret.txt'",
    ),
    "captions in Latin-1": captions(
        "captions.tsv", b"a.png\tsch\xf6n\n", "captions.tsv' cannot be read"
    ),
    "captions with a cell of 10 MB": captions(
        "captions.csv", b'a.png,"' + b"a" * 10_000_000, "captions.csv' cannot be read"
    ),
    "captions without an end": captions("captions.csv", b'a.png,"cat\n', "captions.csv' cannot be"),
    "code in embeddings": Foreign(
        embeddings_with_code, "v.npz' holds no embeddings: Object arrays"
    ),
    "embeddings of a petabyte": embeddings("take", vectors=header("(1000000000000, 300)")),
    "embeddings of negative size": embeddings("take", vectors=header("(-1, 3)")),
    "captions of characters that are none": embeddings(
        "its captions are no text", captions=header("(1,)", "'<U1'") + b"\xff\xff\xff\x7f"
    ),
    "captions of a text of 2 GB": embeddings("take", captions=header("(1,)", "'<U500000000'")),
    "a header that is code": embeddings("header", captions=header("(__import__('os'),)")),
}
ENTRIES = IMAGES | SOUNDS | SKETCHES | TEXTS | CAPTIONS


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("foreign") / "corpus"
    root.mkdir()
    return read_corpus(root, ENTRIES, imports=["zoo.data.sources", "scipy.io", "PIL.Image"])


@pytest.mark.parametrize("name", ENTRIES)
def test_a_foreign_file_is_refused_with_its_name_and_the_reason(corpus, name):
    assert_refused(corpus.outcomes[name], ENTRIES[name], name)


def test_nothing_in_foreign_files_is_executed(corpus):
    assert corpus.canaries == []


def test_reading_foreign_files_writes_nothing(corpus):
    assert corpus.changed == []


def test_reading_foreign_files_takes_little_memory(corpus):
    assert corpus.grown_bytes < MOST_BYTES


def test_the_code_in_those_files_would_have_worked(tmp_path):
    place = Place(tmp_path, tmp_path / "canary", tmp_path / "secret")
    pickled(4).write(place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the file that the code leaves open
        with np.load(tmp_path / "a.npz", allow_pickle=True) as arrays:
            arrays["train"]
        gc.collect()
    assert place.canary.exists()


def test_a_film_of_too_many_frames_is_refused(tmp_path):
    (tmp_path / "a.gif").write_bytes(gif(10_001))
    with pytest.raises(DataError, match=r"a.gif' cannot be read: it has more than 10,000 frames"):
        read_film(tmp_path / "a.gif", (1, 1, 1, 1))


def test_a_pickle_of_too_many_operations_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(npz_sketches, "MOST_OPERATIONS", 1000)
    write_npz(tmp_path / "a.npz", train=PICKLE + b"]" * 1000 + b".")
    with pytest.raises(DataError, match=r"a.npz' is refused: its pickle has more than 1,000 opera"):
        npz_sketches.read_npz(tmp_path / "a.npz", 250, "", "a.npz")


def test_a_film_whose_frames_grow_is_refused(tmp_path):
    larger = io.BytesIO()
    Image.new("1", (3, 3)).save(larger, "GIF")
    frame = larger.getvalue()[larger.getvalue().index(b"," + bytes(4)) :]
    (tmp_path / "a.gif").write_bytes(gif(1)[:-1] + frame)
    with pytest.raises(DataError, match=r"a.gif' cannot be read: its frames have several sizes"):
        read_film(tmp_path / "a.gif", (2, 1, 1, 1))
