import numpy as np
import pytest
from PIL import Image

from zoo.commands import run
from zoo.data import load
from zoo.media.grid import SEPARATOR_GREY

TILE, STEP = 56, 58  # digits of 8 x 8 pixels, seven times as large, and two pixels between them


def train(folder, model, *options):
    small = ["--set", "hidden_sizes=[16]", "--steps", "20"]
    assert run(["train", model, "--out", str(folder), *small, *options]) == 0
    return folder


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


def latent(command, folder, *options):
    return run(["latent", command, str(folder), *options])


def tiles(path):
    """Return the tiles of a picture, (rows, columns, 8, 8), as whole numbers from 0 to 255."""
    pixels = np.asarray(Image.open(path))
    rows, columns = (size // STEP + 1 for size in pixels.shape)
    assert pixels.shape == (rows * STEP - 2, columns * STEP - 2)
    tile = np.arange(8) * 7 + 3
    places = [
        [pixels[np.ix_(row * STEP + tile, column * STEP + tile)] for column in range(columns)]
        for row in range(rows)
    ]
    return np.array(places)


def digits(*indices):
    images, _ = load("digits", split="test").read(np.array(indices))
    return np.rint(255 * images[..., 0]).astype(np.uint8)


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
    assert "has the examples 0 to 359. Received: 360." in capsys.readouterr().err


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
    assert "its class_count is 10. Received:" in capsys.readouterr().err


def test_another_kind_of_file_is_refused(vae, capsys):
    assert latent("reconstruct", vae, "--out", "picture.jpg") == 1
    assert "written as '.png'. Received: 'picture.jpg'" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_an_error(tmp_path, capsys):
    assert latent("traverse", tmp_path / "nothing") == 1
    assert "There is no run" in capsys.readouterr().err
