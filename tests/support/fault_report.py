"""The table of faults and what held, collected from a run of pytest and written as docs/reliability.md."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROPERTY = "fault"

_HEAD = """\
# Reliability

What was done to the platform, what had to hold, and what the run saw. This file is written by the run itself:

    make faults ARGS=--write-reliability

Every line is one test in `tests/faults` with real processes: `model-sync`, `ovms-lite` and {store}.
The planner is also driven through thousands of simulated failures, with time injected, by
`sync-sidecar/tests/planning/test_plan_simulation.py`.

Five things must never happen, whatever fails: the server sees something half-written; a version that
serves is taken away before its replacement is available; something is deleted because of an error or an
empty answer; one bad model harms another; a person has to guess why a model is not served.

Run on {date}: {held} of {total} held.
"""
_COLUMNS = "| fault | what must hold | seen in this run | result |\n| --- | --- | --- | --- |\n"


@dataclass(frozen=True)
class FaultLine:
    """One line of the table."""

    chapter: str
    fault: str
    must_hold: str
    seen: str
    held: bool
    order: tuple[str, int]
    """File and line of the test, so that the table does not depend on who finished first."""


def line_from(properties: list[tuple[str, object]], *, held: bool) -> FaultLine | None:
    """The line that a test's `user_properties` describe; None when they describe none."""
    found: dict[str, Any] = {}
    for name, value in properties:
        if name == PROPERTY and isinstance(value, dict):
            found.update(value)
    if "fault" not in found:
        return None
    seen = found.get("seen", "")
    order = (str(found["file"]), int(found["line"]))
    return FaultLine(found["chapter"], found["fault"], found["must_hold"], seen, held, order)


def write_report(path: Path, lines: list[FaultLine], *, store: str, date: str) -> None:
    """Replace the document with the table of `lines`."""
    held = sum(line.held for line in lines)
    text = _HEAD.format(store=store, date=date, held=held, total=len(lines))
    chapter = ""
    for line in sorted(lines, key=lambda line: (line.order, line.fault)):
        if line.chapter != chapter:
            chapter = line.chapter
            text += f"\n## {chapter}\n\n{_COLUMNS}"
        result = "held" if line.held else "**did not hold**"
        text += f"| {line.fault} | {line.must_hold} | {line.seen} | {result} |\n"
    path.write_text(text)
