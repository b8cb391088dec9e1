"""What a component logs while a test runs, as dictionaries."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edge_common.logs import LogFormat, configure_logging


class LogLines(logging.Handler):
    """Collects what is logged; unlike structlog's own capture it sees cached loggers too."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, dict):
            self.lines.append(record.msg)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


@contextmanager
def collected_logs() -> Iterator[LogLines]:
    """The handlers are put back at the end, because they hold the test's own streams."""
    before = logging.root.handlers[:], logging.root.level
    configure_logging(LogFormat.JSON)
    collected = LogLines()
    logging.root.addHandler(collected)
    yield collected
    logging.root.handlers, level = before
    logging.root.setLevel(level)
