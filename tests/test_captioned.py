from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data import Batches, load
from zoo.data.arrays import ArrayImages
from zoo.data.captioned import CaptionedImages, captioned
from zoo.data.captions import (
    KEPT,
    caption_of,
    caption_tokens,
    captions_of,
    describe_language,
    unknown_words,
)
from zoo.data.dataset import Adapts, Captioned
from zoo.data.embeddings import read_embeddings
from zoo.data.forms import CaptionedForm
from zoo.errors import DataError

CAPTIONS = [["a red car", "a car"], ["a blue bus, two doors"], ["one", "two", "a red bus"]]


def images(count=3, labels=None, split="train") -> ArrayImages:
    levels = np.arange(count, dtype=np.uint8)
    return ArrayImages(
        name="toys",
        split=split,
        splits=("train", "test"),
        pixels=np.tile(levels[:, None, None, None], (1, 2, 2, 3)),
        labels=None if labels is None else np.array(labels, np.int32),
        class_names=() if labels is None else ("car", "bus"),
    )


def make(captions=CAPTIONS, train=None, labels=None, split="train", **form) -> CaptionedImages:
    return captioned(
        name="toys",
        images=images(len(captions), labels, split),
        captions=captions,
        train_captions=captions if train is None else train,
        form=CaptionedForm(**form),
    )


def in_words(data: CaptionedImages, indices) -> list[str]:
    return captions_of(data.read(np.array(indices))[0]["caption"], data.spec.vocabulary)


def file_of(path: Path, captions, embeddings) -> str:
    np.savez(path, captions=captions, embeddings=embeddings)
    return str(path)


def test_an_index_alone_reads_the_first_caption_and_two_read_any():
    data = make()
    assert isinstance(data, Captioned)
    assert in_words(data, [0, 1, 2]) == ["a red car", "a blue bus, two doors", "one"]
    assert in_words(data, [[0, 1], [0, 2], [1, 7], [2, 2]]) == [
        *("a car", "a red car", "a blue bus, two doors", "a red bus")
    ]
    examples, labels = data.read(np.array([[2, 1], [0, 0]]))
    assert examples["image"].shape == (2, 2, 2, 3)
    assert examples["image"][:, 0, 0, 0] * 255 == pytest.approx([2, 0])
    assert (examples["image"].dtype, examples["caption"].dtype) == (np.float32, np.int32)
    assert labels is None
    assert data.texts(2) == ("one", "two", "a red bus")
    assert data.caption_counts.tolist() == [2, 1, 3]


def test_labels_come_with_the_images_and_are_an_attribute():
    data = make(labels=[0, 1, 1])
    assert data.read(np.array([1, 0]))[1].tolist() == [1, 0]
    assert data.attributes["class"].names == ("car", "bus")
    assert data.attributes["class"].values.tolist() == [0, 1, 1]
    assert make().attributes == {}


def test_tokens_and_lengths_are_those_of_the_training_captions():
    assert make().spec.max_length == 7  # "a blue bus , two doors" and the end
    test = make([["a green car"], ["a blue bus, two doors, one red"]], CAPTIONS, split="test")
    assert test.spec.vocabulary == make().spec.vocabulary
    assert in_words(test, [0]) == ["a <unknown> car"]
    assert len(test) == 1  # the other is too long
    assert test.skipped == (
        "toys, test: 1 captions are empty, or longer than 6 tokens",
        "toys, test: 1 images have no usable caption",
    )


def test_empty_and_too_long_captions_go_and_images_without_any_too():
    data = make([["", "a car"], [], ["word " * 60 + "word"], ["a bus"]], labels=[0, 1, 1, 1])
    assert [data.texts(index) for index in range(len(data))] == [("a car",), ("a bus",)]
    assert data.read(np.array([1]))[0]["image"][0, 0, 0, 0] * 255 == pytest.approx(3)
    assert data.attributes["class"].values.tolist() == [0, 1]
    assert data.skipped[0] == "toys, train: 2 captions are empty, or longer than 2 tokens"
    assert len(make([["x" * 500], ["word"]])) == 2  # a long word is one word
    assert make([["word"], ["x" * 400_001]]).texts(0) == ("word",)
    with pytest.raises(DataError, match="no caption of 1 to 4 word tokens to train on"):
        make([["one two three four five"]], max_length=4)
    with pytest.raises(DataError, match="No image of 'toys' in split 'test' has a caption of 1 to"):
        make([["word " * 9]], CAPTIONS, split="test")


