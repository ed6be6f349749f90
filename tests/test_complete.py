"""`zoo complete`: begun images, sounds and films, completed by a model whose ways are known."""

import contextlib
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image, ImageSequence
from scipy.io import wavfile
from small_runs import install_model
from throwaway import Echo, EchoConfig

from zoo import watching
from zoo.commands import run
from zoo.completion import Begun, Completion, Given, complete_run
from zoo.data import ImageSpec, VideoSpec, WaveformSpec, load
from zoo.data.sound_files import read_sound
from zoo.errors import ZooError
from zoo.making import Made
from zoo.media.completion import FRAME_COLOUR, save_completion
from zoo.media.sound import DPI
from zoo.planning import open_run
from zoo.testing import PluginContract

RATE_HZ, LENGTH = 1000, 200
ORANGE = np.rint(255 * np.array(FRAME_COLOUR)).astype("uint8")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Install the three echoes."""
    folder = tmp_path_factory.mktemp("site")
    for kind in ("image", "sound", "film"):
        reference = f"throwaway:{kind.upper()}_ECHO"
        install_model(folder, f"genzoo-{kind}-echo", f"{kind}-echo", reference)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


def train(folder, model, data, *options):
    options = ("--data", str(data), "--out", str(folder), "--steps", "1", *options)
    assert run(["train", model, *options]) == 0
    return folder


@pytest.fixture(scope="module")
def images(site, tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "images", "image-echo", "digits")


@pytest.fixture(scope="module")
def classes(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "classes"
    return train(folder, "image-echo", "digits", "--set", "class_conditional=true")


def sine(pitch_hz, length=LENGTH):
    return (0.5 * np.sin(2 * np.pi * pitch_hz * np.arange(length) / RATE_HZ)).astype("float32")


def write_sound(path, sound, rate_hz=RATE_HZ):
    wavfile.write(path, rate_hz, np.rint(sound * 32767).astype("int16"))
    return path


@pytest.fixture(scope="module")
def sounds(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds") / "data"
    folder.mkdir()
    for number in range(20):
        write_sound(folder / f"{number}.wav", sine(20 + 5 * number))
    return train(folder.parent / "run", "sound-echo", folder)


def write_film(path, film):
    frames = [Image.fromarray(np.rint(255 * frame[..., 0]).astype("uint8")) for frame in film]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


@pytest.fixture(scope="module")
def films(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("films") / "data"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(20):
        write_film(folder / f"{number}.gif", generator.integers(0, 2, (4, 6, 6, 1)))
    return train(folder.parent / "run", "film-echo", folder)


def complete(capsys, *arguments):
    """Return the exit code, stdout and stderr of `zoo complete`."""
    capsys.readouterr()
    code = run(["complete", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@given(
    side=st.sampled_from(["top", "left", None]),
    fraction=st.floats(0, 1),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
)
def test_that_share_of_an_image_is_given_from_its_side(side, fraction, height, width):
    spec = ImageSpec(image_shape=(height, width, 3))
    mask = Given(known=side, fraction=fraction).mask(spec)
    assert mask.shape == (height, width, 3)
    expected = np.zeros(mask.shape, bool)
    for row in range(height):
        for column in range(width):
            place, size = (column, width) if side == "left" else (row, height)
            expected[row, column] = place < round(fraction * size)
    assert np.array_equal(mask, expected)


def test_half_is_given_where_nothing_is_said():
    assert Given().mask(ImageSpec(image_shape=(8, 4, 1))).sum() == 16
    assert Given().mask(VideoSpec(video_shape=(6, 2, 2, 1))).sum() == 12
    assert Given().mask(WaveformSpec(sample_rate_hz=10, length=30)).sum() == 15


def test_seconds_and_frames_are_given_from_the_beginning():
    sound = Given(seconds=1.5).mask(WaveformSpec(sample_rate_hz=10, length=30))
    assert np.array_equal(sound, np.arange(30) < 15)
    film = Given(frames=2).mask(VideoSpec(video_shape=(6, 2, 3, 1)))
    assert film[:2].all()
    assert not film[2:].any()


@pytest.mark.parametrize(
    ("given_", "spec", "message"),
    [
        ({"frames": 1}, ImageSpec(image_shape=(8, 8, 1)), "by --known and --fraction. Leave out"),
        ({"known": "top"}, VideoSpec(video_shape=(6, 2, 2, 1)), "by --frames. Leave out --known"),
        ({"frames": 7}, VideoSpec(video_shape=(6, 2, 2, 1)), "has 6 frames. Received: --frames 7"),
        ({"seconds": 4}, WaveformSpec(sample_rate_hz=10, length=30), "has 3 seconds. Received"),
        ({"fraction": 1.1}, ImageSpec(image_shape=(8, 8, 1)), "between 0 and 1. Received: 1.1"),
    ],
)
def test_what_cannot_be_given_is_refused(given_, spec, message):
    with pytest.raises(ZooError) as raised:
        Given(**given_).mask(spec)
    assert message in str(raised.value)


def test_held_out_images_keep_what_is_given_and_echo_its_last_row(images):
    found = complete_run(
        open_run(images), Given(fraction=0.5), numbers=(3, 5), variants=2, temperature=0.0
    )
    x = load("digits", split="test").read(np.array([3, 5]))[0]
    assert found.made.shape == (2, 2, 8, 8, 1)
    for variant in range(2):
        assert np.array_equal(found.made[:, variant, :4], x[:, :4])
        assert np.array_equal(found.made[:, variant, 4:], np.repeat(x[:, 3:4], 4, axis=1))


def test_variants_differ_and_the_seed_decides_them(images):
    def made(seed):
        return complete_run(open_run(images), Given(), count=2, variants=2, seed=seed).made

    first = made(1)
    assert np.array_equal(first, made(1))
    assert not np.array_equal(first, made(2))
    assert not np.array_equal(first[:, 0], first[:, 1])


def test_examples_have_their_own_class_unless_one_is_named(classes):
    labels = load("digits", split="test").read(np.array([3, 5]))[1]
    options = {"numbers": (3, 5), "variants": 1, "temperature": 0.0}
    own = complete_run(open_run(classes), Given(fraction=0), **options).made
    assert np.allclose(own[:, 0], labels.reshape(2, 1, 1, 1) / 10)
    named = complete_run(open_run(classes), Given(fraction=0), class_name="7", **options).made
    assert np.allclose(named, 0.7)


def test_a_picture_of_completed_images_is_written_into_the_run(images, capsys):
    code, out, err = complete(capsys, images, "--index", "3,5", "--variants", 2)
    assert (code, err) == (0, "")
    rows = [f"Row {row}: {n} of the test split of digits" for row, n in ((1, 3), (2, 5))]
    assert out.splitlines() == [*rows, f"Picture: {images / 'complete.png'}"]


def test_the_part_that_is_given_has_a_frame_and_the_rest_none(tmp_path):
    x = np.zeros((1, 8, 8, 1), "float32")
    made = np.ones((1, 1, 8, 8, 1), "float32")
    made[:, :, :4] = 0
    spec = ImageSpec(image_shape=(8, 8, 1))
    begun = Begun(["one"], x, [8], None)
    completion = Completion(spec, begun, Given().mask(spec)[None], made)
    save_completion(completion, tmp_path / "picture.png")
    pixels = np.asarray(Image.open(tmp_path / "picture.png"))
    side = 8 * 11  # 84 pixels or more
    tiles = pixels[-side:]  # below the legend and the headings
    given_, made_, original = (tiles[:, n * (side + 2) : n * (side + 2) + side] for n in range(3))
    for tile in (given_, made_):
        is_frame = (tile == ORANGE).all(axis=-1)
        inner = np.zeros_like(is_frame)
        inner[2 : side // 2 - 2, 2:-2] = True
        expected = np.zeros_like(is_frame)
        expected[: side // 2] = True
        assert np.array_equal(is_frame, expected & ~inner)
        assert not tile[: side // 2][inner[: side // 2]].any()  # the given part itself
    assert (made_[side // 2 :] == 255).all()
    assert len(np.unique(given_[side // 2 :])) == 2  # stripes
    assert not original.any()


def test_own_images_are_completed(images, tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8), "uint8")
    Image.fromarray(pixels).save(tmp_path / "own.png")
    found = complete_run(open_run(images), Given(known="left"), files=[tmp_path / "own.png"])
    assert np.allclose(found.made[0, :, :, :4, 0], pixels[:, :4] / 255)
    out = tmp_path / "done.png"
    code, printed, _ = complete(capsys, images, tmp_path / "own.png", "--out", out)
    assert code == 0
    assert printed == f"Row 1: own.png\nPicture: {out}\n"


def test_an_image_of_another_size_names_both_sizes(images, tmp_path, capsys):
    Image.new("L", (30, 20)).save(tmp_path / "own.png")
    code, _, err = complete(capsys, images, tmp_path / "own.png")
    assert code == 1
    assert "own.png' has 30x20 pixels, width x height. The model was trained on 8x8." in err
    assert err.count("\n") == 1


def test_sounds_are_completed_to_be_heard_and_seen(sounds, tmp_path, capsys):
    out = tmp_path / "done.png"
    own = write_sound(tmp_path / "own.wav", sine(50))
    code, printed, err = complete(
        capsys, sounds, own, "--seconds", 0.05, "--variants", 2, "--temperature", 0, "--out", out
    )
    assert (code, err) == (0, "")
    assert len(Image.open(out).getcolors(1 << 24)) > 3
    assert printed.splitlines()[1:] == [f"Beside it: {tmp_path / 'done-wav'}", f"Picture: {out}"]
    for name in ("1-made-1.wav", "1-made-2.wav"):
        rate, samples = wavfile.read(tmp_path / "done-wav" / name)
        assert rate == RATE_HZ
        assert np.allclose(samples[:50] / 32768, sine(50)[:50], atol=1e-4)
        assert (samples[50:] == samples[49]).all()
    assert len(wavfile.read(tmp_path / "done-wav" / "1-original.wav")[1]) == LENGTH


def test_sounds_of_earlier_completions_are_replaced(sounds, tmp_path, capsys):
    out, folder = tmp_path / "done.png", tmp_path / "done-wav"
    for count in (2, 1):
        options = ("--count", count, "--variants", count, "--out", out)
        assert complete(capsys, sounds, *options)[0] == 0
        (folder / "9-original.wav").touch()
    names = {path.name for path in folder.glob("*.wav")}
    assert names == {"1-made-1.wav", "1-original.wav", "9-original.wav"}


def test_sounds_are_there_before_their_picture_is_drawn(sounds, tmp_path, capsys, monkeypatch):
    def interrupt(self, *arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", interrupt)
    code, _, _ = complete(capsys, sounds, "-n", 2, "--variants", 3, "--out", tmp_path / "done.png")
    assert code == 130
    assert len(list((tmp_path / "done-wav").glob("*.wav"))) == 2 * (3 + 1)


@pytest.mark.parametrize(("rows", "variants"), [(18, 1), (1, 10)])
def test_of_many_sounds_the_first_are_pictured_and_all_written(rows, variants, tmp_path):
    x = np.tile(sine(50), (rows, 1))
    known = np.arange(LENGTH) < np.full((rows, 1), 80)
    begun = Begun([str(row) for row in range(rows)], x, [LENGTH] * rows, None)
    spec = WaveformSpec(sample_rate_hz=RATE_HZ, length=LENGTH)
    made = np.repeat(x[:, None], variants, axis=1)
    picture, folder = save_completion(Completion(spec, begun, known, made), tmp_path / "done.png")
    assert len(list(folder.glob("*.wav"))) == rows * (variants + 1)
    with Image.open(picture) as drawn:
        inches = np.array(drawn.size) / DPI
    expected = (2.6 * (min(variants, 8) + 1), 1.3 * min(rows, 16) + 0.8)
    np.testing.assert_allclose(inches, expected, atol=0.02)


def test_what_is_completed_of_a_sound_can_be_heard_meanwhile(sounds, tmp_path, capsys, monkeypatch):
    def complete_slowly(self, x, known, *, seed=0, watch):
        for rows in (100, LENGTH):
            now[0] += 3.0  # seconds
            watch(Made(elements=rows, total=LENGTH, first=0, rows=rows, examples=lambda: x))
            heard.append(read_sound(tmp_path / "done-preview.wav", RATE_HZ))
        return x

    now, heard = [0.0], []
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Echo, "complete", complete_slowly)
    own = write_sound(tmp_path / "own.wav", sine(50))
    assert complete(capsys, sounds, own, "--out", tmp_path / "done.png")[0] == 0
    assert list(map(len, heard)) == [100, LENGTH]
    assert np.allclose(heard[1], sine(50), atol=1e-4)
    assert not (tmp_path / "done-preview.wav").exists()


def test_a_short_sound_is_completed_and_one_too_short_is_refused(sounds, tmp_path, capsys):
    own = write_sound(tmp_path / "own.wav", sine(50, length=60))
    found = complete_run(open_run(sounds), Given(seconds=0.05), files=[own], variants=1)
    assert found.made.shape == (1, 1, LENGTH)
    assert found.begun.lengths == [60]
    code, _, err = complete(capsys, sounds, own, "--fraction", 0.5)
    assert code == 1
    assert "has 60 samples, fewer than the 100 that are to be given" in err


def test_films_are_completed_to_be_played_and_to_stand_still(films, tmp_path, capsys):
    film = np.random.default_rng(1).integers(0, 2, (4, 6, 6, 1)).astype("float32")
    own = write_film(tmp_path / "own.gif", film)
    found = complete_run(open_run(films), Given(frames=3), files=[own], variants=1, temperature=0.0)
    assert np.array_equal(found.made[0, 0, :3], film[:3])
    assert np.array_equal(found.made[0, 0, 3], film[2])
    out = tmp_path / "done.png"
    code, printed, err = complete(capsys, films, own, "--frames", 3, "--variants", 1, "--out", out)
    assert (code, err) == (0, "")
    assert f"Beside it: {tmp_path / 'done.gif'}\nPicture: {out}\n" in printed
    with Image.open(tmp_path / "done.gif") as played:
        frames = [np.asarray(f.convert("RGB")).astype(int) for f in ImageSequence.Iterator(played)]
    framed = [bool((np.abs(f - ORANGE).max(axis=-1) < 8).sum() > 100) for f in frames]
    assert framed == [True, True, True, False]


def test_a_film_of_another_size_names_both_sizes(films, tmp_path, capsys):
    own = write_film(tmp_path / "own.gif", np.ones((4, 9, 7, 1)))
    code, _, err = complete(capsys, films, own)
    assert code == 1
    assert "have 7x9 pixels, width x height. The model was trained on 6x6." in err


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"", "it is empty"), (b"text", "it is not an image")],
)
def test_a_file_that_cannot_be_read_is_named(images, tmp_path, capsys, content, message):
    path = tmp_path / "own.png"
    if content is not None:
        path.write_bytes(content)
    code, _, err = complete(capsys, images, path)
    assert code == 1
    assert "own.png' cannot be read: " in err
    assert message in err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--index", "360"], 1, "go from 0 to 359. Received: 360"),
        (["--class", "7"], 1, "takes no class. Leave out --class"),
        (["--frames", "2"], 1, "Leave out --frames"),
        (["--out", "picture.gif"], 1, "written as '.png'. Received: 'picture.gif'"),
        (["--out", "nowhere/picture.png"], 1, "there is no folder 'nowhere'. Make it first"),
        (["--out", "."], 1, "it is a folder. Name a file in it, such as 'name.png'"),
        (["--fraction", "2"], 2, "2.0 is not in the range"),
        (["--fraction", ".5", "--seconds", "1"], 2, "--fraction or --seconds, not both"),
        (["file.png", "--index", "2"], 2, "Give files, or examples of the data with --index"),
        (["--known", "bottom"], 2, "is not one of 'top', 'left'"),
    ],
)
def test_what_cannot_be_done_is_refused(images, capsys, options, code, message):
    found, _, err = complete(capsys, images, *options)
    assert found == code
    assert message in err


def test_a_model_that_cannot_complete_says_so(tmp_path, capsys):
    small = ("--set", "hidden_sizes=4", "--set", "latent_size=2", "--steps", "1")
    assert run(["train", "vae", "--out", str(tmp_path / "vae"), *small]) == 0
    code, _, err = complete(capsys, tmp_path / "vae")
    assert code == 1
    assert "'vae' cannot complete what is begun." in err


def test_a_class_conditional_model_needs_the_class_of_a_file(classes, tmp_path, capsys):
    Image.new("L", (8, 8)).save(tmp_path / "own.png")
    code, _, err = complete(capsys, classes, tmp_path / "own.png")
    assert code == 1
    assert "needs a --class. Received: none." in err
    assert complete(capsys, classes, tmp_path / "own.png", "--class", "7")[0] == 0


def test_a_picture_that_cannot_be_written_is_told_before_it_is_made(
    images, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(Echo, "complete", lambda *_, **__: pytest.fail("made"))
    (tmp_path / "file").touch()
    code, _, err = complete(capsys, images, "--out", tmp_path / "file" / "picture.png")
    assert code == 1
    assert "picture.png' could not be written" in err
    assert err.count("\n") == 1


class Forgets(Echo):
    def complete(self, x, known, **options):
        return super().complete(x, np.zeros_like(known), **options)


class Peeps(Echo):
    def complete(self, x, known, **options):
        made = super().complete(x, known, **options)
        return np.where(known, made, x.mean(dtype="float32"))


class NeverVaries(Echo):
    def complete(self, x, known, *, seed=0, **options):
        return super().complete(x, known, seed=0, **options)


@pytest.mark.parametrize("model_class", [Echo, Forgets, Peeps, NeverVaries])
def test_the_contract_sees_whether_a_model_completes(model_class):
    model = model_class(EchoConfig(image_shape=(8, 8, 1)))
    expected = contextlib.nullcontext() if model_class is Echo else pytest.raises(AssertionError)
    with expected:
        PluginContract().test_what_it_claims_of_completion_holds((model,), load("digits"))
