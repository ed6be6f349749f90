import io
import wave

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from sounds import tone

from zoo.data import WaveformSpec
from zoo.errors import RunError
from zoo.media import MediaError, save_samples, save_sound_picture, save_sounds, sound_picture
from zoo.media.samples import save_sections
from zoo.media.sound import DECIBELS, sound_sections, spectrogram

SPEC = WaveformSpec(sample_rate_hz=8000, length=800)


def read(path):
    """Return rate, bytes per sample and levels of a WAV file, by Python's own module."""
    with wave.open(str(path), "rb") as file:
        assert file.getnchannels() == 1
        levels = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return file.getframerate(), file.getsampwidth(), levels


def sounds(count=3, length=800):
    return np.stack([tone(length, hz=200 * (k + 1)) for k in range(count)]).astype(np.float32)


def test_one_sound_is_a_file_of_16_bits(tmp_path):
    batch = sounds(1)
    assert save_sounds(batch, 8000, tmp_path / "a") == tmp_path / "a.wav"
    rate, width, levels = read(tmp_path / "a.wav")
    assert (rate, width) == (8000, 2)
    np.testing.assert_array_equal(levels, np.rint(batch[0] * 2**15))


def test_several_sounds_are_numbered_in_a_folder(tmp_path):
    batch = sounds(3)
    assert save_sounds(batch, 16_000, str(tmp_path / "a.wav")) == tmp_path / "a"
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["0001.wav", "0002.wav", "0003.wav"]
    np.testing.assert_array_equal(read(tmp_path / "a" / "0003.wav")[2], np.rint(batch[2] * 2**15))


def test_full_scale_does_not_wrap_around(tmp_path):
    save_sounds(np.array([[1.0, -1.0, 1.0005]], np.float32), 8000, tmp_path / "a.wav")
    np.testing.assert_array_equal(read(tmp_path / "a.wav")[2], [32767, -32768, 32767])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 3, 4)), r"Received: shape \(2, 3, 4\)"),
        (np.zeros((0, 4)), r"Received: shape \(0, 4\)"),
        (np.zeros((1, 4), np.int16), "Received: dtype int16"),
        (np.array([[0.0, np.nan]]), "Received: 1 values that are NaN or infinite"),
        (np.array([[0.0, 1.5]]), r"Received: values in \[0, 1\.5\]"),
    ],
)
def test_what_is_no_sound_is_refused(tmp_path, samples, message):
    for write in (save_sounds, save_sound_picture):
        with pytest.raises(MediaError, match=message):
            write(samples, 8000, tmp_path / "a")
    assert not list(tmp_path.glob("a*"))


def test_another_suffix_or_an_impossible_place_is_refused(tmp_path):
    with pytest.raises(MediaError, match=r"written as '\.wav'\. Received: 'a\.mp3'"):
        save_sounds(sounds(1), 8000, tmp_path / "a.mp3")
    for count in (1, 2):
        with pytest.raises(RunError, match="could not be"):
            save_sounds(sounds(count), 8000, tmp_path / "nowhere" / "a")


@pytest.mark.parametrize("hz", [250, 1000, 3000])
def test_the_loudest_line_of_a_spectrogram_is_the_pitch(hz):
    picture = spectrogram(tone(4000, hz=hz), 8000)
    frequencies = np.linspace(0, 4000, len(picture))
    heard = frequencies[picture[:, 5:-5].argmax(axis=0)]
    np.testing.assert_allclose(heard, hz, atol=20)


def test_a_spectrogram_counts_in_decibels():
    loud, quiet = (spectrogram(tone(4000, peak=peak), 8000).max() for peak in (0.5, 0.05))
    assert loud - quiet == pytest.approx(20, abs=0.01)
    assert np.isfinite(spectrogram(np.zeros(100), 8000)).all()
    assert spectrogram(np.zeros(3), 8000).shape[1] >= 1


