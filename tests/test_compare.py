"""`zoo compare`: one page about several runs, which can be moved without them."""

import base64
import dataclasses
import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from small_runs import records, small_request
from translators import install_translators, make_translator_run

from zoo.commands import run
from zoo.errors import RunError, ZooError
from zoo.media import save_grid, write_comparison
from zoo.metrics.directions import better
from zoo.runs import Run


class Page(HTMLParser):
    """The rows of a page's tables, the classes of their cells, pictures and text."""

    def __init__(self, path):
        super().__init__()
        self.rows, self.classes, self.pictures, self.headings, self.text = [], [], [], [], ""
        self._tag = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self._tag = tag
        if tag == "tr":
            self.rows.append([])
            self.classes.append([attributes.get("class", "")])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.classes[-1].append(attributes.get("class", ""))
        elif tag == "img":
            self.pictures.append(attributes["src"])
        elif tag == "h3":
            self.headings.append("")

    def handle_endtag(self, tag):
        if tag in ("td", "th", "h3"):
            self._tag = ""

    def handle_data(self, data):
        self.text += f" {data}"
        if self._tag in ("td", "th") or (self.rows and self._tag == "span" and self.rows[-1]):
            self.rows[-1][-1] += data
        if self._tag == "h3":
            self.headings[-1] += data

    def row(self, name):
        """Return the cells after the first of the row that begins with `name`."""
        return next(row[1:] for row in self.rows if row and row[0].split(" (")[0].strip() == name)

    def classes_of(self, name):
        return next(c for r, c in zip(self.rows, self.classes, strict=True) if r and r[0] == name)


def make_run(folder, terms=("neg_elbo_nats", "kl_nats"), value=30.0, **changed):
    """Make the run of a small VAE that has logged three epochs, and drawn a picture."""
    request = dataclasses.replace(small_request(), **changed)
    made = Run.create(request, out=folder)
    for epoch in (1, 2, 3):
        logged = dict.fromkeys(terms, value / epoch)
        logged |= {f"val_{name}": 1 + value / epoch for name in terms}
        made.log({"step": 4 * epoch, "epoch": epoch, **logged, "seconds": 20})
    save_grid(np.full((4, 8, 8, 1), 0.5, "float32"), made.samples_path / "epoch-0003.png")
    return made


def evaluate(made, figures, data="digits", split="test"):
    metrics = {
        name: {"value": value, "standard_error": error, "count": 360}
        for name, (value, error) in figures.items()
    }
    document = {"model": "vae", "data": data, "split": split, "step": 12, "metrics": metrics}
    made.evaluation_path.write_text(json.dumps(document))


def page_of(*runs, tmp_path):
    write_comparison(runs, tmp_path / "page.html")
    return Page(tmp_path / "page.html")


def test_rows_that_differ_are_marked(tmp_path):
    one = make_run(tmp_path / "one")
    page = page_of(one, make_run(tmp_path / "two", seed=4), tmp_path=tmp_path)
    assert page.row("Seed") == ["3", "4"]
    assert page.classes_of("Seed")[0] == "differs"
    assert page.row("Batch size") == ["320", "320"]
    assert page.classes_of("Batch size")[0] == ""


def test_it_says_how_large_models_are_and_how_long_they_were_trained(tmp_path):
    one = make_run(tmp_path / "one")
    other = make_run(tmp_path / "two", terms=("neg_elbo_nats",), value=60)
    page = page_of(one, other, tmp_path=tmp_path)
    # 64-4 and 4-(2+2) in the encoder, 2-4 and 4-64 in the decoder, with biases.
    count = (64 * 4 + 4) + (4 * 4 + 4) + (2 * 4 + 4) + (4 * 64 + 64)
    assert page.row("Weights") == [f"{count:,}"] * 2
    assert page.row("Steps") == ["12", "12"]
    assert page.row("Time of training") == ["1 min", "1 min"]
    cells = [row[1:] for row in page.rows if row[0] == "neg_elbo, nats (held out)"]
    assert cells == [["11", "21"]]
    cells = [row[1:] for row in page.rows if row[0] == "kl, nats (training data)"]
    assert cells == [["10", "-"]]


