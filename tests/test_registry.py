import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.card import DatasetCard, ModelCard
from zoo.errors import PluginError
from zoo.registry import Entry, dataset_entries, entries, find, printable

GOOD = ModelCard(
    name="toy",
    title="Toy",
    summary="A toy.",
    paper="A. Author, On Toys",
    year=2001,
    url="https://example.org",
    kind="image",
    data="digits",
    model="toy_plugin.model:Toy",
    config="toy_plugin.config:Config",
    presets="toy_plugin.config:PRESETS",
)
OTHER = replace(GOOD, name="other-toy")
DATA = DatasetCard(
    name="toys",
    kind="image",
    summary="Toys.",
    source="here",
    licence="none",
    load="toy_plugin.data:load",
)
NOT_A_CARD = ["toy"]
HERE = __name__


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A folder that is the only place where distributions are found."""
    folder = tmp_path / "site"
    folder.mkdir()
    library = [path for path in sys.path if path.startswith(sys.base_prefix)]
    library = [path for path in library if not path.endswith("-packages")]
    monkeypatch.setattr(sys, "path", [str(folder), *library])
    monkeypatch.delenv("ZOO_PLUGINS", raising=False)
    return folder


def install(
    folder: Path,
    package: str,
    points: str,
    *,
    version: str = "1.0",
    group: str = "zoo.models",
    kind: str = "dist-info",
) -> None:
    """Write the metadata of a distribution, and nothing else of it."""
    metadata = folder / f"{package.replace('-', '_')}-{version}.{kind}"
    metadata.mkdir(parents=True)
    name = "METADATA" if kind == "dist-info" else "PKG-INFO"
    (metadata / name).write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{points}\n", encoding="utf-8")


def module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


def only() -> Entry[ModelCard | None]:
    (entry,) = entries()
    return entry


def test_an_installed_model_is_found(site):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    assert entries() == (Entry("toy", GOOD, "genzoo-toy", "1.0", None),)
    assert find("toy").card is GOOD
    assert only().status == "ok"


def test_two_models_of_one_package_are_both_found_in_order(site):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD\nother-toy = {HERE}:OTHER")
    assert [(entry.name, entry.status) for entry in entries()] == [
        ("other-toy", "ok"),
        ("toy", "ok"),
    ]


def test_other_groups_and_other_packages_are_left_alone(site):
    install(site, "genzoo-toys", f"toys = {HERE}:DATA", group="zoo.datasets")
    install(site, "stranger", "zoo.models = nothing:NOTHING", group="console_scripts")
    assert entries() == ()
    assert dataset_entries() == (Entry("toys", DATA, "genzoo-toys", "1.0", None),)


def test_an_unknown_name_is_answered_with_the_closest_and_all_names(site):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD\nother-toy = {HERE}:OTHER")
    with pytest.raises(PluginError) as caught:
        find("tuy")
    assert str(caught.value) == (
        "Unknown model 'tuy'. Did you mean 'toy'? Installed: other-toy, toy."
    )


def test_without_any_plugin_the_message_says_where_models_come_from(site):
    with pytest.raises(PluginError) as caught:
        find("vae")
    assert str(caught.value) == (
        "Unknown model 'vae'. Installed: none. Models come as plugins: `pip install genzoo-NAME`."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "import no_such_library",
            "could not be imported: No module named 'no_such_library'. Install it, or run `pip",
        ),
        (
            "from os import no_such_name",
            "could not be imported: cannot import name 'no_such_name' from 'os'",
        ),
        ("1 / 0", "could not be imported: ZeroDivisionError: division by zero. Run `pip"),
        ("raise ValueError", "could not be imported: ValueError. Run `pip"),
        ("def (", "could not be imported: SyntaxError: "),
        ("import sys; sys.exit(3)", "could not be imported: it ended the program while it was"),
        ("raise GeneratorExit", "could not be imported: GeneratorExit. Run"),
        ("raise ValueError('a\\nb\\x1b[31mc')", "ValueError: a b\\x1b[31mc. Run"),
        ("CARD = 3", "cannot be used: module 'PLUGIN' has no 'TOY', which its entry point names."),
        ("TOY = 3", "cannot be used: 'PLUGIN:TOY' must be a ModelCard. Received: int."),
    ],
)
def test_a_broken_plugin_is_listed_with_the_reason_and_hides_no_other(site, text, reason):
    name = f"broken_{site.parent.name}"
    module(site, name, text)
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    install(site, "genzoo-broken", f"broken = {name}:TOY")
    broken, good = entries()
    assert (broken.name, broken.status, good.name, good.status) == ("broken", "broken", "toy", "ok")
    assert broken.problem is not None
    assert broken.problem.startswith("Plugin 'broken' (genzoo-broken 1.0) c")
    assert reason.replace("PLUGIN", name) in broken.problem
    assert broken.problem.isprintable()
    with pytest.raises(PluginError) as caught:
        find("broken")
    assert str(caught.value) == broken.problem
    assert find("toy").card is GOOD


def test_an_entry_point_to_a_missing_module_says_so(site):
    install(site, "genzoo-gone", "gone = zoo_gone:CARD")
    assert only().problem == (
        "Plugin 'gone' (genzoo-gone 1.0) cannot be used: there is no module 'zoo_gone', which its "
        "entry point names. Run `pip install --force-reinstall genzoo-gone`."
    )


def test_a_missing_submodule_of_a_present_package_says_so(site):
    module(site, "zoo_half", "")
    install(site, "genzoo-half", "half = zoo_half.cards:CARD")
    assert only().status == "broken"
    assert "zoo_half" in str(only().problem)


@pytest.mark.parametrize("line", ["toy", "toy =", "toy = a b c", "toy = nothing"])
def test_an_entry_point_that_is_no_reference_is_reported(site, line):
    install(site, "genzoo-toy", line)
    assert "its entry point must be 'module:attribute'" in str(only().problem)


def test_what_a_plugin_prints_on_import_stays_out_of_stdout(site, capsys):
    module(site, "toy_loud", f"print('hello')\nfrom {HERE} import GOOD")
    install(site, "genzoo-toy", "toy = toy_loud:GOOD")
    assert only().status == "ok"
    assert capsys.readouterr() == ("", "hello\n")


def test_an_interrupt_while_a_plugin_is_imported_is_not_swallowed(site):
    module(site, "toy_interrupted", "raise KeyboardInterrupt")
    install(site, "genzoo-toy", "toy = toy_interrupted:GOOD")
    with pytest.raises(KeyboardInterrupt):
        entries()


def test_a_card_of_another_name_than_its_entry_point_is_broken(site):
    install(site, "genzoo-toy", f"train = {HERE}:GOOD")
    assert only().problem == (
        "Plugin 'train' (genzoo-toy 1.0) cannot be used: its card is called 'toy', and the entry "
        "point and the card must have one name. Correct it in genzoo-toy."
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/toy", "../../etc/toy"),
        ("my toy", "my toy"),
        ("Toy", "Toy"),
        ("t\x1b]0;owned\x07oy", r"t\x1b]0;owned\x07oy"),
        ("toy\u202eyot", r"toy\u202eyot"),
    ],
)
def test_a_name_that_could_do_harm_is_escaped_and_not_usable(site, name, shown):
    install(site, "genzoo-toy", f"{name} = {HERE}:GOOD")
    entry = only()
    assert (entry.name, entry.status) == (shown, "broken")
    assert "a name must consist of lower-case letters" in str(entry.problem)
    assert str(entry.problem).isprintable()
    with pytest.raises(PluginError, match="a name must consist of"):
        find(name)


def test_two_packages_with_one_name_are_both_reported_and_neither_is_usable(site):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    install(site, "rival-toy", f"toy = {HERE}:GOOD", version="2.0")
    first, second = entries()
    assert [(e.name, e.package, e.status) for e in (first, second)] == [
        ("toy", "genzoo-toy", "broken"),
        ("toy", "rival-toy", "broken"),
    ]
    assert first.problem == second.problem
    with pytest.raises(PluginError) as caught:
        find("toy")
    assert str(caught.value) == (
        "'toy' is registered by genzoo-toy 1.0 and rival-toy 2.0, so that it cannot be used. "
        "Uninstall one (`pip uninstall genzoo-toy`), or say in ZOO_PLUGINS which to load."
    )


def test_zoo_plugins_settles_which_of_two_packages_has_a_name(site, monkeypatch):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    install(site, "rival-toy", f"toy = {HERE}:GOOD", version="2.0")
    monkeypatch.setenv("ZOO_PLUGINS", "rival-toy")
    assert (only().package, only().status) == ("rival-toy", "ok")


def test_one_package_with_two_meanings_of_one_name_is_broken(site):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD\ntoy = {HERE}:OTHER")
    assert only().problem == (
        f"'toy' is registered more than once by genzoo-toy: {HERE}:GOOD and {HERE}:OTHER. "
        "Run `pip install --force-reinstall genzoo-toy`."
    )


@pytest.mark.parametrize(
    ("version", "kind"), [("0.9", "dist-info"), ("1.0", "egg-info"), ("0.9", "egg-info")]
)
def test_a_package_installed_twice_is_reported_and_stays_usable(
    site, tmp_path, monkeypatch, version, kind
):
    checkout = tmp_path / "checkout"
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    install(checkout, "genzoo-toy", f"toy = {HERE}:GOOD", version=version, kind=kind)
    monkeypatch.setattr(sys, "path", [*sys.path, str(checkout)])
    entry = only()
    assert (entry.status, entry.version) == ("ok", "1.0")
    assert f"genzoo-toy is installed 2 times: 1.0 in {site} and {version} in {checkout}." in str(
        entry.problem
    )
    assert find("toy").card is GOOD


def test_two_versions_of_a_package_in_one_folder_are_reported(site):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD", version="1.0")
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD", version="1.1")
    assert only().status == "ok"
    assert "genzoo-toy is installed 2 times" in str(only().problem)


def test_two_copies_that_disagree_are_broken(site, tmp_path, monkeypatch):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    install(tmp_path / "checkout", "genzoo-toy", f"toy = {HERE}:OTHER", version="0.9")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "checkout")])
    assert only().status == "broken"


def test_a_folder_that_is_on_the_path_twice_counts_once(site, tmp_path, monkeypatch):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    link = tmp_path / "link"
    os.symlink(site, link)
    monkeypatch.setattr(sys, "path", [*sys.path, str(site), str(link)])
    assert only().problem is None


@pytest.mark.parametrize("wanted", ["toy", "genzoo-toy", "genzoo_toy", " Toy ,", "rival,toy"])
def test_zoo_plugins_loads_only_the_plugins_that_it_names(site, monkeypatch, wanted):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    install(site, "rival", f"other-toy = {HERE}:OTHER")
    install(site, "genzoo-hang", "hang = toy_that_would_hang:CARD")
    module(site, "toy_that_would_hang", "raise AssertionError('imported')")
    monkeypatch.setenv("ZOO_PLUGINS", wanted)
    expected = ["other-toy", "toy"] if "rival" in wanted else ["toy"]
    assert [entry.name for entry in entries()] == expected
    with pytest.raises(PluginError, match=r"ZOO_PLUGINS=.* leaves out all other plugins"):
        find("hang")


def test_zoo_plugins_that_is_empty_leaves_nothing_out(site, monkeypatch):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    monkeypatch.setenv("ZOO_PLUGINS", "")
    assert only().status == "ok"


def test_an_unknown_plugin_in_zoo_plugins_is_reported(site, monkeypatch):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    monkeypatch.setenv("ZOO_PLUGINS", "toy,toyy\x1b")
    good, absent = entries()
    assert (good.name, good.status) == ("toy", "ok")
    assert (absent.name, absent.status) == ("toyy\\x1b", "broken")
    assert absent.problem == (
        "ZOO_PLUGINS names 'toyy\\x1b', which is not an installed plugin. Did you mean 'toy'? "
        "Installed: toy."
    )


def test_two_names_that_claim_one_model_both_by_broken_packages_are_all_listed(site):
    install(site, "one", "toy = nowhere:A")
    install(site, "two", "toy = nowhere:B")
    install(site, "three", "toy = nowhere:C")
    assert [entry.package for entry in entries()] == ["one", "three", "two"]
    assert "one 1.0 and three 1.0 and two 1.0" in str(entries()[0].problem)


def test_metadata_without_a_name_does_not_stop_the_listing(site):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    (site / "genzoo_toy-1.0.dist-info" / "METADATA").unlink()
    assert only().card is GOOD


def test_metadata_that_is_not_utf8_does_not_stop_the_listing(site):
    install(site, "genzoo-toy", f"toy = {HERE}:GOOD")
    install(site, "stranger", "")
    (site / "stranger-1.0.dist-info" / "entry_points.txt").write_bytes(b"[zoo.models]\n\xff = a:b")
    assert [entry.name for entry in entries()] == ["toy"]


@given(st.text())
def test_printable_text_keeps_what_can_be_shown_and_escapes_the_rest(text):
    shown = printable(text)
    assert shown.replace("\n", "").isprintable()
    if text.isprintable():
        assert shown == text
