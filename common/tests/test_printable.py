import os

import pytest
from edge_common.printable import printable, printable_cell
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Straße 7 東京\u3000駅.jpg", "Straße 7 東京\u3000駅.jpg"),
        ("C:\\pictures\\a.jpg", "C:\\pictures\\a.jpg"),
        ("\x1b]0;owned\x07\x1b[2J", "\\x1b]0;owned\\x07\\x1b[2J"),
        ("line\nbreak\ttab\r", "line\\nbreak\\ttab\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("invoice\u202egpj.exe", "invoice\\u202egpj.exe"),
        ("one\u2028two\ufeff", "one\\u2028two\\ufeff"),
        (os.fsdecode(b"Stra\xdfe.jpg"), "Stra\\xdfe.jpg"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),
        ("", ""),
    ],
)
def test_only_what_does_more_than_say_something_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' calc'!A1.jpg", "'=cmd|' calc'!A1.jpg"),
        ("+1", "'+1"),
        ("-a.jpg", "'-a.jpg"),
        ("@SUM(1)", "'@SUM(1)"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("\t=1", "\\t=1"),
        ("sedan, 4 doors = \x1b", "sedan, 4 doors = \\x1b"),
    ],
)
def test_a_cell_computes_nothing(text: str, cell: str) -> None:
    assert printable_cell(text) == cell


@given(st.text(st.characters()))
def test_whatever_it_was_it_is_one_line_that_can_be_written(text: str) -> None:
    shown = printable(text)
    assert len((shown + "x").splitlines()) == 1
    assert "\x1b" not in shown
    assert shown.encode().decode() == shown
    assert printable(shown) == shown, "what is shown is not escaped again"
