"""A part of a document that a program writes, so that it is never stale.

It stands between the lines `<!-- NAME: ... -->` and `<!-- end of NAME -->`.
"""

import re
from pathlib import Path


def with_section(document: str, name: str, content: str) -> str:
    """`document` with `content` in its section `name`; raises ValueError when it has no such section."""
    pattern = rf"(<!-- {name}: [^\n]* -->\n).*?(<!-- end of {name} -->)"
    written, found = re.subn(
        pattern,
        lambda marks: f"{marks[1]}\n{content.strip()}\n\n{marks[2]}",
        document,
        count=1,
        flags=re.DOTALL,
    )
    if not found:
        raise ValueError(f"no lines '<!-- {name}: ... -->' and '<!-- end of {name} -->' to write between")
    return written


def write_section(document: Path, name: str, content: str) -> None:
    """Put `content` into the section `name` of the file `document`; SystemExit when it has none."""
    try:
        text = with_section(document.read_text(encoding="utf-8"), name, content)
    except ValueError as error:
        raise SystemExit(f"{document}: {error}") from error
    document.write_text(text, encoding="utf-8")
