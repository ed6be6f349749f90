import time

import numpy as np
import pytest

from zoo.card import resolve
from zoo.data.cards import NOTES
from zoo.data.forms import SoundForm
from zoo.data.notes import (
    INSTRUMENTS,
    NOTE_LENGTH,
    NOTE_RATE_HZ,
    PITCHES_HZ,
    TRAIN_EACH,
    load_notes,
)
from zoo.errors import DataError


def everything(split, **settings):
    data = load_notes(split=split, **settings)
    return data.read(np.arange(len(data)))


def spectra(notes):
    """Return the magnitudes at 1 Hz steps."""
    return np.abs(np.fft.rfft(notes * np.hanning(notes.shape[1]), n=NOTE_RATE_HZ, axis=1))


def test_the_card_leads_to_the_notes():
    data = resolve(NOTES.load)(split="test")
    assert data.spec.kind == NOTES.kind == "waveform"
    assert (data.spec.sample_rate_hz, data.spec.length) == (NOTE_RATE_HZ, NOTE_LENGTH)
    assert data.spec.class_names == ("C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5")
    assert str(len(load_notes(split="train")) + len(data)) in NOTES.summary


def test_the_pitches_are_those_of_equal_temperament():
    semitones = [-9, -7, -5, -4, -2, 0, 2, 3]  # from A4
    expected = [440 * 2 ** (k / 12) for k in semitones]
    np.testing.assert_allclose(list(PITCHES_HZ.values()), expected, atol=0.005)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_class_is_the_frequency_of_the_strongest_partial(split):
    notes, labels = everything(split)
    found = spectra(notes).argmax(axis=1)
    pitches = np.array(list(PITCHES_HZ.values()))
    np.testing.assert_allclose(found, pitches[labels], rtol=0.015)  # a quarter tone is 3 %
    assert set(np.bincount(labels)) == {len(labels) // 8}


def test_instruments_differ_in_their_partials_and_notes_of_one_from_each_other():
    notes, _ = everything("train")
    grouped = notes.reshape(len(PITCHES_HZ), len(INSTRUMENTS), TRAIN_EACH, -1)
    low = spectra(grouped[0].reshape(-1, NOTE_LENGTH)).reshape(len(INSTRUMENTS), TRAIN_EACH, -1)
    second = low[..., 515:531].max(-1) / low[..., 255:268].max(-1)  # beside the first
    third = low[..., 776:794].max(-1) / low[..., 255:268].max(-1)
    assert second[0].min() > 0.2  # the flute's second partial
    assert second[1].max() < 0.05  # the reed has odd ones
    assert third[1].min() > 0.3
    assert third[3].max() < 0.05  # those of the bar lie elsewhere
    assert len(np.unique(notes, axis=0)) == len(notes)
    assert np.abs(notes).max(axis=1).std() > 0.1


def test_notes_begin_and_end_quietly_and_fill_the_scale():
    notes, _ = everything("train")
    assert notes.dtype == np.float32
    assert np.abs(notes[:, 0]).max() == 0
    assert np.abs(notes[:, -1]).max() == 0
    peaks = np.abs(notes).max(axis=1)
    assert peaks.min() >= 0.4
    assert peaks.max() <= 0.9


def test_no_note_is_in_both_splits():
    train, test = everything("train")[0], everything("test")[0]
    assert not {note.tobytes() for note in train} & {note.tobytes() for note in test}


def test_the_notes_are_always_the_same_and_have_16_bits():
    notes, _ = everything("train")
    levels = notes * 2**15
    np.testing.assert_array_equal(levels, np.rint(levels))
    # Written down once: a fingerprint that changes would make runs of before useless.
    fingerprint = load_notes(split="train").fingerprint
    assert fingerprint.startswith("883df41942e1fec5")


def test_notes_are_resampled_cut_and_trimmed_on_request():
    form = SoundForm(sample_rate_hz=4000, clip_seconds=0.1)
    data = load_notes(split="test", form=form)
    assert (data.spec.sample_rate_hz, data.spec.length) == (4000, 400)
    assert len(data) == 3 * len(load_notes(split="test"))
    assert load_notes(split="test", form=SoundForm(trim_silence=True)).spec.length < NOTE_LENGTH


def test_an_absent_split_is_refused():
    with pytest.raises(DataError, match=r"no split 'validation'\. It has: train, test"):
        load_notes(split="validation")


def test_the_notes_are_made_in_a_moment():
    from zoo.data import notes

    notes._notes.cache_clear()
    began = time.process_time()
    load_notes(split="train")
    assert time.process_time() - began < 3
