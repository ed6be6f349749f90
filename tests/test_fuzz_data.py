"""Every parser of data, given anything: it returns data that can be used, or says why not.

Each is given 50 inputs by default, and 2,000 with `--hypothesis-profile=thorough`.
"""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from fuzzed import contents, fuzz_settings, read_or_refuse
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sketches import npy, objects, record, sketch, write_npz
from sounds import tone, write_wav

from zoo.data.caption_files import load_captioned
from zoo.data.embeddings import read_embeddings
from zoo.data.films import load_films, read_film
from zoo.data.folder import load_folder
from zoo.data.forms import ImageForm, TextForm
from zoo.data.scenes import VALUES, attributes_of
from zoo.data.sketch_files import load_sketches
from zoo.data.sound_files import load_sounds, read_sound
from zoo.data.text_files import load_texts
from zoo.data.vocabulary import make_vocabulary, normalized, text_of, tokens_of
from zoo.illustrating import read_texts

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


def written(write) -> bytes:
    """Return what a function writes into an open file."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def picture(mode: str, kind: str, **options) -> bytes:
    image = Image.fromarray(PIXELS).convert(mode)
    return written(lambda file: image.save(file, kind, **options))


def film(count: int) -> bytes:
    frames = [Image.fromarray(np.roll(PIXELS, n, 0)) for n in range(count)]
    return written(
        lambda file: frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    )


def read_all(data):
    """Return all examples of a data set, after a check of what every one promises."""
    assert len(data) > 0
    examples, labels = data.read(np.arange(min(len(data), 50)))
    assert labels is None or ((labels >= 0) & (labels < len(data.spec.class_names))).all()
    return examples


IMAGES = {
    "png": [picture(mode, "PNG") for mode in ("RGB", "RGBA", "P", "I;16", "1")],
    "jpg": [picture(mode, "JPEG", progressive=mode == "L") for mode in ("RGB", "CMYK", "L")],
    "bmp": [picture("RGB", "BMP"), picture("P", "BMP")],
    "gif": [picture("P", "GIF"), film(3)],
    "webp": [picture("RGB", "WEBP"), picture("RGBA", "WEBP", lossless=True)],
}


@pytest.mark.parametrize("suffix", IMAGES)
def test_a_picture_is_pixels_or_a_reason(folder, suffix):
    path = folder / f"a.{suffix}"

    @fuzz_settings()
    @given(content=contents(IMAGES[suffix]), size=st.sampled_from([None, 4]))
    def check(content, size):
        path.write_bytes(content)
        form = None if size is None else ImageForm(image_size=size)
        data = read_or_refuse(lambda: load_folder(str(folder), split="train", form=form))
        if data is not None:
            images = read_all(data)
            assert images.dtype == np.float32
            assert images.ndim == 4
            assert images.min() >= 0
            assert images.max() <= 1

    check()


def test_a_gif_is_a_film_or_a_reason(folder):
    path = folder / "a.gif"

    @fuzz_settings()
    @given(content=contents([film(3), film(2)]))
    def check(content):
        path.write_bytes(content)
        data = read_or_refuse(lambda: load_films(str(folder), split="train"))
        if data is not None:
            films = read_all(data)
            assert films.ndim == 5
            assert 0 <= films.min() <= films.max() <= 1
        one = read_or_refuse(lambda: read_film(path, (3, 5, 6, 3)))
        assert one is None or one.shape[1:] == (5, 6, 3)

    check()


def wav(folder: Path, **options) -> bytes:
    return write_wav(folder / "valid" / "a.wav", tone(60), **options).read_bytes()


def test_a_sound_is_samples_or_a_reason(folder, tmp_path):
    valid = [wav(tmp_path, width=width) for width in (1, 2, 3, 4)]
    path = folder / "a.wav"

    @fuzz_settings()
    @given(content=contents(valid))
    def check(content):
        path.write_bytes(content)
        data = read_or_refuse(lambda: load_sounds(str(folder), split="train"))
        sound = read_or_refuse(lambda: read_sound(path, 8000))
        assert (data is None) == (sound is None)
        if data is not None:
            assert np.abs(read_all(data)).max() <= 1
            assert sound.dtype == np.float32
            assert np.abs(sound).max() <= 1

    check()


def check_sketches(name: Path) -> None:
    data = read_or_refuse(lambda: load_sketches(str(name), split="train"))
    if data is None:
        return
    sketches = read_all(data)  # (N, T, 5)
    assert np.isfinite(sketches).all()
    assert (sketches[..., 2:].sum(axis=2) == 1).all()


def npz(folder: Path, **members) -> bytes:
    path = folder / "valid.npz"
    write_npz(path, **members)
    return path.read_bytes()


def test_an_npz_file_is_sketches_or_a_reason(folder, tmp_path):
    few = objects([sketch(), sketch(6)])
    valid = [
        npz(tmp_path, train=npy(few, protocol), test=npy(few, protocol)) for protocol in (2, 4)
    ]

    @fuzz_settings()
    @given(content=contents(valid))
    def check(content):
        (folder / "a.npz").write_bytes(content)
        check_sketches(folder / "a.npz")

    check()


def test_a_pickle_in_an_npz_file_is_sketches_or_a_reason(folder):
    few = objects([sketch(), sketch(6)])

    @fuzz_settings()
    @given(content=contents([npy(few, protocol) for protocol in (0, 1, 2, 3, 4, 5)]))
    def check(content):
        write_npz(folder / "a.npz", train=content)
        check_sketches(folder / "a.npz")

    check()


def test_a_line_of_quick_draw_is_a_drawing_or_a_reason(folder):
    valid = [f"{record()}\n{record(key_id='8')}\n".encode(), record(word="cat").encode()]

    @fuzz_settings()
    @given(content=contents(valid))
    def check(content):
        (folder / "a.ndjson").write_bytes(content)
        check_sketches(folder / "a.ndjson")

    check()


numbers = st.integers(-(10**20), 10**20) | st.floats() | st.text("0123456789.e-", max_size=5)
any_json = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


def test_strokes_of_any_numbers_are_a_drawing_or_a_reason(folder):
    line = st.lists(numbers, min_size=1, max_size=4)
    strokes = st.lists(st.lists(line | any_json, min_size=2, max_size=3), min_size=1, max_size=3)

    @fuzz_settings()
    @given(drawings=st.lists(strokes, min_size=1, max_size=3))
    def check(drawings):
        lines = [record(drawing, key_id=str(n)) for n, drawing in enumerate(drawings)]
        (folder / "a.ndjson").write_text("\n".join(lines))
        check_sketches(folder / "a.ndjson")

    check()


SVG = [
    b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M10 10 L90 15 90 90zC1 2 3 4 5 6"/></svg>',
    b'<svg><g transform="rotate(20 5 5) scale(2)"><rect width="9" height="4" rx="1"/></g></svg>',
    b'<svg><circle cx="3" cy="4" r="2px"/><polyline points="1,2 3,4 9 9"/><ellipse ry="1"/></svg>',
    b'<svg><path transform="matrix(1 2 3 4 5 6)" d="M1 1a3 2 10 0 1 7 7q1 2 3 4t1 1s1 2 3"/></svg>',
]


def test_an_svg_file_is_a_drawing_or_a_reason(folder):
    @fuzz_settings()
    @given(content=contents(SVG))
    def check(content):
        (folder / "a.svg").write_bytes(content)
        check_sketches(folder)

    check()


def test_attributes_of_an_svg_file_are_a_drawing_or_a_reason(folder):
    value = st.text("0123456789.,-+eE %()pxinfasmtrcoleuwkXY MLHVCSQTAZz", max_size=30)
    names = st.sampled_from(
        [
            "d",
            "points",
            "transform",
            "x",
            "y",
            "width",
            "height",
            "rx",
            "ry",
            "r",
            "cx",
            "cy",
            "x1",
            "x2",
            "style",
        ]
    )
    tags = st.sampled_from(["path", "rect", "circle", "ellipse", "line", "polygon", "g", "a:path"])

    @fuzz_settings()
    @given(shapes=st.lists(st.tuples(tags, st.dictionaries(names, value)), min_size=1, max_size=4))
    def check(shapes):
        inside = "".join(
            f"<{tag} {' '.join(f'{name}={json.dumps(text)}' for name, text in given_.items())}/>"
            for tag, given_ in shapes
        )
        (folder / "a.svg").write_text(f'<svg xmlns:a="a"><line x2="9" y2="9"/>{inside}</svg>')
        check_sketches(folder)

    check()


TEXTS = {
    "txt": ["First line\n\nSecond, line.\r\nThird ▁ line\n".encode(), "\ufeffÀ la\n字".encode()],
    "json": [b'["one two", "three"]', b'[{"text": "one"}, {"text": ["two", "three"]}]'],
    "jsonl": [b'"one"\n"two"\n', b'{"text": "one", "n": 1.5}\n{"text": "two"}\n'],
    "csv": [b'id,text\n1,"one, ""two"""\n2,three\n', "\ufefftext\r\nän\r\n".encode()],
    "tsv": [b"text\tid\none two\t1\nthree\t2\n"],
}


