"""Every command that a README shows exists: program, subcommand, options, make target, the files it names."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_lines import PROGRAMS, fault, split_commands

_ROOT = Path(__file__).parents[2]
_DOCUMENTS = sorted(
    path.relative_to(_ROOT).as_posix() for path in [*_ROOT.glob("*.md"), *_ROOT.glob("*/README.md")]
)
_FOLDERS = {path.parent.name for path in _ROOT.glob("*/README.md")}
_DRAWING = re.compile("[─│▶]")
_TEXT_AFTER = re.compile(r"(?: {3,}| +#)\s*[^ -].*$")
"""What explains a command on its line."""


def _blocks(text: str) -> Iterator[str]:
    """Lines of code: indented by four after an empty line, or fenced as a shell's."""
    fenced, before, indented = "", "", False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = "" if fenced else line.removeprefix("```") or "text"
        elif fenced in {"bash", "sh", "shell", "console"}:
            yield line.strip()
        elif not fenced:
            indented = line.startswith("    ") and (indented or not before.strip())
            if indented:
                yield line.strip()
        before = line


def _commands(document: str) -> list[list[str]]:
    """The commands in the code of a document."""
    text = re.sub(r" *\\\n *", " ", (_ROOT / document).read_text())
    found = []
    for line in _blocks(text):
        if _DRAWING.search(line):
            continue
        try:
            commands = split_commands(_TEXT_AFTER.sub("", line.removeprefix("$ ")))
        except ValueError:  # an apostrophe: not a shell's line
            continue
        for program, *arguments in (words[words[0] == "sudo" :] for words in commands):
            found.append([program.removeprefix(".venv/bin/"), *arguments])
    return found


def _targets() -> set[str]:
    makefile = (_ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))


def _script_fault(document: str, words: list[str]) -> str | None:
    script = _ROOT / words[0]
    if not script.is_file():
        script = (_ROOT / document).parent / words[0]
    if not script.is_file():
        return "there is no such file"
    known = script.read_text()
    unknown = [word for word in words[1:] if word.startswith("--") and word.partition("=")[0] not in known]
    return f"it knows no {unknown[0]}" if unknown else None


def _fault(document: str, words: list[str]) -> str | None:
    program, *arguments = words
    if program == "make":
        names = [word for word in arguments if not word.startswith("-") and "=" not in word]
        unknown = [name for name in names if name not in _targets()]
        return f"there is no target {unknown[0]}" if unknown else None
    if program.startswith("./"):
        return _script_fault(document, words)
    if program in PROGRAMS:
        return fault(program, arguments)
    files = [word for word in arguments if word.removeprefix("./").partition("/")[0] in _FOLDERS]
    absent = [file for file in files if not any(_ROOT.glob(file))]
    return f"there is no {absent[0]}" if absent else None


@pytest.mark.parametrize("document", _DOCUMENTS)
def test_commands_exist(document: str) -> None:
    faults = [(" ".join(words), why) for words in _commands(document) if (why := _fault(document, words))]
    assert not faults


def test_the_readmes_show_commands_of_every_program() -> None:
    shown = {words[0] for document in _DOCUMENTS for words in _commands(document)}
    assert shown >= {*PROGRAMS, "make", "./build.sh", "./deploy.sh", "./cleanup.sh"}


@pytest.mark.parametrize(
    "words",
    [
        ["cd", "helm-chart/edge-ai"],
        ["model-sync", "pus", "DIR"],
        ["model-sync", "push", "DIR", "--modle", "M"],
        ["make", "dmeo"],
        ["./build.sh", "--fast"],
        ["./no-such.sh"],
        ["ovms-lite", "--rest_prot", "8000"],
    ],
)
def test_a_command_that_does_not_exist_is_found(words: list[str]) -> None:
    assert _fault("README.md", words)
