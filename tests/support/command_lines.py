"""Whether a command line of this project, as a document or a unit has it, names what the program has."""

import re
import shlex
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import typer.main
from typer.exceptions import TyperException

PROGRAMS = {
    "car-client": "car_client.cli.app",
    "car-models": "car_models.cli",
    "edge-stack": "edge_stack.cli",
    "model-sync": "model_sync.cli",
    "ovms-lite": "ovms_lite.cli",
}
"""Program -> the module that has its `app`."""
_ENDS_A_COMMAND = {"&&", "||", ";", "|", ">", ">>", "2>", "<", "&"}


@cache
def _command(program: str) -> Any:
    return typer.main.get_command(import_module(PROGRAMS[program]).app)


def fault(program: str, arguments: Sequence[str]) -> str | None:
    """What is wrong with the subcommand and the options in `arguments`; None: nothing.

    Values are not judged: documents have placeholders such as DIR in their place.
    """
    command, rest = _command(program), list(arguments)
    if "--help" in rest or "--version" in rest or "--install-completion" in rest:
        return None
    if subcommands := getattr(command, "commands", None):
        if not rest:
            return "it needs a subcommand"
        name = rest.pop(0)
        if name not in subcommands:
            return f"it has no subcommand {name!r}"
        command = subcommands[name]
    try:
        command.make_parser(command.context_class(command)).parse_args(rest)
    except TyperException as error:
        return str(error)
    return None


def split_commands(line: str) -> list[list[str]]:
    """The commands of one shell line, without variables in front, comments and redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if word in _ENDS_A_COMMAND:
            found.append([])
        elif found[-1] or not re.fullmatch(r"\w+=.*", word, re.DOTALL):
            found[-1].append(word)
    return [words for words in found if words]