def test_terms_that_runs_share_stand_in_one_plot(tmp_path):
    one = make_run(tmp_path / "one")
    other = make_run(tmp_path / "two", terms=("neg_elbo_nats",))
    page = page_of(one, other, tmp_path=tmp_path)
    shared, single = page.source.split("Terms of one run alone")
    assert "neg_elbo" in page.headings[2]
    assert shared.count("<svg") == single.count("<svg") == 1
    lines = re.findall(r'<path d="[^"]*" [^>]*style="fill: none; stroke: (#\w+)', shared)
    dotted = re.findall(r"stroke-dasharray: [\d.]+,[\d.]+;[^\"]*stroke: (#\w+)", shared)
    assert {*lines, *dotted} >= {"#0072b2", "#e69f00"}


def test_the_best_figure_is_marked_where_the_direction_is_known(tmp_path):
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "two")
    figures = {"nll_bound_nats": (23.9, 0.1), "label_accuracy_a_to_b": (0.5, 0.01)}
    evaluate(one, {**figures, "active_units": (6, None)})
    evaluate(other, {"nll_bound_nats": (25.0, 0.1), "label_accuracy_a_to_b": (0.9, 0.01)})
    page = page_of(one, other, tmp_path=tmp_path)
    marks = {
        row[0].split(" (")[0]: [("best" in cell) for cell in classes[2:]]
        for row, classes in zip(page.rows, page.classes, strict=True)
        if row and "value" in classes[-1]
    }
    assert marks == {
        "nll_bound, nats": [True, False],
        "label_accuracy_a_to_b": [False, True],
        "active_units": [False, False],
    }
    assert page.row("nll_bound, nats") == ["23.90 ± 0.10", "25.00 ± 0.10"]
    assert page.row("active_units") == ["6", "-"]


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"fingerprint": "another"}, {}),
        ({}, {"split": "train"}),
        ({}, {"data": "photos"}),
    ],
)
def test_no_figure_is_best_that_was_measured_on_other_data(tmp_path, changed, where):
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "two", **changed)
    evaluate(one, {"nll_bound_nats": (23.9, 0.1)})
    evaluate(other, {"nll_bound_nats": (25.0, 0.1)}, **where)
    page = page_of(one, other, tmp_path=tmp_path)
    assert not any("best" in cell for classes in page.classes for cell in classes)


def test_no_distance_is_best_that_another_backends_network_saw(tmp_path):
    backends = ("tensorflow", "jax")
    runs = [make_run(tmp_path / name, backend=name) for name in backends]
    for made, value in zip(runs, (1.0, 2.0), strict=True):
        evaluate(made, {"frechet_distance/classifier-digits": (value, 0.1), "nll": (value, 0.1)})
    page = page_of(*runs, tmp_path=tmp_path)
    marked = [r[0] for r, c in zip(page.rows, page.classes, strict=True) if "best" in "".join(c)]
    assert [name.split(" (")[0] for name in marked] == ["nll"]


def test_pictures_and_texts_are_in_the_page(tmp_path):
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "two")
    (other.samples_path / "epoch-0003.png").unlink()
    (other.samples_path / "epoch-0003.txt").write_text("A <b>text</b>.\n")
    page = page_of(one, other, tmp_path=tmp_path)
    kind, _, content = page.pictures[0].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content) == (one.samples_path / "epoch-0003.png").read_bytes()
    assert len(page.pictures) == 1
    assert "no picture yet" in page.text
    assert "A <b>text</b>." in page.text
    assert not re.search(r"(src|href)=\"(?!data:|#)", page.source)


