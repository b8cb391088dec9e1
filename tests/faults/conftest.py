"""Real processes that are killed, cut off and refused; the run can write down what held.

`--write-reliability` replaces docs/reliability.md with the table of this run.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.minio_server import find_minio
from edge_stack.store.store import StoreKind
from fault_report import PROPERTY, FaultLine, line_from, write_report
from quick_settings import QUICK, TWO_THREADS
from warm_stack import warm_stack

_REPORT = Path(__file__).parents[2] / "docs" / "reliability.md"
_OPTION = "--write-reliability"
_lines: dict[str, FaultLine] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(_OPTION, action="store_true", help="replace docs/reliability.md by this run's table")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(fault, must_hold): a line of docs/reliability.md")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("fault")
        if mark is None or not isinstance(item, pytest.Function):
            continue
        fault, must_hold = mark.args
        chapter = (item.module.__doc__ or item.module.__name__).splitlines()[0].rstrip(".")
        line = {
            "chapter": chapter,
            "fault": fault.format(**item.callspec.params) if hasattr(item, "callspec") else fault,
            "must_hold": must_hold,
            "file": item.path.name,
            "line": item.location[1] or 0,
        }
        item.user_properties.append((PROPERTY, line))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.failed:
        line = line_from(report.user_properties, held=report.passed)
        if line is not None:
            _lines[report.nodeid] = line


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput") or not config.getoption(_OPTION, default=False):
        return  # with xdist, the controlling process gets every report and writes
    store = "the embedded store" if find_minio(checkout=config.rootpath) is None else "a real MinIO"
    write_report(_REPORT, list(_lines.values()), store=store, date=datetime.now(UTC).date().isoformat())


@pytest.fixture
def seen(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tell the table what this run saw, in figures."""

    def tell(figures: str) -> None:
        record_property(PROPERTY, {"seen": figures})

    return tell


@pytest.fixture
def idle_stack(tmp_path: Path) -> Iterator[Stack]:
    """A store that runs; sidecar and server are the test's to start. A real MinIO where there is one."""
    options = StackOptions(
        root=tmp_path / "stack",
        store=StoreKind.AUTO,
        sidecar_settings={**QUICK, "POLL_INTERVAL": "300ms"},
        server_flags=TWO_THREADS,
    )
    with warm_stack(options) as stack:
        stack.start_store()
        yield stack


@pytest.fixture
def stack(idle_stack: Stack) -> Stack:
    """Store, sidecar and server, running."""
    idle_stack.start_sidecar()
    idle_stack.start_server()
    return idle_stack
