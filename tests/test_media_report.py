import ast
import json
import re
import shlex
import sys
import types
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from zoo.card import ModelCard
from zoo.config import Preset
from zoo.data import dataset
from zoo.errors import RunError
from zoo.media import save_grid, write_card, write_report
from zoo.media.curves import MAX_POINTS, Curve, draw_curve, read_curves, split_unit
from zoo.media.report import FROM_DATA, command_line
from zoo.runs import Run, RunRequest

HOSTILE = "<script>alert('&')</script> \"|`*[x](y)\n```\x1b[31m"


@dataclass(frozen=True, kw_only=True)
class PaintConfig:
    """Configuration of a model that these tests make up."""

    image_shape: tuple[int, int, int] = (28, 28, 1)
    hidden_sizes: tuple[int, ...] = (500,)
    beta: float = 1.0
    rate: float = 0.1


PRESETS = {
    "laptop": Preset(
        summary="Small.", config={"hidden_sizes": (64, 32)}, data="digits", epochs=3, batch_size=100
    )
}
CARD = ModelCard(
    name="paint",
    title="Painting machine",
    summary="Paints.",
    paper="A. Author, On Painting",
    year=1999,
    url="https://example.org/painting",
    kind="image",
    data="digits",
    model="zoo_paint.model:Painter",
    config="zoo_paint:PaintConfig",
    presets="zoo_paint:PRESETS",
)
REQUEST = RunRequest(
    model="paint",
    package="genzoo-paint",
    package_version="0.1.0",
    preset="laptop",
    config={"image_shape": [8, 8, 1], "hidden_sizes": [64, 32], "beta": 2.0, "rate": 0.1},
    data="digits",
    form={},
    augment=None,
    fingerprint="c0ffee",
    epochs=3,
    steps=None,
    batch_size=100,
    seed=7,
    backend="jax",
    precision="float32",
    versions={"zoo": "0.1.0"},
)


@pytest.fixture(autouse=True)
def paint_plugin(monkeypatch):
    module = types.ModuleType("zoo_paint")
    module.PaintConfig, module.PRESETS = PaintConfig, PRESETS
    monkeypatch.setitem(sys.modules, "zoo_paint", module)


def make_run(request=REQUEST, epochs=3):
    run = Run.create(request, out=Path("a run"))
    for epoch in range(1, epochs + 1):
        terms = {"neg_elbo_nats": 30 / epoch, "kl_nats": epoch, "val_neg_elbo_nats": 33 / epoch}
        run.log({"step": 14 * epoch, "epoch": epoch, **terms, "seconds": 40})
    return run


