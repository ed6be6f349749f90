import csv
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from zoo.data.forms import TextForm
from zoo.data.text_files import load_texts, locate, read_passages
from zoo.data.vocabulary import normalized, text_of
from zoo.errors import DataError

LINES = [f"line number {number} says {'yes' if number % 3 else 'no'}." for number in range(200)]


def read(data):
    tokens, labels = data.read(np.arange(len(data)))
    assert labels is None
    assert tokens.dtype == np.int32
    assert tokens.shape == (len(data), data.spec.max_length)
    return [text_of(row, data.spec.vocabulary) for row in tokens]


def load(path, split="train", **form):
    return load_texts(str(path), split=split, form=TextForm(**form))


def everything(path, **form):
    """Return the texts of all splits; a word that only the test split has is "<unknown>" there."""
    data = load(path, **form)
    return sorted(text for split in data.splits for text in read(load(path, split, **form)))


def passages(name, kind="line"):
    path, field = locate(str(name))
    return read_passages(path, field, kind)


@pytest.fixture
def text(tmp_path):
    """Write a file, text or bytes; return its path."""

    def write(content, name="some.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_each_line_is_an_example_and_empty_lines_are_none(text):
    path = text("one two\n\n  \r\n three, four \rfive\n")
    assert passages(path) == (["one two", "three, four", "five"], [])
    data = load(path)
    assert len(data) + len(load(path, "test")) == 3
    assert data.skipped == ()
    assert data.spec.max_length == 4


def test_a_paragraph_keeps_its_line_breaks(text):
    path = text("A rose\n  is a rose.\n \n\nAnd\r\na thorn\n")
    expected = ["A rose\nis a rose.", "And\na thorn"]
    assert passages(path, kind="paragraph") == (expected, [])
    for tokens in ("word", "character"):
        assert read(load(path, passages="paragraph", tokens=tokens))[0] in expected


def test_lengths_are_those_of_the_tokens_with_the_end(text):
    data = load(text("\n".join(LINES)), tokens="character")
    tokens, _ = data.read(np.arange(len(data)))
    np.testing.assert_array_equal(data.lengths, (tokens > 0).sum(axis=1) + 1)
    assert data.lengths.dtype == np.int32
    assert data.spec.max_length == max(map(len, LINES)) + 1


def test_a_hash_of_the_passage_splits_so_that_none_is_in_both(text):
    path = text("\n".join(LINES * 2))
    train, test = read(load(path)), read(load(path, "test"))
    assert not set(train) & set(test)
    assert sorted([*train, *read(load(path, "test", tokens="character"))]) == sorted(LINES * 2)
    assert 0.05 < len(test) / len(train) < 0.2
    more = text("\n".join(["another line", *LINES]), "more.txt")
    assert set(read(load(more))) - {"another line"} == set(train)  # a new passage moves no other


def test_the_vocabulary_is_made_of_the_training_split_alone(tmp_path, text):
    text("a b a\n", "set/train.txt")
    text("a c b\n", "set/Test.txt")
    text("c\n", "set/valid.txt")
    train = load(tmp_path / "set")
    assert sorted(train.splits) == ["test", "train", "validation"]
    assert train.spec.vocabulary == ("", "▁<unknown>", "▁a", "▁b")
    assert load(tmp_path / "set", "test").read(np.array([0]))[0].tolist() == [[2, 1, 3, 0]]
    assert train.spec == load(tmp_path / "set", "validation").spec


def test_texts_are_read_in_another_vocabulary_whatever_their_own_training_split_knows(
    tmp_path, text
):
    text("a\n", "set/train.txt")
    text("c b a d\nc b a d e\n", "set/test.txt")
    other = load(tmp_path / "set", "test")
    adapted = other.adapted(max_length=5, vocabulary=("", "▁<unknown>", "▁a", "▁b", "▁c"))
    assert read(adapted) == ["c b a <unknown>"]
    assert adapted.skipped == (f"{tmp_path / 'set'}: 1 passages of 5 tokens and more",)
    letters = other.adapted(max_length=9, vocabulary=("", "\ufffd", " ", "a", "b", "c", "d", "e"))
    assert read(letters) == ["c b a d"]


def test_the_vocabulary_has_the_size_that_is_asked_for(text):
    data = load(text("a a a b b c\n"), vocabulary_size=4)
    assert data.spec.vocabulary == ("", "▁<unknown>", "▁a", "▁b")
    assert read(data) == ["a a a b b <unknown>"]
    assert data.spec.config_values() == {"max_length": 7, "vocabulary": data.spec.vocabulary}


def test_passages_that_are_too_long_are_left_out_and_counted(text):
    path = text("a b c\na b c d\na b\na b c\n" + "x" * 200 + "\n")
    data = load(path, max_length=3)
    assert data.skipped == (f"{path}: 2 passages of more than 3 word tokens",)
    assert len(everything(path, max_length=3)) == 3
    assert data.spec.max_length == 4
    with pytest.raises(DataError, match=r"None of the 4 passages .* at most 3 character.*--max-le"):
        load(text("abcd\nefgh\nijkl\nmnop"), max_length=3, tokens="character")


def test_a_folder_of_files_is_read_file_by_file(tmp_path, text):
    text("a\nb\n", "set/one.txt")
    text("c", "set/deeper/two.txt")
    text("d", "set/.hidden.txt")
    text(b"\xff\xfe\x00", "set/broken.txt")
    text("e", "set/picture.png")
    data = load(tmp_path / "set")
    assert len(data) + len(load(tmp_path / "set", "test")) == 3
    (skipped,) = data.skipped
    assert skipped.startswith("broken.txt: it is UTF-16")


def test_folders_of_splits_are_splits(tmp_path, text):
    text("a\nb\n", "set/train/one.txt")
    text("c", "set/test/two.txt")
    text("d", "set/notes.txt")
    assert load(tmp_path / "set").splits == ("train", "test")
    assert read(load(tmp_path / "set", "test")) == ["<unknown>"]
    assert load(tmp_path / "set").skipped == ("notes.txt: outside test/, train/",)
    with pytest.raises(DataError, match=r"no split 'validation'\. It has: train, test"):
        load(tmp_path / "set", "validation")


@pytest.mark.parametrize(
    ("name", "content", "left_out"),
    [
        ("list.json", json.dumps(["one", "two\nlines", " "]), ["1 entries without text"]),
        ("poems.json", json.dumps([{"Text": "one"}, {"Text": ["two", "lines"], "body": "x"}]), []),
        (
            "rows.jsonl",
            '{"text": "one"}\n\n{"text": "two\\nlines"}\n{"other": 1}\n',
            ["1 entries without text in 'text'"],
        ),
        (
            "torn.jsonl",
            '{"text": "one"}\n\n{"text": two}\n{"text": "two\\nlines"}\n]',
            [
                "line 3: it is no JSON (Expecting value: column 10)",
                "line 5: it is no JSON (Expecting value: column 1)",
            ],
        ),
        (
            "table.csv",
            'id,Text\r\n1,one\r\n2,"two\nlines"\r\n3,\r\n\r\n4,torn, apart\r\n',
            ["2 entries without text in 'Text', or not as long as the header"],
        ),
        ("table.tsv", 'text\tid\none\t1\n"two\nlines"\t2\n', []),
    ],
)
def test_json_and_tables_hold_a_passage_in_each_entry(text, name, content, left_out):
    found, skipped = passages(text(content, name))
    assert found == ["one", "two\nlines"]
    assert skipped == left_out


def test_the_field_is_named_after_the_path(text):
    path = text(json.dumps([{"verses": "a b", "title": "t"}]), "poems.json")
    assert read(load(f"{path}#Verses")) == ["a b"]
    for name in (str(path), f"{path}#author"):
        with pytest.raises(DataError, match=r"Its fields: 'verses', 'title'\. Name the one that h"):
            load(name)
    hashed = text("a # b", "file#1.txt")
    assert read(load(hashed)) == ["a # b"]
    with pytest.raises(DataError, match="plain text has no fields, such as 'verses'"):
        load(f"{hashed}#verses")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is empty"),
        ("\n \n\t\n", "holds no text to train on"),
        (b"PK\x03\x04ab\x00", "it is no text: a NUL byte at position 6"),
        ("abc é".encode("latin-1"), r"it is not UTF-8: byte 0xe9 at position 4\. Convert it"),
        (b"\x89PNG\r\n", "it is not UTF-8: byte 0x89 at position 0"),
        ("ab".encode("utf-16"), "it is UTF-16; expected UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_by_name_and_place(text, content, reason):
    with pytest.raises(DataError, match=rf"some\.txt' .*{reason}"):
        load(text(content))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", "{", "it is no JSON"),
        ("a.json", '{"data": []}', "it holds the fields 'data'; expected a list"),
        ("a.json", "3", "it holds no list; expected a list"),
        ("a.json", "[1, null, []]", "holds no text to train on. Skipped: a.json: 3 entries"),
        ("a.json", '[{"id": 1}]', "no field is called text, .*Its fields: 'id'"),
        ("a.json", "[" * 100_000, "it cannot be read|it is no JSON"),
        ("a.jsonl", "\n{\n[", r"line 2: it is no JSON \(.*: column 2\)"),
        ("a.jsonl", "[" * 100_000, "line 1: it is no JSON"),
        ("a.csv", "to be, or not to be\nthat is the question\n", "no field is called text"),
        ("a.csv", "text\n", "holds no text to train on"),
        ("a.csv", 'text\n"open', "unexpected end of data, in line 2. Text that holds quotes"),
        ("a.csv", 'text\na\n"b" c\nd', "expected after .*, in line 3. Text that holds quotes"),
        ("a.csv", "id,text\n1,torn, apart\n", "1 entries without text in 'text', or not as long"),
    ],
)
def test_broken_json_and_tables_are_refused(text, name, content, reason):
    with pytest.raises(DataError, match=reason):
        load(text(content, name))


def test_one_line_alone_is_a_training_set_without_a_test(text):
    data = load(text("\ufeffonly this"))
    assert (data.splits, read(data)) == (("train",), ["only this"])


def test_characters_of_every_script_survive(text):
    lines = [
        "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u0639\u0644\u064a\u0643\u0645 abc",
        "e\u0301\u0327 क्षि \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
        "秦川雄帝宅\uff0c函谷壯皇居。",
    ]
    path = text("\n".join(lines), "set/train.txt").parent
    for tokens in ("word", "character"):
        data = load(path, tokens=tokens)
        assert len(data) + len(load(path, "test", tokens=tokens)) == 3
        assert set(read(data)) < {normalized(line) for line in lines}


def test_a_line_of_ten_megabytes_is_left_out_in_little_memory(text):
    path = text("short line\nanother one\n" + "a b " * 2_500_000)
    for tokens in ("word", "character"):
        tracemalloc.start()
        data = load(path, tokens=tokens)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        most = {"word": 60, "character": 200}[tokens]
        assert data.skipped[0].endswith(f"1 passages of more than {most} {tokens} tokens")
        assert peak < 300e6


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_cell_of_any_length_is_read(text, name):
    before = csv.field_size_limit()
    passage = "a b " * 50_000
    data = load(text(f"text\nshort line\n{passage}\nanother one\n", name))
    assert data.skipped[0].endswith("1 passages of more than 60 word tokens")
    assert csv.field_size_limit() == before


def test_a_file_that_changes_is_read_anew_and_its_fingerprint_changes(text):
    path = text("\n".join(LINES))
    before = load(path).fingerprint
    assert load(path).fingerprint == before
    path.write_text("\n".join(LINES).replace("number", "place"))
    os.utime(path, ns=(1, 1))
    assert load(path).fingerprint != before


@pytest.mark.parametrize("name", ["nothing.txt", "nothing.json#text", "."])
def test_what_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"no file or folder|holds no text"):
        load(tmp_path / name)


