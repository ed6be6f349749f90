import numpy as np
import pytest
from latent_runs import STEP, TILE, cut, digits, latent, samples, tiles, train, train_gan
from PIL import Image

from zoo.data import load
from zoo.media.grid import SEPARATOR_GREY
from zoo.media.latent_captions import STRIP_PIXELS
from zoo.planning import open_run
from zoo.training import load_model


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "vae", "vae", "--set", "latent_size=3")


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    options = ["--set", "latent_size=2"]
    return train(tmp_path_factory.mktemp("runs") / "plane", "autoencoder", *options)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    options = ["--set", "latent_size=2", "--set", "class_conditional=true"]
    return train(tmp_path_factory.mktemp("runs") / "conditional", "vae", *options)


@pytest.fixture(scope="module")
def gan(tmp_path_factory):
    return train_gan(tmp_path_factory.mktemp("runs") / "gan", "--set", "latent_size=4")


@pytest.fixture(scope="module")
def plane_gan(tmp_path_factory):
    options = ["--set", "latent_size=2", "--set", "class_conditional=true"]
    return train_gan(tmp_path_factory.mktemp("runs") / "plane-gan", *options)


def test_an_interpolation_begins_and_ends_with_the_examples_asked_for(vae, capsys):
    assert latent("interpolate", vae, "--from", "3", "--to", "99", "--steps", "4") == 0
    output = capsys.readouterr().out
    assert "From and to: 3-99 of the test split of digits" in output
    assert f"Picture: {vae / 'latent-interpolate.png'}" in output
    [row] = tiles(vae / "latent-interpolate.png")
    assert len(row) == 6
    np.testing.assert_array_equal(row[[0, -1]], digits(3, 99))


def test_pairs_are_drawn_by_the_seed(vae, tmp_path):
    pictures = []
    for number, seed in enumerate(("0", "0", "1")):
        out = tmp_path / f"{number}.png"
        options = ["-n", "3", "--seed", seed, "--method", "lerp", "--out", str(out)]
        assert latent("interpolate", vae, *options) == 0
        pictures.append(out.read_bytes())
    assert tiles(tmp_path / "0.png").shape[:2] == (3, 12)
    assert pictures[0] == pictures[1] != pictures[2]


def test_one_end_alone_is_a_usage_error(vae, capsys):
    assert latent("interpolate", vae, "--from", "3") == 2
    assert "Give both --from and --to" in capsys.readouterr().err


def test_an_example_that_does_not_exist_is_named(vae, capsys):
    assert latent("interpolate", vae, "--from", "0", "--to", "360") == 1
    assert "go from 0 to 359. Received: 360." in capsys.readouterr().err


def test_more_pairs_than_there_are_is_an_error(vae, capsys):
    assert latent("interpolate", vae, "-n", "181") == 1
    assert "which make 180 pairs. Received: a count of 181" in capsys.readouterr().err


def test_a_traversal_puts_what_changes_the_picture_most_first(vae, capsys):
    assert latent("traverse", vae, "--steps", "5") == 0
    line = capsys.readouterr().out.splitlines()[0]
    order = [int(number) for number in line.rpartition(":")[2].split(",")]
    assert sorted(order) == [0, 1, 2]
    rows = tiles(vae / "latent-traverse.png").astype(float)
    assert rows.shape[:2] == (3, 5)
    effects = rows.var(axis=1).mean(axis=(1, 2))
    assert effects[0] > effects[1] > effects[2]


def test_a_traversal_can_be_cut_to_its_first_dimensions(vae, tmp_path, capsys):
    out = tmp_path / "few.png"
    assert latent("traverse", vae, "--dimensions", "2", "--index", "7", "--out", str(out)) == 0
    assert tiles(out).shape[:2] == (2, 9)


