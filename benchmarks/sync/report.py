"""The rows as a table on the terminal and as a section of a document."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cases import Row
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
from document_section import write_section

_COLUMNS = (
    *("case", "tool", "seconds", "to the fastest peer", "processor time, s"),
    *("resident at most, MiB", "shared pages once, MiB"),
)


def show(rows: Sequence[Row]) -> None:
    """One table on the terminal."""
    table = Table()
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in _COLUMNS[:2] else "right")
    for row in rows:
        table.add_row(*_cells(row))
    Console().print(table)


def write_rows(document: Path, rows: Sequence[Row], rounds: int) -> None:
    """Put the table into the section `sync` of `document`; SystemExit when it has none."""
    when = datetime.now(UTC).date().isoformat()
    lines = [
        f"Measured on {when}, {len(os.sched_getaffinity(0))} cores, rounds per case: {rounds}.",
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "| --- | --- |" + " ---: |" * (len(_COLUMNS) - 2),
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
    ]
    write_section(document, "sync", "\n".join(lines))


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    cpu = "" if row.cpu_seconds is None else f"{row.cpu_seconds:.2f}"
    memory = f"{row.memory.resident:.0f}", f"{row.memory.proportional:.0f}"
    return row.case, row.who, f"{row.seconds:.3f}", ratio, cpu, *memory
