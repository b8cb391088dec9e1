"""README.md says what the command line has."""

from pathlib import Path

import typer
from ovms_lite.cli import app

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- flags: checked by tests/test_readme.py -->\n", "<!-- end of flags -->"


def _table() -> str:
    lines = ["| flag | default | effect |", "| --- | --- | --- |"]
    for option in typer.main.get_command(app).params:
        default = option.default
        shown = "" if default is None or default == "" or default is False else f"`{default}`"
        lines.append(f"| `{option.opts[0]}` | {shown} | {getattr(option, 'help', '')} |")
    return "\n".join(lines) + "\n"


def test_the_flags_in_the_readme_are_those_of_the_command() -> None:
    text = README.read_text()
    shown = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert shown == _table(), f"put this table into {README.name}:\n{_table()}"