def test_characters_can_be_tokens_and_the_vocabulary_be_cut():
    spec = make(tokens="character").spec
    assert spec.max_length == len("a blue bus, two doors") + 1
    assert set("".join(spec.vocabulary)) >= set("abcdelnorstuw, ")
    assert make(vocabulary_size=3).spec.vocabulary == ("", "▁<unknown>", "▁a")


def test_the_fingerprint_is_one_of_images_and_captions(tmp_path):
    first = make().fingerprint
    assert make().fingerprint == first
    swapped = [CAPTIONS[1], CAPTIONS[0], CAPTIONS[2]]
    assert make(swapped).fingerprint != first
    assert make(labels=[0, 1, 1]).fingerprint != first
    texts = [text for texts in CAPTIONS for text in texts]
    embeddings = file_of(tmp_path / "e.npz", texts, np.eye(6))
    assert make(embeddings=embeddings).fingerprint != first


def test_what_samples_are_made_of_are_first_captions_from_all_over_the_training_set():
    captions = [[f"caption {index}", "another"] for index in range(200)]
    language = describe_language("toys", captions)
    assert len(set(language.captions)) == KEPT
    assert {language.captions[0], language.captions[-1]} == {"caption 0", "caption 199"}
    assert describe_language("toys", [["one"], ["one"]]).captions == ("one",)


def test_an_epoch_draws_one_caption_of_each_image_and_in_time_all():
    data = make()
    batches = Batches(data, 3, seed=4)
    assert np.array_equal(batches.order(7), Batches(make(), 3, seed=4).order(7))
    drawn = [batches.order(epoch) for epoch in range(30)]
    assert all(sorted(order[:, 0]) == [0, 1, 2] for order in drawn)
    seen = {(image, caption % data.caption_counts[image]) for o in drawn for image, caption in o}
    assert seen == {(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2)}
    (examples,) = next(batches.stream())
    words = captions_of(examples["caption"], data.spec.vocabulary)
    assert words == [data.texts(image)[c % data.caption_counts[image]] for image, c in drawn[0]]


def test_augmentation_changes_the_images_alone():
    pytest.importorskip("keras_cv")
    from zoo.data.augment import Augmentation, CaptionedAugmentation

    data = load("captioned-digits", kind="captioned")
    examples, _ = data.read(np.arange(16))
    changed = CaptionedAugmentation("flip,translate", seed=3)(examples, 1, 2)
    expected = Augmentation("flip,translate", seed=3)(examples["image"], 1, 2)
    assert np.array_equal(changed["image"], expected)
    assert not np.array_equal(changed["image"], examples["image"])
    assert changed["caption"] is examples["caption"]


def test_other_data_are_read_in_the_words_of_a_trained_model():
    trained = make().spec
    other = make([["a green car"], ["many more words than any of the trained ones has"]])
    assert isinstance(other, Adapts)
    adapted = other.adapted(**trained.config_values())
    assert in_words(adapted, [0]) == ["a <unknown> car"]
    assert len(adapted) == 1
    expected = {**trained.config_values(), "class_count": 0}
    assert adapted.spec.config_values() == expected
    assert adapted.skipped == (
        "toys, train: 1 captions are empty, or longer than 6 tokens",
        "toys, train: 1 images have no usable caption",
    )


def test_what_a_user_types_becomes_tokens_or_an_error():
    spec = make().spec
    vocabulary, most = spec.vocabulary, spec.max_length
    tokens = caption_tokens(["  A RED\ncar ", "a flurble car"], vocabulary, most)
    assert captions_of(tokens, vocabulary) == ["a red car", "a <unknown> car"]
    assert tokens.shape == (2, most)
    assert unknown_words("A Flurble car, flurble", vocabulary) == ("flurble",)
    with pytest.raises(DataError, match=r"must hold words\. Received: ' '"):
        caption_tokens([" "], vocabulary, most)
    with pytest.raises(DataError, match="knows no word of 'красный круг'"):
        caption_tokens(["красный круг"], vocabulary, most)
    with pytest.raises(DataError, match=r"between 1 and 6 word tokens\. Received 9"):
        caption_tokens(["a " * 9], vocabulary, most)