def test_a_picture_has_a_waveform_and_a_spectrogram_for_each_sound():
    figure = sound_picture(sounds(6), 8000)
    panels = [panel for panel in figure.axes if panel.get_visible()]
    pictures = [panel.images[0] for panel in panels if panel.images]
    assert len(panels) == 12
    assert len(pictures) == 6
    for number, picture in enumerate(pictures):
        assert picture.get_extent() == [0, 0.1, 0, 4]  # seconds, kHz
        values = picture.get_array()
        line = values.max(axis=1).argmax() / (len(values) - 1) * 4000
        assert abs(line - 200 * (number + 1)) < 20
        low, high = picture.get_clim()
        assert high - low == pytest.approx(DECIBELS)
    labels = {panel.get_xlabel() for panel in panels} | {panel.get_ylabel() for panel in panels}
    assert labels >= {"seconds", "kHz"}


@pytest.mark.parametrize(("count", "length"), [(1, 1), (1, 100_000), (40, 50)])
def test_pictures_of_very_short_long_and_many_sounds_are_drawn(tmp_path, count, length):
    save_sound_picture(sounds(count, length), 8000, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 5
    assert (tmp_path / "a.png").stat().st_size < 150_000


def test_the_same_sounds_are_the_same_picture(tmp_path):
    contents = []
    for name in ("a.png", "b.png"):
        save_sound_picture(sounds(2), 8000, tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    assert Image.open(io.BytesIO(contents[0])).size[0] < 1200


def test_samples_of_sounds_are_a_picture_and_files_beside_it(tmp_path):
    assert save_samples(SPEC, sounds(3), tmp_path / "a") == [tmp_path / "a.png", tmp_path / "a-wav"]
    assert save_samples(SPEC, sounds(1), tmp_path / "b.png")[1] == tmp_path / "b.wav"
    assert read(tmp_path / "a-wav" / "0002.wav")[0] == 8000


def test_groups_of_sounds_stand_in_rows_of_one_scale_below_their_titles():
    figure = sound_sections({"loud": sounds(6), "quiet": sounds(2) / 100}, 8000)
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert len(panels) == 2 * (4 + 2)
    assert [title for panel in panels if (title := panel.get_title(loc="left"))] == [
        "loud",
        "quiet",
    ]
    assert len({panel.images[0].get_clim() for panel in panels if panel.images}) == 1


def test_all_sounds_of_groups_stand_in_one_folder(tmp_path):
    for groups in ({"as it is": sounds(5)}, {"hot": sounds(2), "cold": sounds(1)}):
        written = save_sections(SPEC, groups, tmp_path / "a.b.png")
        assert written == [tmp_path / "a.b.png", tmp_path / "a.b-wav"]
    names = sorted(path.name for path in written[1].glob("*.wav"))
    assert names == ["cold-0001.wav", "hot-0001.wav", "hot-0002.wav"]


def test_sounds_are_there_before_their_picture_is_drawn(tmp_path, monkeypatch):
    def interrupt(self, *arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_samples(SPEC, sounds(2), tmp_path / "a.png")
    assert len(list((tmp_path / "a-wav").glob("*.wav"))) == 2


def test_what_is_no_sound_leaves_those_of_before(tmp_path):
    save_samples(SPEC, sounds(2), tmp_path / "a.png")
    with pytest.raises(MediaError, match="NaN or infinite"):
        save_samples(SPEC, np.full((2, 9), np.nan), tmp_path / "a.png")
    assert len(list((tmp_path / "a-wav").glob("*.wav"))) == 2


def test_fewer_samples_replace_those_of_before(tmp_path):
    save_samples(SPEC, sounds(3), tmp_path / "a")
    for name in ("mine.wav", "0042.wav"):
        (tmp_path / "a-wav" / name).touch()
    save_samples(SPEC, sounds(2), tmp_path / "a")
    names = sorted(path.name for path in (tmp_path / "a-wav").glob("*.wav"))
    assert names == ["0001.wav", "0002.wav", "0042.wav", "mine.wav"]


def test_files_of_others_are_not_written_over(tmp_path):
    theirs = tmp_path / "a-wav" / "0002.wav"
    theirs.parent.mkdir()
    theirs.write_text("keep")
    for _ in range(2):
        assert save_samples(SPEC, sounds(2), tmp_path / "a")[1] == tmp_path / "a-wav-2"
    assert theirs.read_text() == "keep"
    assert save_samples(SPEC, sounds(1), tmp_path / "a")[1] == tmp_path / "a.wav"