class Page(HTMLParser):
    """The tags, references and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.references, self.text = set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.references += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_data(self, data):
        self.text += f"{data} "


def report_of(run, card=CARD):
    write_report(run, card)
    return Page(run.report_path.read_text())


def card_of(run, card=CARD):
    write_card(run, card)
    return run.card_path.read_text()


def test_the_report_tells_what_was_asked_and_what_came_of_it():
    page = report_of(make_run())
    text = " ".join(page.text.split())
    for expected in (
        *("Painting machine on digits", "A. Author, On Painting (1999)", "genzoo-paint 0.1.0"),
        *("c0ffee", "hidden_sizes 64,32", "epochs 3", "steps 42", "of training 2 min"),
        *("train 10", "held out 11", "train 3", "neg_elbo nats", "kl nats"),
    ):
        assert expected in text, expected
    assert "https://example.org/painting" in page.references


def test_a_run_without_any_record_has_a_report_too():
    run = Run.create(REQUEST, out=Path("new"))
    assert "Nothing was recorded yet" in report_of(run).text
    assert "Not evaluated yet" in card_of(run)


@pytest.mark.parametrize(
    ("count", "shown"), [(1, [1]), (12, range(1, 13)), (13, None), (100, None)]
)
def test_the_strip_shows_about_a_dozen_epochs_in_order_and_the_last(count, shown):
    run = make_run()
    for epoch in range(1, count + 1):
        save_grid(np.full((1, 1, 1, 1), 0.5), run.samples_path / f"epoch-{epoch:04d}.png")
    (run.samples_path / "notes.txt").write_text("")
    page = report_of(run)
    images = [unquote(r) for r in page.references if r.startswith("samples/")]
    epochs = list(dict.fromkeys(int(re.search(r"\d+", name)[0]) for name in images))
    epochs = epochs[1:] + epochs[:1] if count > 1 else epochs  # the last stands at the top
    assert all((run.path / name).is_file() for name in images)
    assert epochs == sorted(epochs)
    assert (epochs[0], epochs[-1]) == (1, count)
    if shown is not None:
        assert epochs == list(shown)
    else:
        steps = np.diff(epochs)
        assert 7 <= len(epochs) <= 13
        assert len(set(steps[:-1])) == 1


def test_nothing_is_loaded_from_elsewhere():
    run = make_run()
    save_grid(np.zeros((1, 2, 2, 1)), run.samples_path / "epoch-0001.png")
    page = report_of(run)
    outside = {r for r in page.references if urlsplit(r).scheme or r.startswith("//")}
    assert outside == {CARD.url}  # a link to follow, not a resource
    assert not page.tags & {"script", "link", "iframe", "object", "embed", "base"}
    assert "@import" not in run.report_path.read_text()


def test_names_that_nobody_vouches_for_are_only_text():
    names = dict.fromkeys(("data", "fingerprint", "preset", "augment", "backend"), HOSTILE)
    request = replace(REQUEST, **names, config={HOSTILE: HOSTILE}, versions={HOSTILE: HOSTILE})
    run = make_run(request)
    run.log({"step": 60, "epoch": 4, HOSTILE: 1.0})
    figure = {"value": 1.0, "standard_error": 0.1, "count": HOSTILE}
    run.evaluation_path.write_text(json.dumps({"metrics": {HOSTILE: figure}}))
    card = replace(CARD, title=HOSTILE, summary=HOSTILE, paper=HOSTILE, url="javascript:alert(1)")

    page = report_of(run, card)
    assert "script" not in page.tags
    assert page.text.count("<script>alert('&')</script>") >= 10
    assert not any(r.startswith("javascript") for r in page.references)
    assert "\x1b" not in run.report_path.read_text()

    text = card_of(run, card)
    assert "\x1b" not in text
    # Outside of fenced code, which Markdown shows as it is, no tag and no fence can open.
    prose = re.sub(r"^(````+)\n.*?\n\1$", "", text, flags=re.M | re.S)
    prose = re.sub(r"^```\n.*?\n```$", "", prose, flags=re.M | re.S)
    assert "<script>" not in prose
    assert re.search(r"(?<!\\)`(?!zoo evaluate`)(?<!zoo evaluate`)", prose) is None


def test_a_name_with_bytes_that_are_no_text_still_has_a_report():
    run = make_run(replace(REQUEST, data="photos/\udcff"))
    assert "udcff" in report_of(run).text
    assert "udcff" in card_of(run)


def test_evaluation_is_shown_with_its_error_to_the_digits_that_count():
    run = make_run()
    metrics = {
        "nll_nats": {"value": 87.91234, "standard_error": 0.1234, "count": 10000},
        "frechet_distance/digits": {"value": 12.3, "standard_error": None, "count": 1797},
    }
    run.evaluation_path.write_text(json.dumps({"metrics": metrics}))
    text = " ".join(report_of(run).text.split())
    assert "nll 87.91 ± 0.12 nats 10000" in text
    assert "frechet_distance/digits 12.3 1797" in text
    assert "| nll | 87.91 ± 0.12 | nats | 10000 |" in card_of(run)


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"metrics": {"nll": 3}}', '{"metrics": {"nll": {"value": 3}}}']
)
def test_a_broken_evaluation_is_named(content):
    run = make_run()
    run.evaluation_path.write_text(content)
    with pytest.raises(RunError, match=r"evaluation\.json' is not"):
        write_report(run, CARD)
    assert not run.report_path.exists()


def test_the_command_asks_for_the_same_and_sets_only_what_the_preset_does_not():
    words = shlex.split(command_line(REQUEST, CARD))
    assert words[:3] == ["zoo", "train", "paint"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options == {
        "--preset": "laptop",
        "--data": "digits",
        "--epochs": "3",
        "--batch-size": "100",
        "--seed": "7",
        "--backend": "jax",
        "--precision": "float32",
        "--set": "beta=2.0",
    }


def test_the_command_sets_everything_where_the_plugin_is_gone():
    card = replace(CARD, config="no_such_plugin:Config")
    form = {"image_size": (32, 48)}
    request = replace(REQUEST, data="my photos", form=form, epochs=None, steps=50)
    line = command_line(request, card)
    assert "--data 'my photos' --steps 50 " in line
    assert " --image-size 32x48 --set " in line
    assert line.endswith("--set hidden_sizes=64,32 --set beta=2.0 --set rate=0.1")


def test_the_fields_that_come_from_the_data_are_those_of_the_specs():
    specs = (
        dataset.ImageSpec(image_shape=(8, 8, 1)),
        dataset.WaveformSpec(sample_rate_hz=16000, length=10),
        dataset.StrokesSpec(max_length=3, scale_factor=1.0),
        dataset.TokensSpec(max_length=3, vocabulary=("a",)),
        dataset.VideoSpec(video_shape=(2, 8, 8, 1)),
        dataset.DomainsSpec(image_shape_a=(8, 8, 1), image_shape_b=(8, 8, 1)),
        dataset.CaptionedSpec(
            image_shape=(8, 8, 1), max_length=3, vocabulary=("a",), captions=("a",)
        ),
    )
    assert {name for spec in specs for name in spec.config_values()} == FROM_DATA


def test_the_model_card_holds_a_script_that_loads_the_model():
    text = card_of(make_run())
    script = next(code for code in re.findall(r"```\n(.*?)\n```", text, re.S) if "import" in code)
    lines = [ast.unparse(statement) for statement in ast.parse(script).body]
    assert "os.environ.setdefault('KERAS_BACKEND', 'jax')" in lines
    assert lines.index("import zoo") < lines.index("model = zoo.load_model('model.keras')")
    assert "zoo sample 'a run'" in text
    assert "| neg_elbo | nats | 10 | 11 |" in text


def test_both_pages_are_replaced_whole(monkeypatch):
    run = make_run()
    first = (report_of(run).text, card_of(run))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for write in (write_report, write_card):
        with pytest.raises(RunError, match="No space left on device"):
            write(run, replace(CARD, title="Other"))
    assert (Page(run.report_path.read_text()).text, run.card_path.read_text()) == first


def test_terms_are_paired_with_their_held_out_values_by_epoch():
    curves = read_curves(
        [
            {"step": 14, "epoch": 1, "kl_nats": 3, "val_kl_nats": 4, "note": "x", "seconds": 1},
            {"step": 28, "epoch": 2, "kl_nats": None, "critic/score": 0.5},
            {"step": 30, "kl_nats": 9},
        ]
    )
    assert [(c.name, c.unit) for c in curves] == [("kl", "nats"), ("critic/score", "")]
    assert curves[0].points["held_out"] == [(1, 4)]
    np.testing.assert_array_equal(curves[0].points["train"], [(1, 3), (2, np.nan)])


@pytest.mark.parametrize(
    ("term", "name", "unit"),
    [
        ("kl_nats", "kl", "nats"),
        ("nll_bits_per_dim", "nll", "bits per dim"),
        ("generator/loss_nats", "generator/loss", "nats"),
        ("accuracy", "accuracy", ""),
        ("nats", "nats", ""),
    ],
)
def test_a_term_ends_in_its_unit(term, name, unit):
    assert split_unit(term) == (name, unit)


def test_a_long_training_makes_a_light_panel_that_keeps_its_spikes():
    values = np.sin(np.arange(20_000) / 3000)
    values[12_345] = 7.0
    curve = Curve("loss", "nats", {"train": list(enumerate(values.tolist()))})
    svg = draw_curve(curve)
    assert len(svg) < 60_000
    line = max(re.findall(r'<path d="([^"]*)"[^>]*style="fill: none', svg), key=len)
    heights = [float(y) for y in re.findall(r"[ML] \S+ (\S+)", line)]
    assert len(heights) <= MAX_POINTS + 2
    # Heights count downwards: the one point at 7 stands far above all others, at most 1.
    top, second = sorted(heights)[:2]
    assert second - top > 5 * (max(heights) - second) / 2


def test_a_panel_survives_values_that_are_not_finite():
    points = [(float(epoch), float("nan")) for epoch in range(1, 1000)]
    assert draw_curve(Curve("loss", "", {"train": points})).startswith("<svg")
