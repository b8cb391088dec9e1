"""What tests share: small real programs to start, and reports as small as possible."""

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from edge_stack.processes.command import Command
from edge_stack.processes.ports import ReservedPort
from edge_stack.processes.running import Processes
from edge_stack.report.facts import DemoReport, LoadFact, RequestFact, StepFact


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


def make_report(**facts: Any) -> DemoReport:
    values: dict[str, Any] = {
        "started": datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        "seconds": 42.0,
        "store": "MinIO",
        "machine": "2 cores",
        "software": {"openvino": "2026.4"},
        "steps": (StepFact(claim="the store answers", result="in 1 s", held=True, seconds=1.0),),
    }
    return DemoReport(**(values | facts))


def make_load(points: Sequence[RequestFact], **facts: Any) -> LoadFact:
    values: dict[str, Any] = {
        "model": "car",
        "threads": 3,
        "requests": len(points),
        "failures": sum(point.version is None for point in points),
        "first_error": "",
        "versions": (1, 2),
        "backward_steps": 0,
        "p50_ms": 5.0,
        "p99_ms": 9.0,
        "slowest_ms": 12.0,
        "points": tuple(points),
    }
    return LoadFact(**(values | facts))


@pytest.fixture(scope="session")
def report_of() -> Callable[..., DemoReport]:
    return make_report


@pytest.fixture(scope="session")
def load_of() -> Callable[..., LoadFact]:
    return make_load
