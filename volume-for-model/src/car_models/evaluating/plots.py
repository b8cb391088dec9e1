"""Pictures that a person reads at a glance: which classes are mixed up, and how two versions compare."""

import io
from pathlib import Path
from typing import Final

import numpy as np
from edge_common.atomic_files import replace_file
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from car_models.evaluating.evaluation import Comparison, Evaluation

_MOST_CLASSES: Final = 40
"""More could not be read; then those with the most mistakes are shown."""
_FIRST, _SECOND = "#4477aa", "#ee8866"
_INCHES_A_CLASS = 0.32


def confusion_figure(evaluation: Evaluation) -> Figure:
    """Rows are what pictures show, columns what the model says; a perfect model fills the diagonal only."""
    labels, counts = evaluation.confusion()
    title = f"{evaluation.name}: {evaluation.right} of {len(evaluation.labelled)} right"
    if len(labels) > _MOST_CLASSES:
        wrong = counts.sum(axis=1) + counts.sum(axis=0) - 2 * np.diag(counts)
        kept = np.sort(np.argsort(-wrong, kind="stable")[:_MOST_CLASSES])
        labels, counts = tuple(labels[index] for index in kept), counts[np.ix_(kept, kept)]
        title += f" (the {_MOST_CLASSES} classes with the most mistakes)"
    side = 3.0 + _INCHES_A_CLASS * len(labels)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(counts, cmap="Blues", vmin=0)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("the model says")
    axes.set_ylabel("the picture shows")
    axes.set_title(title)
    bright = counts.max(initial=0) / 2
    for row, column in zip(*np.nonzero(counts), strict=True):
        count = counts[row, column]
        colour = "white" if count > bright else "firebrick" if row != column else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    return figure


def comparison_figure(comparison: Comparison) -> Figure:
    """Accuracy, speed and size of two versions as bars beside each other."""
    first, second = comparison.first, comparison.second
    panels = [("size, MiB", first.bytes / 2**20, second.bytes / 2**20)]
    if first.top1 is not None and second.top1 is not None:
        panels.insert(0, ("top-1, %", 100 * first.top1, 100 * second.top1))
    if first.speed is not None and second.speed is not None:
        panels.append(("latency, ms", first.speed.latency_ms, second.speed.latency_ms))
        panels.append(("images/s", first.speed.images_per_second, second.speed.images_per_second))
    figure = Figure(figsize=(2.4 * len(panels) + 0.6, 3.6), layout="constrained")
    for place, (title, *values) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), place)
        bars = axes.bar((first.name, second.name), values, color=(_FIRST, _SECOND))
        axes.bar_label(bars, fmt="%.1f")
        axes.set_title(title)
        axes.set_xticks((0, 1), (first.name, second.name), rotation=25, ha="right", rotation_mode="anchor")
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"same answer to {100 * comparison.agreement:.0f} % of {len(first.answers)} pictures")
    return figure


def write_figure(figure: Figure, path: Path) -> None:
    """Write `figure` as a PNG file; raises OSError."""
    FigureCanvasAgg(figure)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    replace_file(path, content.getvalue())