def test_models_of_any_kind_are_compared(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    install_translators(site)
    sys.path.insert(0, str(site))
    try:
        translator = make_translator_run(tmp_path / "run")
        save_grid(np.zeros((1, 8, 8, 1)), translator.samples_path / "epoch-0001.png")
        page = page_of(make_run(tmp_path / "one"), translator, tmp_path=tmp_path)
    finally:
        sys.path.remove(str(site))
    assert page.row("Weights")[1] == "2"
    assert page.row("image_shape_b") == ["-", "8,8,3"]
    assert "Held-out images of A as B and back, and of B as A and back, after epoch 1" in page.text


def test_runs_of_one_name_are_told_apart_by_their_paths(tmp_path):
    runs = [make_run(tmp_path / name / "run") for name in ("one", "two")]
    page = page_of(*runs, tmp_path=tmp_path)
    assert page.headings[:2] == [str(run.path) for run in runs]


@pytest.mark.parametrize(
    ("figure", "direction"),
    [
        ("nll_bits_per_dim", "lower"),
        ("density_nll_iw100_nats", "lower"),
        ("perplexity_bound", "lower"),
        ("reconstruction_mse", "lower"),
        ("cycle_a_l1", "lower"),
        ("l1_a_to_b", "lower"),
        ("frechet_distance/classifier-digits", "lower"),
        ("kernel_distance_a_to_b/inception", "lower"),
        ("psnr_a_to_b_db", "higher"),
        ("ssim_b_to_a", "higher"),
        ("label_accuracy_a_to_b", "higher"),
        ("probe_accuracy_at_1_percent", "higher"),
        ("recall/classifier-digits", "higher"),
        ("recognition/classifier-digits", "higher"),
        ("parzen_log_likelihood_nats", "higher"),
        ("frechet_distance_a_to_b_untranslated/classifier-digits", None),
        ("psnr_a_to_b_untranslated_db", None),
        ("recognition_real/classifier-digits", None),
        ("feature_accuracy/classifier-digits", None),
        ("marginal_bits_per_dim", None),
        ("pixels_accuracy", None),
        ("density/classifier-digits", None),
        ("parzen_bandwidth", None),
        ("active_units", None),
        ("generators_objective_score", None),
    ],
)
def test_the_direction_of_a_figure_is(figure, direction):
    assert better(figure) == direction


# The command.


def test_the_command_writes_a_page_and_replaces_its_own_alone(tmp_path, capsys):
    one, other = (str(make_run(tmp_path / name).path) for name in ("one", "two"))
    for _ in range(2):
        assert run(["compare", one, other]) == 0
        assert capsys.readouterr().out == "Comparison: compare.html\n"
    (tmp_path / "mine.html").write_text("Mine.")
    assert run(["compare", one, other, "--out", str(tmp_path / "mine.html")]) == 1
    assert "mine.html' exists and was not written by `zoo compare`" in capsys.readouterr().err
    assert (tmp_path / "mine.html").read_text() == "Mine."


def test_a_folder_that_is_no_run_is_told_in_one_line(tmp_path, capsys):
    one = str(make_run(tmp_path / "one").path)
    assert run(["compare", one, str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert "is not a run: it holds no 'run.json'" in err
    assert err.count("\n") == 1


def test_fewer_than_two_runs_and_one_given_twice_are_refused(tmp_path):
    one = make_run(tmp_path / "one")
    with pytest.raises(ZooError, match=r"From 2 to 8 runs can be compared .* Received: 1"):
        write_comparison([one], tmp_path / "page.html")
    with pytest.raises(ZooError, match="one' is given more than once"):
        write_comparison([one, Run.open(one.path)], tmp_path / "page.html")


def test_a_broken_evaluation_is_named(tmp_path):
    one, other = make_run(tmp_path / "one"), make_run(tmp_path / "two")
    other.evaluation_path.write_text('{"metrics": {}}')
    with pytest.raises(RunError, match="does not say on which data and split"):
        write_comparison([one, other], tmp_path / "page.html")


def test_a_run_that_has_only_begun_is_compared(tmp_path):
    begun = Run.create(small_request(), out=tmp_path / "begun")
    page = page_of(begun, make_run(tmp_path / "one"), tmp_path=tmp_path)
    assert records(begun.path) == []
    assert page.row("Epochs") == ["0", "3"]
    assert "None of the runs was evaluated yet" in page.text
