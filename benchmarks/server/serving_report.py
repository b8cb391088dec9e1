"""The figures as tables: on the terminal, and between the marks of a document."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from comparing import Row
from lifecycle import Holding, Swap
from load import CONNECTIONS
from rich.console import Console
from rich.table import Table
from verdicts import judge_images, judge_swaps, judge_tiny

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
from document_section import write_section


@dataclass(slots=True)
class Figures:
    """All that one run found; `raw` is images/s of the raw queue for each model."""

    rivals: list[str]
    rounds: int
    seconds: float
    raw: dict[str, float] = field(default_factory=dict)
    images: list[Row] = field(default_factory=list)
    tiny: list[Row] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Sheet:
    title: str
    columns: Sequence[str]
    lines: Sequence[tuple[str, ...]]


def show(figures: Figures) -> None:
    """Every table on the terminal."""
    for sheet in _sheets(figures):
        table = Table(title=sheet.title, title_justify="left")
        for column in sheet.columns:
            table.add_column(column)
        for line in sheet.lines:
            table.add_row(*line)
        Console().print(table)


def write(document: Path, figures: Figures) -> None:
    """Put the tables into the section `server` of `document`; SystemExit when it has none."""
    lines = [_circumstances(figures)]
    for sheet in _sheets(figures):
        rule = ["---", "---:"]
        marks = [rule[_is_number(sheet, column)] for column in range(len(sheet.columns))]
        lines += ["", f"**{sheet.title}**", ""]
        lines += ["| " + " | ".join(line) + " |" for line in (sheet.columns, marks, *sheet.lines)]
    write_section(document, "server", "\n".join(lines))


def _circumstances(figures: Figures) -> str:
    cores = len(os.sched_getaffinity(0))
    openvino = version("openvino").split("-")[0]
    return (
        f"Measured on {datetime.now(UTC).date()}, {cores} cores for servers and load together, "
        f"OpenVINO {openvino}; medians of {figures.rounds} rounds of {figures.seconds:.0f} s. "
        f"Against: {', '.join(figures.rivals) or 'nobody'}."
    )


def _sheets(figures: Figures) -> list[_Sheet]:
    goals = judge_images(figures.images) if figures.images else []
    goals += judge_tiny(figures.tiny) if figures.tiny else []
    goals += judge_swaps(figures.swaps)
    sheets = [
        _Sheet(
            f"{subject}: the raw queue alone does {rate:.0f} images/s",
            _columns("images/s", "of the raw queue"),
            _loaded([row for row in figures.images if row.subject == subject]),
        )
        for subject, rate in figures.raw.items()
    ]
    sheets += [
        _Sheet(
            "Tiny model (ten additions)",
            _columns("requests/s", "of the echo"),
            _loaded(figures.tiny),
        ),
        _Sheet(
            "Start and memory with tiny models",
            ("server", "models", "ready after, s", "resident, MiB"),
            [_held(holding) for holding in figures.holdings],
        ),
        _Sheet(
            "ovms-lite: config.json renamed to AVAILABLE",
            ("model", "median, ms", "longest, ms", "load alone, ms"),
            [_swapped(swap) for swap in figures.swaps],
        ),
        _Sheet("Goals", ("goal", "result"), goals),
    ]
    return [sheet for sheet in sheets if sheet.lines]


def _columns(rate: str, ratio: str) -> tuple[str, ...]:
    first, *others = (f"{connections}" for connections in CONNECTIONS)
    figures = (name for what in (rate, ratio, "p99 ms") for name in (f"{what} at {first}", *others))
    return "body", "server", *figures, "failed"


def _loaded(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """A line for each body and server, with the figures at each number of connections beside each other."""
    by_case: dict[tuple[str, str], dict[int, Row]] = {}
    for row in rows:
        by_case.setdefault((row.wire, row.server), {})[row.connections] = row
    return [(*case, *_figures([found[one] for one in CONNECTIONS])) for case, found in by_case.items()]


def _figures(rows: Sequence[Row]) -> tuple[str, ...]:
    rates = [f"{row.load.rate:,.{0 if row.load.rate >= 1000 else 1}f}" for row in rows]  # noqa: PLR2004 - enough digits
    ratios = [f"{row.ratio:.2f}" for row in rows]
    latencies = [f"{row.load.p99_ms:.1f}" for row in rows]
    return *rates, *ratios, *latencies, str(sum(row.load.failed for row in rows))


def _held(holding: Holding) -> tuple[str, ...]:
    figures = (f"{holding.ready_seconds:.2f}", f"{holding.resident_mib:.0f}")
    return holding.server, str(holding.models), *figures


def _swapped(swap: Swap) -> tuple[str, ...]:
    seconds = (swap.median_seconds, swap.longest_seconds, swap.load_seconds)
    return swap.subject, *(f"{value * 1e3:.0f}" for value in seconds)


def _is_number(sheet: _Sheet, column: int) -> bool:
    return all(line[column].replace(",", "").replace(".", "").isdigit() for line in sheet.lines)
