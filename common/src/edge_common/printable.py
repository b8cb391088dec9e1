"""Text of strangers (file names, labels, model names, messages) as it may be shown: it only says something.

A terminal obeys escape sequences, a log or table counts line breaks, a reader is misled by text that runs
backwards, a spreadsheet computes what begins with `=`. All of that is shown as an escape instead.
"""

import unicodedata
from typing import Final

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_JOINERS: Final = "\u200c\u200d"
"""They shape the letters around them in Persian, Hindi and emoji, and do nothing else."""
_UNDECODED: Final = range(0xDC80, 0xDD00)
"""What Python makes of bytes of a file name that are not UTF-8 (`surrogateescape`)."""
_FORMULA: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What spreadsheets take for the begin of a formula, also in its full-width forms."""


def printable(text: str) -> str:
    r"""`text` in one line: what moves, colours, breaks or reorders is shown as `\n`, `\x1b` or `\u202e`.

    Text without such characters comes back as it is, and what comes back can be encoded as UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def printable_cell(text: str) -> str:
    """`printable` text for a cell of a table: a spreadsheet shows it, and computes nothing."""
    shown = printable(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def _shown(character: str) -> str:
    if character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    if code in _UNDECODED:
        return f"\\x{code - 0xDC00:02x}"
    if character in _SHORT:
        return _SHORT[character]
    if code <= 0xFF:  # noqa: PLR2004 - what two hexadecimal digits hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - as Python writes them
