import dataclasses
import json

import numpy as np
import pytest
from PIL import Image
from translators import install_translators
from two_domains import domains, fill, levels, side_by_side

from zoo.commands import run
from zoo.data import Batches, Dataset, examples_of, load
from zoo.data.arrays import ArrayImages
from zoo.data.dataset import Unpaired
from zoo.data.domains import Domains, block_means
from zoo.data.forms import form_options
from zoo.errors import ConfigError, DataError, RunError
from zoo.planning import Asked, load_dataset, plan, plan_resume
from zoo.runs import Run


def numbered(count: int) -> ArrayImages:
    return ArrayImages(
        name="numbers",
        split="train",
        splits=("train",),
        pixels=np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1),
        labels=None,
    )


def of_numbers(count_a: int, count_b: int, *, paired: bool = False) -> Domains:
    parts = {"a": numbered(count_a), "b": numbered(count_b)}
    return Domains(name="numbers", **parts, paired=paired, splits=("train",))


# Examples and their order.


def test_one_number_reads_both_domains_and_two_read_each_its_own():
    data = of_numbers(5, 3)
    assert isinstance(data, Dataset)
    assert isinstance(data, Unpaired)
    assert len(data) == 5
    examples, labels = data.read(np.array([0, 2, 4]))
    assert labels is None
    assert (levels(examples["A"]), levels(examples["B"])) == ([0, 2, 4], [0, 2, 1])
    examples, _ = data.read(np.array([[4, 0], [1, 2]]))
    assert (levels(examples["A"]), levels(examples["B"])) == ([4, 1], [0, 2])


def test_in_training_the_domains_are_drawn_apart_and_anew_in_every_epoch():
    batches = Batches(of_numbers(40, 40, paired=True), 8, seed=0)
    first, second = batches.order(0), batches.order(1)
    assert first.shape == (40, 2)
    for order in (first, second):
        assert sorted(order[:, 0]) == sorted(order[:, 1]) == list(range(40))
        assert (order[:, 0] == order[:, 1]).mean() < 0.2
    assert (first != second).any(axis=0).all()
    np.testing.assert_array_equal(first, Batches(batches.dataset, 4, seed=0).order(0))
    assert (first != Batches(batches.dataset, 8, seed=1).order(0)).any(axis=0).all()


def test_of_the_smaller_domain_all_come_before_one_comes_again():
    order = Batches(of_numbers(10, 4), 2, seed=0).order(3)
    assert sorted(order[:, 0]) == list(range(10))
    assert sorted(order[:4, 1]) == sorted(order[4:8, 1]) == list(range(4))
    assert len(set(order[8:, 1])) == 2


def test_a_resumed_stream_goes_on_with_the_same_examples():
    batches = Batches(of_numbers(10, 7), 3, seed=1)
    start, resumed = batches.stream(), batches.stream(epoch=1, step=1)
    for _ in range(4):
        next(start)
    (went_on,), (began,) = next(start), next(resumed)
    for domain in ("A", "B"):
        np.testing.assert_array_equal(went_on[domain], began[domain])


def test_held_out_examples_come_in_order_and_together():
    for (x,) in Batches(of_numbers(5, 5, paired=True), 2, seed=0).once():
        np.testing.assert_array_equal(x["A"], x["B"])
    (x,) = next(Batches(of_numbers(4, 4), 4, seed=0, shuffle=False).stream())
    assert levels(x["A"]) == levels(x["B"]) == [0, 1, 2, 3]


def test_pairs_need_as_many_of_both():
    with pytest.raises(DataError, match=r"3 examples of A and 2 of B .*as many of both"):
        of_numbers(3, 2, paired=True)


# What can be asked for.


def test_a_pair_and_a_second_set_exclude_each_other():
    with pytest.raises(DataError, match=r"--data-b names domain B, --pair colourisation makes it"):
        domains("digits", data_b="digits", pair="colourisation")


def test_an_unknown_pair_names_the_known_ones():
    with pytest.raises(DataError, match=r"side-by-side, colourisation, super-resolution\. Rec"):
        domains("digits", pair="colorization")


@pytest.mark.parametrize("form", [{"data_b": "digits"}, {"pair": "colourisation"}])
def test_other_kinds_of_data_have_no_second_domain(form):
    with pytest.raises(DataError, match=r"holds image data; --(data-b|pair) is for domains data"):
        load("digits", **form)


# The commands.