def test_a_pipe_is_no_text(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        load(tmp_path / "pipe.txt")


REAL = Path(os.environ.get("ZOO_TEST_DATA", "none")) / "text"


@pytest.mark.skipif(not REAL.is_dir(), reason="needs $ZOO_TEST_DATA")
@pytest.mark.parametrize(
    ("name", "size"), [("tinyshakespeare.txt", 66), ("names.txt", 28), ("tang_poems.json", None)]
)
def test_real_text_comes_back_from_its_characters(name, size):
    path = REAL / name
    content = path.read_text("utf-8")
    whole = content.split("\n")  # 65 different characters in Shakespeare, with the line break
    if name.endswith(".json"):
        whole = ["\n".join(poem["paragraphs"]) for poem in json.loads(content)]
    lines = ["\n".join(" ".join(line.split()) for line in text.split("\n")) for text in whole]
    lines = [text for text in lines if 0 < len(text) <= 200]
    train, test = (load(path, split, tokens="character") for split in ("train", "test"))
    assert set(read(train)) <= set(lines)
    assert len(train) + len(test) == len(lines)
    assert not set(read(train)) & set(read(test))
    assert size in (None, len(train.spec.vocabulary))
    unknown = np.mean(test.read(np.arange(len(test)))[0] == 1)
    assert unknown < (0.02 if size is None else 1e-9)
