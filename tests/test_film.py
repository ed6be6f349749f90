"""Films as data and as pictures: folders of GIF files, strips, grids that play."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence
from small_runs import install_model

from zoo.commands import run
from zoo.data import load
from zoo.data.films import read_film
from zoo.data.summary import kind_of
from zoo.errors import DataError
from zoo.media.film import film_grid, save_film_sections, save_films, strip_image
from zoo.media.grid import MediaError, grid_image


def write_film(path, film):
    """Write a film (T, H, W) or (T, H, W, 3) of bytes as a GIF."""
    frames = [Image.fromarray(frame) for frame in film]
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)


def films(count=6, frames=3, size=(8, 8), seed=0):
    # Levels are far apart, so that no palette can mix them up.
    levels = np.random.default_rng(seed).integers(0, 2, (count, frames, *size), "uint8")
    return levels * 255


def write_films(folder, films):
    for number, film in enumerate(films):
        write_film(folder / f"{number:02d}.gif", film)
    return str(folder)


def frames_of(path):
    with Image.open(path) as film:
        return np.stack([np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(film)])


def test_films_of_a_folder_are_read_as_they_were_written(tmp_path):
    written = films(count=12)
    name = write_films(tmp_path / "films", written)
    parts = [load(name, kind="video", split=split) for split in ("train", "test")]
    assert parts[0].spec.video_shape == (3, 8, 8, 1)
    assert len(parts[0]) + len(parts[1]) == 12
    read = [part.read(np.arange(len(part)))[0] for part in parts]
    assert read[0].dtype == np.float32
    found = sorted(film.tobytes() for part in read for film in part)
    assert found == sorted((film / 255).astype("float32").tobytes() for film in written)


def test_the_splits_of_films_are_folders_where_there_are_any(tmp_path):
    write_films(tmp_path / "films" / "train", films(3))
    write_films(tmp_path / "films" / "test", films(2, seed=1))
    name = str(tmp_path / "films")
    sizes = [len(load(name, kind="video", split=split)) for split in ("train", "test")]
    assert sizes == [3, 2]


def test_coloured_films_have_three_channels(tmp_path):
    film = np.zeros((2, 4, 4, 3), "uint8")
    film[1, :, :, 0] = 255
    write_film(tmp_path / "films" / "red.gif", film)
    dataset = load(str(tmp_path / "films"), kind="video")
    assert dataset.spec.video_shape == (2, 4, 4, 3)
    assert np.array_equal(dataset.read(np.array([0]))[0][0], film / np.float32(255))


def test_films_of_several_sizes_are_refused_unless_one_is_asked_for(tmp_path):
    write_films(tmp_path / "films", films(3))
    write_film(tmp_path / "films" / "large.gif", films(1, size=(10, 16))[0])
    name = str(tmp_path / "films")
    with pytest.raises(DataError, match=r"2 sizes, width x height: 8x8 \(3\), 16x10 \(1\)"):
        load(name, kind="video")
    assert load(name, kind="video", image_size=6).spec.video_shape == (3, 6, 6, 1)


def test_films_of_several_lengths_are_refused_with_the_shortest(tmp_path):
    write_films(tmp_path / "films", films(3))
    write_film(tmp_path / "films" / "short.gif", films(1, frames=2)[0])
    message = r"3 frames \(3\), 2 frames \(1\)\. The shortest is 'short.gif'"
    with pytest.raises(DataError, match=message):
        load(str(tmp_path / "films"), kind="video")


def test_files_that_are_no_films_are_left_out_and_named(tmp_path):
    folder = tmp_path / "films"
    name = write_films(folder, films(3))
    (folder / "broken.gif").write_text("not a film")
    Image.fromarray(films(1)[0][0]).save(folder / "still.gif")
    whole = (folder / "00.gif").read_bytes()
    (folder / "cut.gif").write_bytes(whole[: len(whole) // 3])
    dataset = load(name, kind="video")
    assert sorted(reason.partition(":")[0] for reason in dataset.skipped) == [
        "broken.gif",
        "cut.gif",
        "still.gif",
    ]
    assert any("one frame" in reason for reason in dataset.skipped)


@pytest.mark.parametrize(
    ("files", "message"),
    [({}, "holds no films"), ({"a.gif": b"no"}, "None of the 1 GIF files.*not an image")],
)
def test_a_folder_without_films_is_refused(tmp_path, files, message):
    (tmp_path / "films").mkdir()
    for name, content in files.items():
        (tmp_path / "films" / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(str(tmp_path / "films"), kind="video")


def test_a_film_larger_than_memory_allows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.data.films.MEMORY_BYTES", 3 * 3 * 8 * 8)
    name = write_films(tmp_path / "films", films(3))
    with pytest.raises(DataError, match=r"2 of 3 already do. Give a smaller --image-size"):
        load(name, kind="video")


def test_a_folder_of_films_is_told_from_one_of_pictures_and_shown(tmp_path, capsys):
    name = write_films(tmp_path / "films", films(3))
    assert kind_of(name) == "video"
    assert run(["data", "info", name]) == 0
    assert "video_shape: 3, 8, 8, 1" in capsys.readouterr().out
    assert run(["data", "show", name]) == 0
    assert sorted(path.name for path in Path().iterdir()) == ["films-train.gif", "films-train.png"]
    Image.fromarray(films(1)[0][0]).save(tmp_path / "films" / "still.png")
    assert kind_of(name) == "image"


def test_a_film_of_another_size_names_both(tmp_path):
    write_film(tmp_path / "film.gif", films(1, size=(10, 16))[0])
    with pytest.raises(DataError, match=r"have 16x10 pixels.*trained on 8x8\. Crop and resize"):
        read_film(tmp_path / "film.gif", (3, 8, 8, 1))


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 5), frames=st.integers(1, 4), seed=st.integers(0, 99))
def test_a_strip_has_a_row_for_each_film_and_a_column_for_each_frame(count, frames, seed):
    x = films(count, frames, seed=seed)
    picture = np.asarray(strip_image(x[..., None] / np.float32(255)))
    step, middle = 58, 3 + 7 * np.arange(8)  # 8 pixels, seven times as large, and 2 between
    assert picture.shape == (count * step - 2, frames * step - 2)
    for row in range(count):
        for column in range(frames):
            tile = picture[np.ix_(row * step + middle, column * step + middle)]
            assert np.array_equal(tile, x[row, column])


def test_films_play_together_and_the_first_ones_stand_still_beside(tmp_path):
    x = films(9, 4)[..., None] / np.float32(255)
    save_films(x, tmp_path / "films.png")
    played = frames_of(tmp_path / "films.gif")
    assert len(played) == 4
    for frame, expected in zip(played, film_grid(x), strict=True):
        assert np.array_equal(frame, np.asarray(expected.convert("RGB")))
    with Image.open(tmp_path / "films.png") as strips:
        assert strips.size == (4 * 58 - 2, 8 * 58 - 2)  # the first eight


@pytest.mark.parametrize("shape", [(2, 8, 8, 1), (2, 0, 8, 8, 1), (2, 3, 8, 8, 2)])
def test_what_is_no_film_is_no_picture(shape, tmp_path):
    with pytest.raises(MediaError, match="Received: shape"):
        save_films(np.zeros(shape, "float32"), tmp_path / "films.png")


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Return a run of one epoch on a folder of films."""
    install_model(tmp_path / "site", "genzoo-echo", "film-echo", "throwaway:FILM_ECHO")
    monkeypatch.syspath_prepend(tmp_path / "site")
    name = write_films(tmp_path / "films", films(12))
    assert run(["train", "film-echo", "--data", name, "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run"


def test_a_training_on_films_leaves_films_and_a_report(trained, capsys):
    assert sorted(path.suffix for path in (trained / "samples").iterdir()) == [".gif", ".png"]
    assert len(frames_of(trained / "samples" / "epoch-0001.gif")) == 3
    assert "samples/epoch-0001.png" in (trained / "report.html").read_text()
    capsys.readouterr()
    assert run(["sample", str(trained), "-n", "2"]) == 0
    assert len(frames_of(trained / "samples.gif")) == 3
    assert "samples.png" in capsys.readouterr().out


def test_the_script_in_the_card_of_a_run_on_films_writes_films(trained, monkeypatch):
    monkeypatch.chdir(trained)
    blocks = (trained / "README.md").read_text().split("```\n")
    (script,) = [block for block in blocks if "import zoo" in block]
    exec(script, {})  # noqa: S102
    assert len(frames_of("samples.gif")) == 3


def test_groups_of_films_play_below_their_titles(tmp_path):
    groups = {
        title: films(3, 4, seed=seed)[..., None] / np.float32(255)
        for seed, title in enumerate(("one", "two"))
    }
    save_film_sections(groups, tmp_path / "films.png")
    for number, frame in enumerate(frames_of(tmp_path / "films.gif")):
        assert frame.shape[:2] == (2 * (16 + 56), 3 * 58 - 2)
        for top, group in zip((16, 88), groups.values(), strict=True):
            row = np.asarray(grid_image(group[:, number], columns=3).convert("RGB"))
            assert np.array_equal(frame[top : top + 56], row)
    with Image.open(tmp_path / "films.png") as strips:
        assert strips.size == (4 * 58 - 2, 2 * (16 + 3 * 58 - 2))