def test_reconstructions_stand_under_the_examples(vae, capsys):
    assert latent("reconstruct", vae, "-n", "20", "--seed", "5") == 0
    assert "Examples: 20 of the test split of digits" in capsys.readouterr().out
    rows = tiles(vae / "latent-reconstruct.png")
    assert rows.shape[:2] == (4, 16)
    test_images = {image.tobytes() for image in digits(*range(360))}
    assert all(image.tobytes() in test_images for image in [*rows[0], *rows[2, :4]])
    assert not any(image.tobytes() in test_images for image in [*rows[1], *rows[3, :4]])
    assert np.all(rows[2:, 4:] == SEPARATOR_GREY)


def test_a_folder_of_pictures_can_be_reconstructed(vae, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(5):
        Image.new("L", (20, 30), 40 * number).save(folder / f"{number}.png")
    out = tmp_path / "photos.png"
    options = ["--data", str(folder), "--split", "train", "--out", str(out)]
    assert latent("reconstruct", vae, *options) == 0
    shown = tiles(out)[0]
    assert len(shown) == len(load(str(folder), split="train", image_size=8))
    assert all(np.ptp(image) == 0 and image[0, 0] % 40 == 0 for image in shown)


def test_a_model_with_a_prior_shows_its_plane(conditional, tmp_path, capsys):
    pictures = []
    for name in ("0", "1"):
        out = tmp_path / f"{name}.png"
        options = ["--size", "3", "--class", name, "--out", str(out)]
        assert latent("manifold", conditional, *options) == 0
        assert tiles(out).shape[:2] == (3, 3)
        pictures.append(out.read_bytes())
    assert pictures[0] != pictures[1]


def test_a_model_without_a_prior_shows_the_plane_of_its_codes(plane):
    assert latent("manifold", plane, "--size", "4") == 0
    assert tiles(plane / "latent-manifold.png").shape[:2] == (4, 4)


def test_a_manifold_needs_two_dimensions(vae, capsys):
    assert latent("manifold", vae) == 1
    error = capsys.readouterr().err
    assert "2 latent dimensions" in error
    assert "has 3" in error


def test_a_class_is_asked_for_where_it_is_needed_and_only_there(conditional, plane, capsys):
    assert latent("manifold", conditional) == 1
    assert "needs a --class. Received: none. Classes: 0, 1, 2" in capsys.readouterr().err
    assert latent("manifold", plane, "--class", "0") == 1
    assert "takes no class" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["interpolate", "traverse", "reconstruct"])
def test_the_labels_of_examples_reach_a_class_conditional_model(conditional, command):
    assert latent(command, conditional) == 0
    assert tiles(conditional / f"latent-{command}.png").size


def test_examples_without_the_labels_that_a_model_takes_are_refused(conditional, tmp_path, capsys):
    Image.new("L", (8, 8)).save(tmp_path / "0.png")
    assert latent("reconstruct", conditional, "--data", str(tmp_path)) == 1
    assert "has no labels, and the model is to be told the class" in capsys.readouterr().err


def test_another_kind_of_file_is_refused(vae, capsys):
    assert latent("reconstruct", vae, "--out", "picture.jpg") == 1
    assert "written as '.png'. Received: 'picture.jpg'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["interpolate", "traverse", "manifold", "reconstruct", "sheet"])
def test_where_a_picture_goes_is_looked_at_before_it_is_made(command, plane, capsys, monkeypatch):
    monkeypatch.setattr(
        type(load_model(open_run(plane))), "encode", lambda *_, **__: pytest.fail("made")
    )
    assert latent(command, plane, "--out", "nowhere/picture.png") == 1
    assert "there is no folder 'nowhere'" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_an_error(tmp_path, capsys):
    assert latent("traverse", tmp_path / "nothing") == 1
    assert "There is no run" in capsys.readouterr().err


# Models without an encoder: numbers are those of samples.