@pytest.mark.parametrize("suffix", TEXTS)
def test_a_text_is_tokens_or_a_reason(folder, suffix):
    path = folder / f"a.{suffix}"

    @fuzz_settings()
    @given(content=contents(TEXTS[suffix]), unit=st.sampled_from(["word", "character"]))
    def check(content, unit):
        path.write_bytes(content)
        form = TextForm(tokens=unit)
        data = read_or_refuse(lambda: load_texts(str(path), split="train", form=form))
        if data is not None:
            tokens = read_all(data)
            assert tokens.dtype == np.int32
            assert 0 <= tokens.min() <= tokens.max() < len(data.spec.vocabulary)

    check()


CAPTIONS = {
    "captions.tsv": ["file\tcaption\na.png\tA cat\tIt sits\nb.png\tÀ dog\n".encode()],
    "captions.csv": [b'a.png,"a ""red"" cat"\nb.png,dog\n./a.png,more\n'],
    "a.txt": [b"A cat\nit sits\n", "\ufeffÀ cat".encode()],
}


@pytest.mark.parametrize("name", CAPTIONS)
def test_a_file_of_captions_is_captions_or_a_reason(folder, name):
    for image in "ab":
        (folder / f"{image}.png").write_bytes(picture("RGB", "PNG"))

    @fuzz_settings()
    @given(content=contents(CAPTIONS[name]))
    def check(content):
        (folder / name).write_bytes(content)
        data = read_or_refuse(lambda: load_captioned(str(folder), split="train"))
        if data is not None:
            examples = data.read(np.zeros((1, 2), int))[0]
            assert examples["caption"].max() < len(data.spec.vocabulary)

    check()