def zoo(capsys, *arguments: str) -> tuple[int, str, str]:
    code = run(["data", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_info_knows_domains_by_their_folders_and_counts_each(capsys, tmp_path):
    for folder in ("trainA", "trainB", "testA", "testB"):
        fill(tmp_path / folder, 2 + ("B" in folder))
    code, out, err = zoo(capsys, "info", str(tmp_path))
    assert (code, err) == (0, "")
    assert "kind: domains\nimage_shape_a: 4, 6, 3\nimage_shape_b: 4, 6, 3\n" in out
    assert "train: 2 examples of A and 3 of B, fingerprint" in out


def test_folders_a_b_and_more_are_classes_of_one_set(capsys, tmp_path):
    for folder in ("A", "B"):
        fill(tmp_path / folder, 3)
    assert "kind: domains" in zoo(capsys, "info", str(tmp_path))[1]
    fill(tmp_path / "C", 3)
    assert "class_names: A, B, C" in zoo(capsys, "info", str(tmp_path))[1]


def test_info_as_json_says_whether_a_split_is_paired(capsys):
    code, out, _ = zoo(capsys, "info", "digits", "--pair", "super-resolution", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["image_shape_a"] == [2, 2, 1]
    assert facts["splits"]["test"] | {"fingerprint": ""} == {
        "count": 360,
        "count_a": 360,
        "count_b": 360,
        "paired": True,
        "fingerprint": "",
    }


def test_show_puts_a_to_the_left_and_b_to_the_right(capsys, tmp_path):
    for index in range(12):
        side_by_side(tmp_path / "set" / f"{index:02}.png", 0, 255)
    out = tmp_path / "pairs.png"
    code, _, err = zoo(
        *(capsys, "show", str(tmp_path / "set"), "--pair", "side-by-side"),
        *("--out", str(out), "-n", "4"),
    )
    assert (code, err) == (0, "")
    with Image.open(out) as picture:
        pixels = np.asarray(picture.convert("L"))[20:]
    middle = pixels.shape[1] // 2
    assert (pixels[:, : middle - 12] <= 112).all()
    assert (pixels[:, middle + 12 :] >= 112).all()


def test_show_enlarges_the_smaller_domain(capsys, tmp_path):
    out = tmp_path / "sizes.png"
    code, _, _ = zoo(
        *(capsys, "show", "digits", "--pair", "super-resolution", "--image-size", "64"),
        *("--split", "test", "--out", str(out), "-n", "8"),
    )
    assert code == 0
    with Image.open(out) as picture:
        assert picture.size == (2 * (2 * 64 + 2) + 12, 16 + 4 * 66 - 2)


def test_show_pairs_what_belongs_together():
    examples, _ = examples_of("digits", 9, pair="super-resolution")
    np.testing.assert_allclose(block_means(examples["B"]), examples["A"])


def test_an_unsuitable_option_is_one_line(capsys):
    code, out, err = zoo(capsys, "info", "digits", "--pair", "colourisation", "--data-b", "digits")
    assert (code, out) == (1, "")
    assert err.startswith("error: --data-b names domain B, --pair colourisation makes it")


# Requests and runs.


@pytest.fixture
def translators(tmp_path, monkeypatch):
    install_translators(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.mark.usefixtures("translators")
def test_a_run_remembers_how_its_domains_were_made(tmp_path, monkeypatch):
    fill(tmp_path / "pale", 6, level=200, shape=(5, 5))
    monkeypatch.chdir(tmp_path)
    form = {"data_b": "pale", "image_size": (8, 4)}
    request = plan("negatives", Asked(data="digits", form=form))
    assert request.form == {**form, "data_b": str(tmp_path / "pale")}
    assert request.config["image_shape_a"] == request.config["image_shape_b"] == [8, 4, 1]
    opened = Run.open(Run.create(request, tmp_path / "run").path)
    assert load_dataset(opened, "train").fingerprint == request.fingerprint
    assert form_options(opened.request.form) == [
        *("--data-b", str(tmp_path / "pale"), "--image-size", "8x4")
    ]
    resumed = plan_resume(opened, None, Asked(epochs=3, form=form))
    assert dataclasses.replace(resumed, epochs=1) == dataclasses.replace(request, form=resumed.form)


@pytest.mark.usefixtures("translators")
def test_a_run_notices_that_domain_b_has_changed(tmp_path):
    fill(tmp_path / "pale", 6, level=200, shape=(8, 8))
    request = plan("negatives", Asked(data="digits", form={"data_b": str(tmp_path / "pale")}))
    made = Run.create(request, tmp_path / "run")
    fill(tmp_path / "pale", 6, level=90, shape=(8, 8))
    with pytest.raises(RunError, match="have changed since"):
        load_dataset(made, "train")
    with pytest.raises(RunError, match="cannot be resumed with other settings"):
        plan_resume(made, None, Asked(epochs=3))


@pytest.mark.usefixtures("translators")
def test_a_run_cannot_be_resumed_with_another_pair(tmp_path):
    request = plan("negatives", Asked(data="digits", form={"pair": "super-resolution"}))
    assert request.config["image_shape_a"] == [2, 2, 1]
    made = Run.create(request, tmp_path / "run")
    with pytest.raises(RunError, match=r"cannot be resumed with other settings.*pair"):
        plan_resume(made, None, Asked(form={"pair": "colourisation"}))


@pytest.mark.usefixtures("translators")
def test_shapes_of_domains_are_the_datas(tmp_path):
    with pytest.raises(ConfigError, match=r"image_shape_b is decided by .*--data-b, --pair"):
        plan("negatives", Asked(overrides=["image_shape_b=4,4,1"]))