def test_a_sheet_shows_the_numbered_samples_of_a_seed(gan, capsys):
    assert latent("sheet", gan, "-n", "23", "--seed", "5") == 0
    assert "Numbers: 23 of the samples of seed 5" in capsys.readouterr().out
    pixels = np.asarray(Image.open(gan / "latent-sheet.png"))
    assert pixels.shape == (3 * (TILE + STRIP_PIXELS), 10 * STEP - 2)
    strips = []
    for number, image in enumerate(samples(gan, 23, seed=5)):
        top, left = number // 10 * (TILE + STRIP_PIXELS), number % 10 * STEP
        tile = pixels[top : top + TILE, left : left + TILE]
        np.testing.assert_array_equal(tile[3::7, 3::7], image)
        strip = pixels[top + TILE : top + TILE + STRIP_PIXELS, left : left + TILE]
        assert strip.min() < 64  # ink
        assert np.all(strip[:, [0, -1]] == 255)  # on paper, not cut off
        strips.append(strip.tobytes())
    assert len(set(strips)) == 23


def test_a_sheet_of_an_encoder_shows_examples_by_the_seed(vae, tmp_path, capsys):
    shown = []
    for number, seed in enumerate(("0", "0", "1")):
        out = tmp_path / f"{number}.png"
        assert latent("sheet", vae, "-n", "10", "--seed", seed, "--out", str(out)) == 0
        shown.append(np.asarray(Image.open(out)))
    assert "Numbers: 10 of the test split of digits" in capsys.readouterr().out
    [row] = cut(shown[0][:TILE])
    test_images = {image.tobytes() for image in digits(*range(360))}
    assert all(image.tobytes() in test_images for image in row)
    np.testing.assert_array_equal(shown[0], shown[1])
    assert not np.array_equal(shown[0], shown[2])


def test_a_sheet_of_more_examples_than_there_are_is_refused(vae, capsys):
    assert latent("sheet", vae, "-n", "361") == 1
    assert "has 360 examples. Received: a count of 361" in capsys.readouterr().err


def test_samples_can_be_interpolated_by_their_numbers(gan, tmp_path, capsys):
    out = tmp_path / "way.png"
    options = ["--from", "7", "--to", "2", "--steps", "3", "--seed", "5", "--out", str(out)]
    assert latent("interpolate", gan, *options) == 0
    assert "From and to: 7-2 of the samples of seed 5" in capsys.readouterr().out
    [row] = tiles(out)
    assert len(row) == 3
    np.testing.assert_array_equal(row[[0, -1]], samples(gan, 8, seed=5)[[7, 2]])


@pytest.mark.parametrize("method", ["slerp", "lerp"])
def test_pairs_of_samples_are_drawn_by_the_seed(gan, tmp_path, method):
    out = tmp_path / "ways.png"
    assert latent("interpolate", gan, "-n", "3", "--method", method, "--out", str(out)) == 0
    assert tiles(out).shape[:2] == (3, 10)


def test_a_sample_that_does_not_exist_is_named(gan, capsys):
    assert latent("interpolate", gan, "--from", "0", "--to", "5000") == 1
    assert "of the samples of seed 0 go from 0 to 4999. Received: 5000" in capsys.readouterr().err


def test_a_split_means_nothing_without_an_encoder(gan, capsys):
    assert latent("sheet", gan, "--split", "test") == 1
    assert "'gan' has no encoder" in capsys.readouterr().err


def test_other_data_mean_nothing_without_an_encoder(gan, capsys):
    assert latent("interpolate", gan, "--data", "digits") == 1
    assert "Leave out --data. Received: 'digits'" in capsys.readouterr().err


def test_a_sample_can_be_traversed(gan, capsys):
    assert latent("traverse", gan, "--index", "3", "--steps", "5") == 0
    assert tiles(gan / "latent-traverse.png").shape[:2] == (4, 5)


def test_a_traversal_stays_within_a_uniform_prior(plane_gan, tmp_path):
    for span in ("5", "50"):
        out = tmp_path / f"{span}.png"
        assert latent("traverse", plane_gan, "--span", span, "--out", str(out)) == 0
    wide, wider = (tiles(tmp_path / f"{span}.png") for span in ("5", "50"))
    np.testing.assert_array_equal(wide, wider)
    assert not np.array_equal(wide[0, 0], wide[0, -1])


def test_without_an_encoder_nothing_is_reconstructed(gan, capsys):
    assert latent("reconstruct", gan) == 1
    assert "`zoo latent invert`" in capsys.readouterr().err


