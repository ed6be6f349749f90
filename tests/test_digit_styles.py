import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from zoo.data import load
from zoo.data.digit_styles import draw_outlines
from zoo.errors import DataError


@pytest.fixture(scope="module")
def train():
    return load("digit-styles", kind="domains")


@pytest.fixture(scope="module")
def test():
    return load("digit-styles", kind="domains", split="test")


def everything(dataset):
    images, labels = dataset.read(np.arange(len(dataset)))
    return images, labels


def test_to_train_the_domains_hold_different_digits_and_to_test_the_same(train, test):
    assert (len(train.a), len(train.b), len(test.a), len(test.b)) == (719, 718, 360, 360)
    assert (train.paired, test.paired) == (False, True)
    assert train.splits == test.splits == ("train", "test")
    source = load("digits", image_size=16).read(np.arange(1437))[0]
    is_a = np.isin(flat_bytes(source), flat_bytes(everything(train.a)[0][..., :1]))
    assert is_a.sum() == 719
    np.testing.assert_array_equal(everything(test.a)[1], everything(test.b)[1])


def flat_bytes(images: np.ndarray) -> list[bytes]:
    return [image.tobytes() for image in np.rint(255 * images).astype(np.uint8)]


def test_both_domains_have_all_classes_about_as_often(train):
    counts = [np.bincount(everything(part)[1], minlength=10) for part in (train.a, train.b)]
    assert np.abs(counts[0] - counts[1]).max() <= 1
    assert sum(counts).sum() == 1437
    assert train.a.spec.class_names == train.b.spec.class_names == tuple("0123456789")


def test_the_labels_are_those_of_the_digits(test):
    bunch = load_digits()
    images, labels = everything(test.a)
    blocks = images[..., 0].reshape(-1, 8, 2, 8, 2).mean(axis=(2, 4))  # back to 8x8
    distance = ((blocks[:, None] - bunch.images[None] / 16) ** 2).sum(axis=(2, 3))
    np.testing.assert_array_equal(bunch.target[distance.argmin(axis=1)], labels)


def test_a_is_white_on_black_and_b_is_dark_on_a_pale_coloured_ground(test):
    strokes, _ = everything(test.a)
    drawn, _ = everything(test.b)
    assert (strokes == strokes[..., :1]).all()  # grey
    assert np.median(strokes) < 0.2
    ground = np.median(drawn, axis=(0, 1, 2))
    assert ground.min() > 0.7
    assert ground[0] > ground[2] + 0.1  # yellow: less blue
    assert drawn.min(axis=(0, 1, 2)).max() < 0.4
    assert (drawn[..., 0] <= ground[0] + 1e-6).all()


def test_the_style_of_b_is_a_function_of_the_digit(train):
    again = load("digit-styles", kind="domains")
    np.testing.assert_array_equal(everything(train.b)[0], everything(again.b)[0])
    assert again.fingerprint == train.fingerprint


def test_an_outline_is_a_ring_around_a_stroke():
    strokes = np.zeros((1, 32, 32))
    strokes[:, 8:24, 8:24] = 1
    outline = draw_outlines(strokes)[0]  # (8, 8)
    assert outline.shape == (8, 8)
    assert (outline[3:5, 3:5] == 0).all()  # inside
    assert (outline[[0, -1]] == 0).all()  # outside
    assert (outline[1:3, 3:5] == 0.5).all()  # half on each side of where the stroke ends
    np.testing.assert_array_equal(outline, outline.T)


def test_a_classifier_of_one_style_cannot_read_the_other(train, test):
    images, labels = everything(train.b)
    classifier = LogisticRegression(max_iter=3000).fit(images.reshape(len(images), -1), labels)

    def accuracy(part) -> float:
        images, labels = everything(part)
        return classifier.score(images.reshape(len(images), -1), labels)

    assert accuracy(test.b) > 0.9
    assert accuracy(test.a) < 0.4


def test_another_size_can_be_asked_for():
    small = load("digit-styles", kind="domains", split="test", image_size=(8, 12))
    assert small.spec.image_shape_a == small.spec.image_shape_b == (8, 12, 3)
    assert small.read(np.arange(2))[0]["B"].shape == (2, 8, 12, 3)


def test_a_size_that_is_too_large_is_refused():
    with pytest.raises(DataError, match=r"at most 64 pixels a side\. Received: 8x65"):
        load("digit-styles", kind="domains", image_size=(65, 8))


def test_there_is_no_validation_split():
    with pytest.raises(DataError, match=r"no split 'validation'\. It has: train, test"):
        load("digit-styles", kind="domains", split="validation")
