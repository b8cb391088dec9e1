import json

import pytest
from edge_common.errors import RejectedError
from hypothesis import given
from hypothesis import strategies as st
from model_sync.bucket.evidence_files import (
    MAX_PICTURES,
    ExpectedLabel,
    Provenance,
    format_expected,
    format_provenance,
    parse_expected,
    parse_provenance,
    unknown_label,
)

_WANTED = (ExpectedLabel("bus.jpg", "school bus"), ExpectedLabel("a/b.jpg", "sports car, sport car"))


@pytest.mark.parametrize(
    "content",
    [
        b'file,label\nbus.jpg,school bus\na/b.jpg,"sports car, sport car"\n',
        b"\xef\xbb\xbfFile; Label\r\nbus.jpg;school bus\r\n\r\na/b.jpg;sports car, sport car\r\n",
    ],
)
def test_what_editors_and_spreadsheets_write_is_read(content: bytes) -> None:
    assert parse_expected(content) == _WANTED


@given(
    st.lists(st.builds(ExpectedLabel, *[st.text("ab,;\"' é", min_size=1).filter(str.strip)] * 2), min_size=1)
)
def test_what_is_written_is_read_back(lines: list[ExpectedLabel]) -> None:
    unique = {line.file.strip(): ExpectedLabel(line.file.strip(), line.label.strip()) for line in lines}
    assert parse_expected(format_expected(tuple(unique.values()))) == tuple(unique.values())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "lists no picture; write a line file,label for each"),
        (b"file,label\n", "lists no picture"),
        (b"bus.jpg,school bus\n", "the first line of acceptance/expected.csv is not file,label"),
        (b"file,label\nbus.jpg\n", "line 2 is not file,label; write both"),
        (
            b"file,label\nbus.jpg,sports car, sport car\n",
            "line 2 is not file,label; .* quotes around a label",
        ),
        (b"file,label\nbus.jpg,a\nbus.jpg,b\n", "line 3 lists 'bus.jpg' again; remove one"),
        (
            b"file,label\n../../etc/passwd,a\n",
            r"line 2 names '../../etc/passwd': it contains the path element '..'",
        ),
        (b'file,label\nbus.jpg,"a\n', "cannot be read"),
        (b"file,label\nbus.jpg," + b"a" * 2000, "line 2 has a very long label"),
        (b"file,label\nb\xffs.jpg,a\n", "is not UTF-8 text"),
        ("file,label\n".encode("utf-16"), "is UTF-16 text"),
        (b"file,label\n" + b"x" * 300_000, "cannot be read|is not file,label"),
        (
            b"file,label\n" + b"".join(b"%d.jpg,a\n" % n for n in range(MAX_PICTURES + 1)),
            "more than 200 pictures",
        ),
    ],
)
def test_what_cannot_be_used_is_rejected_with_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(RejectedError, match=sentence):
        parse_expected(content)


def test_a_label_that_the_model_cannot_give_is_named() -> None:
    assert unknown_label(_WANTED, ["school bus", "sports car, sport car"]) is None
    assert "expects 'school bus' of 'bus.jpg', which is not among" in str(unknown_label(_WANTED, ["bus"]))


_WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=200)


@given(st.builds(Provenance, _WORD, _WORD, _WORD | st.just(""), _WORD | st.just("")))
def test_what_is_written_is_read(said: Provenance) -> None:
    assert parse_provenance(format_provenance(said)) == said


def test_it_is_told_in_a_line_and_keys_of_others_are_left_out() -> None:
    content = {"registry": "mlflow", "name": "cars", "version": "7", "run": "abc", "more": [1]}
    assert str(parse_provenance(json.dumps(content).encode())) == "mlflow: cars version 7, run abc"
    assert str(Provenance("mlflow", "cars")) == "mlflow: cars"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Invalid JSON"),
        (b"[]", "object|dictionary"),
        (b'{"registry": "mlflow"}', "name"),
        (b'{"registry": "", "name": "cars"}', "registry"),
        (b'{"registry": "mlflow", "name": 1}', "name"),
        (b'{"registry": "mlflow", "name": "a\\u202e"}', "control"),
        (b'{"registry": "mlflow", "name": "%s"}' % (b"x" * 201), "200"),
        (b" " * 5000, "4096"),
    ],
)
def test_what_is_none_is_rejected_with_the_key_at_fault(content: bytes, why: str) -> None:
    with pytest.raises(RejectedError, match=why) as told:
        parse_provenance(content)
    assert str(told.value).isprintable()
