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
    table = _table("picture", "shows", *_column_names(evaluations))
    for answers in zip(*(evaluation.answers for evaluation in evaluations), strict=True):
        first = answers[0]
        table.add_row(first.file, first.expected or "unknown", *map(_said, answers))
    labelled = len(evaluations[0].labelled)
    table.add_row("right", f"of {labelled}", *(str(evaluation.right) for evaluation in evaluations))
    return table


def table_of_evaluations(evaluations: Sequence[Evaluation]) -> Table:
    """One row per model version: how often right, how fast, how large."""
    table = _table(
        "model", "version", "pictures", "top-1", "top-5", "latency ms", "processor ms", "images/s", "size"
    )
    for evaluation in evaluations:
        table.add_row(evaluation.model, evaluation.version, *_figures(evaluation).values())
    return table


def table_of_classes(evaluation: Evaluation) -> Table:
    """One row per class: pictures that show it, those recognised, and how often it is named."""
    table = _table(f"class ({evaluation.name})", "pictures", "right", "recall", "named", "precision")
    for score in evaluation.classes():
        table.add_row(
            score.label,
            str(score.pictures),
            str(score.right),
            _percent(score.recall),
            str(score.named),
            _percent(score.precision),
        )
    return table


def table_of_comparison(comparison: Comparison) -> Table:
    """One row per figure, one column per version."""
    table = _table("", *_column_names((comparison.first, comparison.second), always_version=True))
    first, second = _figures(comparison.first), _figures(comparison.second)
    for name, value in first.items():
        table.add_row(name, value, second[name])
    table.add_row("same answer", _percent(comparison.agreement), "")
    return table


def table_of_differences(comparison: Comparison) -> Table:
    """The pictures of which the two versions say different things."""
    names = _column_names((comparison.first, comparison.second), always_version=True)
    table = _table("answers differ on", "shows", *names)
    for difference in comparison.differences:
        shown = difference.first.expected or "unknown"
        table.add_row(difference.file, shown, _said(difference.first), _said(difference.second))
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
        "pictures": [
            {
                "file": answer.file,
                "expected": answer.expected,
                **asdict(answer.best),
                "top": [asdict(prediction) for prediction in answer.top],
            }
            for answer in evaluation.answers
        ],
    }


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "first": evaluation_document(comparison.first),
        "second": evaluation_document(comparison.second),
        "agreement": comparison.agreement,
        "differences": [
            {
                "file": difference.file,
                "expected": difference.first.expected,
                "first": asdict(difference.first.best),
                "second": asdict(difference.second.best),
            }
            for difference in comparison.differences
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


def _column_names(evaluations: Sequence[Evaluation], *, always_version: bool = False) -> list[str]:
    """The models' names, with versions where a model is there twice."""
    names = [evaluation.model for evaluation in evaluations]
    if always_version or len(set(names)) < len(names):
        return [evaluation.name for evaluation in evaluations]
    return names


def _figures(evaluation: Evaluation) -> dict[str, str]:
    speed = evaluation.speed
    return {
        "pictures": str(len(evaluation.answers)),
        "top-1": _percent(evaluation.top1),
        "top-5": _percent(evaluation.top5),
        "latency ms": f"{speed.latency_ms:.1f}" if speed is not None else "-",
        "processor ms": f"{speed.processor_ms:.1f}" if speed is not None else "-",
        "images/s": f"{speed.images_per_second:.1f}" if speed is not None else "-",
        "size": format_size(evaluation.bytes),
    }


def _said(answer: Answer) -> str:
    mark = " (wrong)" if answer.expected is not None and not answer.right else ""
    return f"{answer.best.label} {answer.best.probability:.2f}{mark}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _table(*columns: str) -> Table:
    return Table(*columns, box=ROUNDED if sys.stdout.isatty() else MARKDOWN)
