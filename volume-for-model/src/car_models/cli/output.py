"""What the commands print: tables for people and JSON for programs."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from edge_common.quantities import format_size
from rich.box import MARKDOWN, ROUNDED
from rich.console import Console
from rich.table import Table

from car_models.evaluating.evaluation import Answer, Comparison, Evaluation
from car_models.evaluating.pictures import Entry

_WIDTH_OF_A_PIPE = 250
"""Wide enough that no cell is folded."""


def table_of_pictures(entries: Sequence[Entry]) -> Table:
    """One row per picture: what it shows and which models see that."""
    table = _table("picture", "shows", "recognised by", "licence")
    for entry in entries:
        table.add_row(entry.file, entry.expected, ", ".join(entry.recognised_by) or "none", entry.licence)
    return table


def table_of_answers(evaluations: Sequence[Evaluation]) -> Table:
    """One row per picture, one column per model, and the counts at the end."""
    names = [evaluation.model for evaluation in evaluations]
    if len(set(names)) < len(names):
        names = [evaluation.name for evaluation in evaluations]
    table = _table("picture", "shows", *names)
    for answers in zip(*(evaluation.answers for evaluation in evaluations), strict=True):
        first = answers[0]
        table.add_row(first.file, first.expected or "unknown", *map(_said, answers))
    labelled = len(evaluations[0].labelled)
    table.add_row("right", f"of {labelled}", *(str(evaluation.right) for evaluation in evaluations))
    return table


def table_of_evaluations(evaluations: Sequence[Evaluation]) -> Table:
    """One row per model version: how often right, how fast, how large."""
    table = _table("model", "version", *_figures(evaluations[0]))
    for evaluation in evaluations:
        table.add_row(evaluation.model, evaluation.version, *_figures(evaluation).values())
    return table


def table_of_classes(evaluation: Evaluation) -> Table:
    """One row per class: pictures that show it, those recognised, and how often it is named."""
    table = _table(f"class ({evaluation.name})", "pictures", "right", "recall", "named", "precision")
    for score in evaluation.classes():
        shown = (str(score.pictures), str(score.right), _percent(score.recall))
        table.add_row(score.label, *shown, str(score.named), _percent(score.precision))
    return table


def table_of_comparison(comparison: Comparison) -> Table:
    """One row per figure, one column per version."""
    table = _table("", comparison.first.name, comparison.second.name)
    first, second = _figures(comparison.first), _figures(comparison.second)
    for name, value in first.items():
        table.add_row(name, value, second[name])
    table.add_row("same answer", _percent(comparison.agreement), "")
    return table


def table_of_differences(comparison: Comparison) -> Table:
    """The pictures of which the two versions say different things."""
    table = _table("answers differ on", "shows", comparison.first.name, comparison.second.name)
    for first, second in comparison.differences:
        table.add_row(first.file, first.expected or "unknown", _said(first), _said(second))
    return table


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """The same as plain data: figures, classes, and per picture the most likely ones."""
    return {
        "model": evaluation.model,
        "version": evaluation.version,
        "right": evaluation.right,
        "of": len(evaluation.labelled),
        "top1": evaluation.top1,
        "top5": evaluation.top5,
        "bytes": evaluation.bytes,
        "speed": asdict(evaluation.speed) if evaluation.speed is not None else None,
        "classes": [
            asdict(score) | {"recall": score.recall, "precision": score.precision}
            for score in evaluation.classes()
        ],
        "pictures": [asdict(answer) | asdict(answer.best) for answer in evaluation.answers],
    }


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "first": evaluation_document(comparison.first),
        "second": evaluation_document(comparison.second),
        "agreement": comparison.agreement,
        "differences": [
            {"file": a.file, "expected": a.expected, "first": asdict(a.best), "second": asdict(b.best)}
            for a, b in comparison.differences
        ],
    }


def print_comparison(comparison: Comparison) -> None:
    """Print the figures of both versions, and the pictures on which their answers differ."""
    print_table(table_of_comparison(comparison))
    if comparison.differences:
        print_table(table_of_differences(comparison))


def print_table(table: Table) -> None:
    """Print `table` with borders on a terminal, as Markdown elsewhere."""
    Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE).print(table)


def _figures(evaluation: Evaluation) -> dict[str, str]:
    speed = evaluation.speed
    measured = (speed.latency_ms, speed.processor_ms, speed.images_per_second) if speed is not None else None
    speeds = [f"{figure:.1f}" for figure in measured] if measured is not None else ["-"] * 3
    return {
        "pictures": str(len(evaluation.answers)),
        "top-1": _percent(evaluation.top1),
        "top-5": _percent(evaluation.top5),
        **dict(zip(("latency ms", "processor ms", "images/s"), speeds, strict=True)),
        "size": format_size(evaluation.bytes),
    }


def _said(answer: Answer) -> str:
    mark = " (wrong)" if answer.expected is not None and not answer.right else ""
    return f"{answer.best.label} {answer.best.probability:.2f}{mark}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _table(*columns: str) -> Table:
    return Table(*columns, box=ROUNDED if sys.stdout.isatty() else MARKDOWN)