def test_a_file_of_embeddings_is_vectors_or_a_reason(folder):
    def make(save, **arrays):
        return written(lambda file: save(file, **arrays))

    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    valid = [
        make(save, captions=np.array(["a cat", "dog"]), embeddings=vectors.astype(dtype))
        for save in (np.savez, np.savez_compressed)
        for dtype in ("f4", "f2", "i8")
    ]

    @fuzz_settings()
    @given(content=contents(valid))
    def check(content):
        (folder / "a.npz").write_bytes(content)
        found = read_or_refuse(lambda: read_embeddings(folder / "a.npz"))
        for caption, vector in (found or {}).items():
            assert isinstance(caption, str)
            assert vector.dtype == np.float32
            assert vector.ndim == 1
            assert np.isfinite(vector).all()

    check()


def test_a_header_of_embeddings_is_vectors_or_a_reason(folder):
    """The archive is whole, what it says of its arrays is not."""
    valid = [
        written(lambda file, array=array: np.save(file, array))
        for array in (np.array(["a cat", "dog"]), np.zeros((2, 3), np.float32))
    ]

    @fuzz_settings()
    @given(captions=contents(valid), embeddings=contents(valid))
    def check(captions, embeddings):
        write_npz(folder / "a.npz", captions=captions, embeddings=embeddings)
        read_or_refuse(lambda: read_embeddings(folder / "a.npz"))

    check()


def test_a_list_of_texts_is_texts_or_a_reason(folder):
    @fuzz_settings()
    @given(content=contents([b"a red circle\n\nthe digit seven\r\n", "\ufeffÀ".encode()]))
    def check(content):
        (folder / "a.txt").write_bytes(content)
        texts = read_or_refuse(lambda: read_texts(folder / "a.txt"))
        assert texts is None or all(text.strip() for text in texts)

    check()


@fuzz_settings()
@given(text=st.text(max_size=80), unit=st.sampled_from(["word", "character"]))
def test_any_text_comes_back_from_its_tokens(text, unit):
    plain = normalized(text)
    assert normalized(plain) == plain
    vocabulary = make_vocabulary([plain], unit, 1000)
    tokens = tokens_of(text, vocabulary)
    assert all(0 < token < len(vocabulary) for token in tokens)
    if "\ufffd" not in plain and "\0" not in plain:
        assert text_of(np.array(tokens), vocabulary) == plain


@fuzz_settings()
@given(caption=st.text(max_size=60) | contents([b"a small red circle above a large blue square"]))
def test_any_caption_is_a_scene_or_none(caption):
    text = caption if isinstance(caption, str) else caption.decode("utf-8", "surrogateescape")
    found = read_or_refuse(lambda: attributes_of(text))
    assert found is None or all(found[name] in values for name, values in VALUES.items())
