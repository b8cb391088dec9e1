"""The rows as a table on the terminal and as a section of a document."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cases import Row
from rich.console import Console
from rich.table import Table

BEGIN = "<!-- sync: written by benchmarks/sync/mirroring.py --write -->"
END = "<!-- end of sync -->"
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


def write_section(document: Path, rows: Sequence[Row], rounds: int) -> None:
    """Replace what is between the marks of `document`; SystemExit when it has none."""
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{document} has no lines '{BEGIN}' and '{END}' to write between")
    when = datetime.now(UTC).date().isoformat()
    lines = [
        f"Measured on {when}, {len(os.sched_getaffinity(0))} cores, rounds per case: {rounds}.",
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "| --- | --- |" + " ---: |" * (len(_COLUMNS) - 2),
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
    ]
    document.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]), encoding="utf-8")


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    cpu = "" if row.cpu_seconds is None else f"{row.cpu_seconds:.2f}"
    memory = f"{row.memory.resident:.0f}", f"{row.memory.proportional:.0f}"
    return row.case, row.who, f"{row.seconds:.3f}", ratio, cpu, *memory
