"""What translated images are worth where it is known what they should be."""

import numpy as np
import pytest
from halves import Exact, Lazy, halves, settings, to_a, to_b

from zoo.data.arrays import ArrayImages
from zoo.data.domains import Domains
from zoo.metrics import MetricError, UnsuitableError
from zoo.metrics.pairs import (
    C1,
    absolute_error,
    measure_pairs,
    signal_to_noise_db,
    structural_similarity,
)

RANDOM = np.random.default_rng(0)


def alike(shape, noise=0.1):
    """Return random images and noisy ones like them."""
    images = RANDOM.random(shape)
    noisy = images + RANDOM.normal(0, noise, shape)
    return images.astype(np.float32), np.clip(noisy, 0, 1).astype(np.float32)


@pytest.mark.parametrize("shape", [(3, 11, 11, 1), (3, 17, 23, 3), (2, 40, 32, 1)])
def test_ssim_and_psnr_are_those_of_tensorflow(shape):
    image = pytest.importorskip("tensorflow").image
    for noise in (0.01, 0.1, 0.5):
        one, two = alike(shape, noise)
        expected = image.ssim(one, two, max_val=1.0).numpy()
        assert structural_similarity(one, two) == pytest.approx(expected, abs=1e-4)
        assert signal_to_noise_db(one, two) == pytest.approx(image.psnr(one, two, 1.0), abs=1e-3)


def test_ssim_is_the_formula_in_every_window():
    one, two = alike((1, 13, 12, 1))
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for top in range(3):
        for left in range(2):
            x, y = (images[0, top : top + 11, left : left + 11, 0] for images in (one, two))
            mx, my = (weights * x).sum(), (weights * y).sum()
            vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            covariance = (weights * (x - mx) * (y - my)).sum()
            value = (2 * mx * my + 0.01**2) * (2 * covariance + 0.03**2)
            values.append(value / ((mx**2 + my**2 + 0.01**2) * (vx + vy + 0.03**2)))
    assert structural_similarity(one, two)[0] == pytest.approx(np.mean(values), rel=1e-6)


def test_equal_images_have_the_best_scores():
    one, _ = alike((2, 12, 12, 3))
    assert absolute_error(one, one) == pytest.approx(0)
    assert signal_to_noise_db(one, one) == pytest.approx(100)  # where it would be infinite
    assert structural_similarity(one, one) == pytest.approx(1)


def test_a_constant_shift_has_closed_forms():
    one = np.full((1, 12, 12, 1), 0.3)
    two = one + 0.2
    assert absolute_error(one, two) == pytest.approx(0.2)
    assert signal_to_noise_db(one, two) == pytest.approx(-20 * np.log10(0.2))
    expected = (2 * 0.3 * 0.5 + C1) / (0.3**2 + 0.5**2 + C1)
    assert structural_similarity(one, two) == pytest.approx(expected)


def test_negatives_are_structurally_opposite():
    one, _ = alike((4, 32, 32, 1))
    assert np.all(structural_similarity(one, 1 - one) < -0.5)


def test_an_exact_translator_has_the_best_figures_in_both_directions():
    figures = measure_pairs(Exact(), halves(), settings())
    for direction in ("a_to_b", "b_to_a"):
        assert figures[f"l1_{direction}"].value == pytest.approx(0, abs=1e-4)
        assert figures[f"psnr_{direction}_db"].value > 80
        assert figures[f"ssim_{direction}"].value == pytest.approx(1, abs=1e-4)
    assert {figure.count for figure in figures.values()} == {60}


def test_the_figures_of_each_direction_are_means_over_its_images():
    data = halves()
    x, _ = data.read(np.arange(60))
    figures = measure_pairs(Lazy(), data, settings())
    errors = np.abs(np.repeat(x["A"], 3, axis=3) - x["B"]).mean(axis=(1, 2, 3))
    assert figures["l1_a_to_b"].value == pytest.approx(errors.mean(), rel=1e-5)
    assert figures["l1_a_to_b"].standard_error == pytest.approx(
        errors.std(ddof=1) / np.sqrt(60), rel=1e-3
    )
    squares = np.square(x["B"][..., :1] - x["A"]).mean(axis=(1, 2, 3))
    expected = (-10 * np.log10(squares)).mean()
    assert figures["psnr_b_to_a_db"].value == pytest.approx(expected, rel=1e-5)


def test_what_was_not_translated_stands_beside_it():
    figures = measure_pairs(Exact(), halves(), settings())
    lazy = measure_pairs(Lazy(), halves(), settings())
    for name in ("l1_a_to_b", "ssim_a_to_b"):  # grey images become three equal channels in both
        assert figures[f"{name}_untranslated"] == lazy[name]
    assert list(figures)[:6] == [
        *("l1_a_to_b", "psnr_a_to_b_db", "ssim_a_to_b"),
        *("l1_a_to_b_untranslated", "psnr_a_to_b_untranslated_db", "ssim_a_to_b_untranslated"),
    ]


def test_pairs_stay_pairs_where_some_are_drawn():
    for seed in range(3):
        figures = measure_pairs(Exact(), halves(), settings(count=7, seed=seed))
        assert figures["l1_b_to_a"].value == pytest.approx(0, abs=1e-4)
        assert figures["l1_b_to_a"].count == 7


def test_figures_do_not_depend_on_batches(monkeypatch):
    whole = measure_pairs(Lazy(), halves(), settings())
    monkeypatch.setattr("zoo.metrics.translation.BATCH_SIZE", 7)
    parts = measure_pairs(Lazy(), halves(), settings())
    for name, figure in whole.items():
        assert parts[name].value == pytest.approx(figure.value, rel=1e-6)


def test_without_pairs_there_are_no_figures_of_pairs():
    with pytest.raises(UnsuitableError, match=r"'test' of 'halves' has no pairs.*side-by-side"):
        measure_pairs(Exact(), halves(paired=False), settings())


def test_images_smaller_than_the_window_have_no_ssim(caplog):
    def small(images):
        pixels = np.rint(255 * images[:, :10]).astype(np.uint8)
        splits = {"split": "test", "splits": ("train", "test")}
        return ArrayImages(name="small", **splits, pixels=pixels, labels=None)

    images = RANDOM.random((4, 10, 16, 1)).astype(np.float32)
    parts = {"a": small(images), "b": small(to_b(images))}
    data = Domains(name="small", **parts, paired=True, splits=("train", "test"))
    figures = measure_pairs(Exact(), data, settings())
    assert not [name for name in figures if name.startswith("ssim")]
    assert {"l1_a_to_b", "psnr_b_to_a_db"} <= set(figures)
    assert "Images of 10x16 pixels are too small for SSIM" in caplog.text
    with pytest.raises(MetricError, match=r"11x11 pixels\. Received: images of 10x16"):
        structural_similarity(images, images)


def test_the_exact_translator_is_exact():
    images = RANDOM.random((4, 5, 5, 1)).astype(np.float32)
    np.testing.assert_allclose(to_a(to_b(images)), images, atol=1e-5)
