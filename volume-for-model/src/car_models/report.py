"""What the commands print about pictures: tables for people and JSON for programs."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import MARKDOWN, ROUNDED
from rich.console import Console
from rich.table import Table

from car_models.evaluate import Evaluation
from car_models.pictures.collection import Entry

_WIDTH_OF_A_PIPE = 250
"""Wide enough that no cell is folded."""


def table_of_pictures(entries: Sequence[Entry]) -> Table:
    """One row per picture: what it shows and which models see that."""
    table = _table("picture", "shows", "recognised by", "licence")
    for entry in entries:
        table.add_row(entry.file, entry.expected, ", ".join(entry.recognised_by) or "none", entry.licence)
    return table


def table_of_evaluations(entries: Sequence[Entry], evaluations: Sequence[Evaluation]) -> Table:
    """One row per picture, one column per model, and the counts at the end."""
    table = _table("picture", "shows", *(evaluation.model for evaluation in evaluations))
    for row, entry in enumerate(entries):
        best = [evaluation.top[row] for evaluation in evaluations]
        marks = ["" if prediction.label == entry.expected else " (wrong)" for prediction in best]
        answers = (f"{p.label} {p.probability:.2f}{mark}" for p, mark in zip(best, marks, strict=True))
        table.add_row(entry.file, entry.expected, *answers)
    table.add_row("right", f"of {len(entries)}", *(str(evaluation.right) for evaluation in evaluations))
    return table


def evaluations_as_json(entries: Sequence[Entry], evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """The same as plain data: per model the counts, and per picture the most likely class."""
    return {
        "models": [
            {
                "model": evaluation.model,
                "right": evaluation.right,
                "of": len(entries),
                "pictures": [
                    {"file": entry.file, "expected": entry.expected, **asdict(best)}
                    for entry, best in zip(entries, evaluation.top, strict=True)
                ],
            }
            for evaluation in evaluations
        ]
    }


def print_table(table: Table) -> None:
    """Print `table` with borders on a terminal, as Markdown elsewhere."""
    Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE).print(table)


def _table(*columns: str) -> Table:
    return Table(*columns, box=ROUNDED if sys.stdout.isatty() else MARKDOWN)