def test_the_plane_of_a_generator_is_that_of_its_uniform_prior(plane_gan, tmp_path):
    out = tmp_path / "plane.png"
    assert latent("manifold", plane_gan, "--size", "2", "--class", "3", "--out", str(out)) == 0
    corners = np.array([[-0.5, 0.5], [0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]], np.float32)
    expected = load_model(open_run(plane_gan)).decode(corners, np.full(4, 3, np.int32))
    np.testing.assert_array_equal(
        tiles(out).reshape(4, 8, 8), np.rint(255 * expected[..., 0]).astype(np.uint8)
    )


def test_the_samples_of_a_conditional_generator_are_of_all_classes_in_turn(plane_gan, tmp_path):
    out = tmp_path / "way.png"
    options = ["--from", "13", "--to", "4", "--steps", "2", "--out", str(out)]
    assert latent("interpolate", plane_gan, *options) == 0
    np.testing.assert_array_equal(tiles(out)[0], samples(plane_gan, 14)[[13, 4]])


# Arithmetic.


@pytest.mark.parametrize("kind", ["vae", "plane_gan"])
def test_arithmetic_shows_concepts_their_means_and_the_result(kind, request, tmp_path, capsys):
    folder = request.getfixturevalue(kind)
    out = tmp_path / "sum.png"
    options = ["--plus", "3,14,15", "--minus", "9,2", "--plus", "5", "--out", str(out)]
    assert latent("arithmetic", folder, *options) == 0
    assert "Sum: + (3, 14, 15) + (5) - (9, 2) of the" in capsys.readouterr().out
    pixels = np.asarray(Image.open(out))
    top, left = STRIP_PIXELS, 4 * STEP - 2 + 12
    result = cut(pixels[top : top + 3 * STEP - 2, left:])
    assert result.shape[:2] == (3, 3)
    model = load_model(open_run(folder))
    numbers = [np.array(n) for n in ([3, 14, 15], [5], [9, 2])]
    if kind == "vae":
        latents, label = model.encode(load("digits", split="test").read(np.arange(16))[0]), None
    else:
        latents, label = model.draw_latents(16, seed=0), np.array([3], np.int32)
    a, b, c = (latents[n].mean(axis=0) for n in numbers)
    [expected] = model.decode((a + b - c)[None], label)
    np.testing.assert_allclose(result[1, 1], 255 * expected[..., 0], atol=1)
    [mean] = model.decode(a[None], label)
    shown = pixels[top : top + TILE, 3 * STEP : 3 * STEP + TILE][3::7, 3::7]
    np.testing.assert_allclose(shown, 255 * mean[..., 0], atol=1)
    assert len({tile.tobytes() for tile in result.reshape(9, 64)}) > 1


def test_the_noise_around_a_result_is_decided_by_the_seed(vae, tmp_path):
    pictures = []
    for number, seed in enumerate(("0", "0", "1")):
        out = tmp_path / f"{number}.png"
        options = ["--plus", "1", "--minus", "2", "--seed", seed, "--out", str(out)]
        assert latent("arithmetic", vae, *options) == 0
        pictures.append(out.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


@pytest.mark.parametrize(
    "options", [[], ["--plus", "1"], ["--minus", "1", "--minus", "2"]], ids=" ".join
)
def test_arithmetic_with_one_concept_is_a_usage_error(vae, options, capsys):
    assert latent("arithmetic", vae, *options) == 2
    assert "two concepts or more, one of them with --plus" in capsys.readouterr().err


@pytest.mark.parametrize("numbers", ["1,x", "", "-3", "1;2", "9999999999"])
def test_what_is_no_list_of_numbers_is_a_usage_error(vae, numbers, capsys):
    assert latent("arithmetic", vae, f"--plus={numbers}", "--minus", "2") == 2
    assert "Give them as in 3,14,15" in capsys.readouterr().err


def test_an_exemplar_that_does_not_exist_is_named(vae, capsys):
    assert latent("arithmetic", vae, "--plus", "1,360", "--minus", "2") == 1
    assert "from 0 to 359. Received: 360" in capsys.readouterr().err
