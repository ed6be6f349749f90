import unicodedata

import numpy as np
import pytest

from zoo.data import TokensSpec
from zoo.errors import ZooError
from zoo.media import save_samples, save_texts, text_table
from zoo.media.text import shown_text, text_width, texts_of

VOCABULARY = ("", "▁<unknown>", "▁to", "▁be", ",", "\n", "\x1b", "\u202e", "秦")
TOKENS = np.array([[2, 3, 4, 2, 0, 3], [3, 5, 2, 0, 0, 0], [1, 6, 7, 8, 0, 0]], np.int32)


def test_texts_are_written_one_a_line_in_utf_8(tmp_path):
    save_texts(TOKENS, VOCABULARY, tmp_path / "some.txt")
    content = (tmp_path / "some.txt").read_bytes().decode("utf-8")
    assert content == "to be, to\nbe / to\n<unknown>\\u001b\\u202e秦\n"


def test_samples_of_tokens_are_a_text_file(tmp_path):
    spec = TokensSpec(max_length=6, vocabulary=VOCABULARY)
    assert save_samples(spec, TOKENS, tmp_path / "samples") == [tmp_path / "samples.txt"]
    assert (tmp_path / "samples.txt").read_text("utf-8").startswith("to be, to\n")
    with pytest.raises(ZooError, match=r"is written as '\.txt'\. Received: 's\.png'"):
        save_samples(spec, TOKENS, tmp_path / "s.png")


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (TOKENS.astype(np.float32), r"must be integers \(N, T\)\. Received: float32"),
        (TOKENS[0], r"must be integers \(N, T\)\. Received: int32 \(6,\)"),
        (TOKENS + 1, "indices below 9, the size of the vocabulary. Received: 1 to 9"),
        (TOKENS - 1, "Received: -1 to 7"),
    ],
)
def test_what_are_no_indices_of_the_vocabulary_is_refused(samples, reason):
    with pytest.raises(ZooError, match=reason):
        texts_of(samples, VOCABULARY)


def test_no_text_can_command_a_terminal():
    every = "".join(map(chr, [*range(0x3000), 0xE0001, 0x1F600, 0xFEFF]))
    shown = shown_text(every)
    assert "\n" not in shown
    kept = {unicodedata.category(character) for character in shown} - {"Cn"}
    assert not kept & {"Cc", "Cs", "Zl", "Zp"}
    assert {character for character in shown if unicodedata.category(character) == "Cf"} <= {
        "\u200c",
        "\u200d",
    }


def test_letters_of_every_script_and_emoji_are_shown_as_they_are():
    for text in (
        "\u05e9\u05dc\u05d5\u05dd",
        "क्षि",
        "\u0645\u06cc\u200c\u062e",
        "秦川",
        "café",
        "👩\u200d👧",
    ):
        assert shown_text(text) == text


def test_columns_are_aligned_by_the_width_of_characters():
    rows = [["0.00", "秦川雄帝宅"], ["0.25", "cafe\u0301"], ["10", "a\nb\tc"]]
    table = text_table([[*row, "|"] for row in rows], ["step", "text", "end"])
    lines = table.splitlines()
    assert lines[0] == "step  text          end"
    assert lines[1] == "----  ------------  ---"
    assert lines[2] == "0.00  秦川雄帝宅    |"
    assert lines[4] == "10    a / b\\u0009c  |"
    assert {text_width(line[: line.index("|")]) for line in lines[2:]} == {20}
    assert not any(line != line.rstrip() for line in lines)


def test_a_ragged_table_is_refused():
    with pytest.raises(ZooError, match=r"A row has 1 cells\. Expected: 2"):
        text_table([["a"]], ["one", "two"])
