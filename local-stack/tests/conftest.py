"""Small real programs that the tests start, and what is shared between test modules."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from edge_stack.ports import ReservedPort
from edge_stack.processes import Command, Processes


@pytest.fixture
def processes() -> Iterator[Processes]:
    with Processes() as running:
        yield running


@pytest.fixture
def python_program(tmp_path: Path) -> Callable[..., Command]:
    """A command that runs the given Python source; its log is `<name>.log` in the test's folder."""

    def make(source: str, *arguments: str, name: str = "program") -> Command:
        script = tmp_path / f"{name}.py"
        script.write_text(source)
        return Command(
            name=name, argv=[sys.executable, str(script), *arguments], log=tmp_path / f"{name}.log"
        )

    return make


@pytest.fixture
def port() -> Iterator[ReservedPort]:
    with ReservedPort() as reserved:
        yield reserved