@given(st.text())
def test_the_caption_of_a_caption_is_the_caption(text):
    caption = caption_of(text)
    assert caption_of(caption) == caption
    assert "\n" not in caption


def test_embeddings_are_found_by_their_captions(tmp_path):
    texts = [text for texts in CAPTIONS for text in texts]
    rows = np.arange(12.0).reshape(6, 2)
    path = file_of(tmp_path / "e.npz", [text.upper() for text in texts], rows)
    data = make(embeddings=path)
    assert data.spec.embedding_size == 2
    examples, _ = data.read(np.array([[0, 1], [2, 2]]))
    assert examples["embedding"].tolist() == [[2, 3], [10, 11]]
    assert examples["embedding"].dtype == np.float32
    assert "embedding" not in make().read(np.arange(2))[0]
    fewer = file_of(tmp_path / "fewer.npz", texts[:2], rows[:2])
    with pytest.raises(DataError, match=r"4 captions of 'toys' are not in .*: a blue bus, two doo"):
        make(embeddings=fewer)


@pytest.mark.parametrize(
    ("captions", "embeddings", "wrong"),
    [
        (["a", "b"], np.ones((3, 2)), "2 captions and 3 embeddings"),
        (["a", "b"], np.ones(2), r"its embeddings are float64 \(2,\)"),
        (["a", "b"], np.ones((2, 0)), r"its embeddings are float64 \(2, 0\)"),
        (["a"], np.array([["x"]]), "its embeddings are <U1"),
        ([1, 2], np.ones((2, 2)), "its captions are int64"),
        ([], np.ones((0, 2)), r"its captions are float64 \(0,\)"),
        (["a"], np.array([[np.nan]]), "infinite or NaN"),
        (["a"], np.array([[1e300]]), "infinite or NaN"),
        (["a", "A "], np.eye(2), "two different embeddings of 'a'"),
        (np.array(["a"], object), np.ones((1, 1)), "holds no embeddings: Object arrays"),
    ],
)
def test_embeddings_that_cannot_be_used_are_refused(tmp_path, captions, embeddings, wrong):
    with pytest.raises(DataError, match=wrong):
        read_embeddings(file_of(tmp_path / "e.npz", captions, embeddings))


def test_other_files_are_no_embeddings(tmp_path):
    path = tmp_path / "e.npz"
    with pytest.raises(DataError, match="There is no file of embeddings"):
        read_embeddings(path)
    for content in (b"", b"text", b"PK\x03\x04", b"\x80\x04K\x01."):
        path.write_bytes(content)
        with pytest.raises(DataError, match="holds no embeddings"):
            read_embeddings(path)
    np.savez(path, texts=["a"])
    with pytest.raises(DataError, match=r"holds no embeddings.*captions.*Expected: an .npz file"):
        read_embeddings(path)
    np.save(tmp_path / "one.npy", np.ones(3))
    with pytest.raises(DataError, match="holds no embeddings"):
        read_embeddings(tmp_path / "one.npy")
    with pytest.raises(DataError, match="cannot be read"):
        read_embeddings(tmp_path)


def test_digits_have_captions_that_name_them():
    train = load("captioned-digits", kind="captioned", image_size=16)
    test = load("captioned-digits", kind="captioned", split="test", image_size=16)
    assert (len(train), len(test), train.spec.image_shape) == (1437, 360, (16, 16, 1))
    assert train.spec == test.spec
    _, labels = test.read(np.arange(360))
    eight = int(np.flatnonzero(labels == 8)[0])
    assert test.texts(eight) == (
        *("the digit eight", "a handwritten eight", "the number eight"),
        *("an eight drawn by hand", "eight", "the digit 8"),
    )
    numbers = [train.texts(index)[4] for index in range(1437)]
    assert len(set(zip(numbers, train.attributes["class"].values, strict=True))) == 10
