"""What is shown while something long is made."""

import numpy as np

from zoo import watching
from zoo.data.sound_files import read_sound
from zoo.making import Made
from zoo.watching import growing_sound, watched


def made(rows, *, total=100):
    sounds = np.linspace(-0.5, 0.5, 2 * total, dtype="float32").reshape(2, total)
    return Made(elements=rows, total=total, first=0, rows=rows, examples=lambda: sounds)


def test_a_method_that_cannot_be_watched_is_given_nothing():
    def sample(count, *, seed=0):
        return count

    with watched(sample, "Sampling") as options:
        assert options == {}


def test_previews_are_made_every_few_seconds(monkeypatch):
    def sample(count, *, watch=None):
        for rows in range(1, 11):
            now[0] += 0.5
            watch(made(rows))

    now = [0.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    seen = []
    with watched(sample, "Sampling", lambda made: seen.append(made.rows)) as options:
        sample(1, **options)
    assert seen == [5, 10]


def test_what_is_made_of_a_sound_can_be_heard_until_it_is_whole(tmp_path):
    path = tmp_path / "samples-preview.wav"
    with growing_sound(path, 8000) as preview:
        for rows in (20, 60):
            preview(made(rows))
            heard = read_sound(path, 8000)
            assert np.allclose(heard, made(rows).examples()[0, :rows], atol=1e-4)
    assert not path.exists()


def test_a_preview_leaves_a_file_of_its_name_alone(tmp_path):
    path = tmp_path / "samples-preview.wav"
    path.write_text("keep")
    with growing_sound(path, 8000) as preview:
        preview(made(20))
        assert (tmp_path / "samples-preview-2.wav").exists()
    assert [file.read_text() for file in tmp_path.glob("*.wav")] == ["keep"]
