"""The notebook's own charts in one look, and how a chart becomes the output of a cell."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from car_models.evaluating.evaluation import Answer, Comparison, Evaluation
from car_models.evaluating.pictures import LabelledPicture, read_rgb
from car_models.evaluating.plots import write_figure
from IPython.display import Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model_notebook.live_answers import LiveAnswers

_RIGHT: Final = "#228833"
_WRONG: Final = "#cc3311"
_VERSIONS: Final = ("#4477aa", "#ee8866", "#aa3377", "#66ccee")
"""By order of appearance; told apart also by those who do not see all colours."""
_COLUMNS: Final = 5
_CELL_INCHES: Final = (1.9, 2.1)
_DPI: Final = 100


def answers_figure(evaluation: Evaluation, pictures: Sequence[LabelledPicture]) -> Figure:
    """Every picture with its answer, green when it is right; raises RejectedError for one that is gone."""
    rows = math.ceil(len(pictures) / _COLUMNS)
    figure = _figure(_COLUMNS * _CELL_INCHES[0], rows * _CELL_INCHES[1] + 0.4)
    figure.suptitle(f"{evaluation.name}: {evaluation.right} of {len(evaluation.labelled)} right")
    for place, (picture, answer) in enumerate(zip(pictures, evaluation.answers, strict=True), start=1):
        axes = figure.add_subplot(rows, _COLUMNS, place)
        axes.imshow(read_rgb(picture.path))
        axes.set_xticks([])
        axes.set_yticks([])
        colour = _RIGHT if answer.right else _WRONG
        for spine in axes.spines.values():
            spine.set(color=colour, linewidth=2)
        said = f"{answer.best.label} {answer.best.probability:.2f}"
        missed = "" if answer.right else f"\nis: {answer.expected}"
        axes.set_xlabel(said + missed, color=colour, fontsize=9)
    return figure


def by_picture_figure(comparison: Comparison, first: str, second: str) -> Figure:
    """How sure each version is of what each picture shows; the largest difference is on top.

    `first` and `second` name the versions. A dot is hollow where another class is the most likely one.
    """
    pairs = list(zip(comparison.first.answers, comparison.second.answers, strict=True))
    pairs.sort(key=lambda pair: abs(_expected(pair[0]) - _expected(pair[1])))
    figure = _figure(7.5, 1.2 + 0.32 * len(pairs))
    axes = _bare(figure.add_subplot())
    places = range(len(pairs))
    ends = [_expected(a) for a, _ in pairs], [_expected(b) for _, b in pairs]
    axes.hlines(places, *ends, color="#bbbbbb", zorder=1)
    for side, (name, colour) in enumerate(zip((first, second), _VERSIONS, strict=False)):
        faces = [colour if pair[side].right else "white" for pair in pairs]
        axes.scatter(ends[side], places, s=46, c=faces, edgecolors=colour, linewidths=1.6, zorder=2)
        axes.scatter([], [], s=46, color=colour, label=name)
    axes.scatter([], [], s=46, c="white", edgecolors="#555555", linewidths=1.6, label="says something else")
    axes.set_yticks(places, [f"{a.file.rsplit('.', 1)[0]}" for a, _ in pairs])
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("probability of what the picture shows")
    axes.set_title("How sure is each version of the right answer?")
    axes.set_axisbelow(True)
    axes.grid(axis="x", color="#eeeeee")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False)
    return figure


def exchange_figure(live: LiveAnswers) -> Figure:
    """Every answer over time, coloured by the version that gave it, with what was done at the top."""
    figure = _figure(9, 3.6)
    axes = _bare(figure.add_subplot())
    for place, version in enumerate(live.versions):
        given = [answer for answer in live.answers if answer.version == version]
        times, sure = [answer.at for answer in given], [answer.probability for answer in given]
        colour, label = _VERSIONS[place % len(_VERSIONS)], f"version {version}: {given[0].label}"
        axes.scatter(times, sure, s=14, color=colour, label=label)
    for failure in live.failed:
        axes.axvline(failure.at, color=_WRONG, linewidth=2)
    for at, what in live.marks:
        axes.axvline(at, color="#555555", linewidth=1, linestyle=":")
        axes.annotate(what, (at, 1.08), xytext=(3, 0), textcoords="offset points", fontsize=8)
    axes.set_ylim(0, 1.18)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_xlabel("seconds")
    axes.set_ylabel("probability of its answer")
    axes.set_title(f"{len(live.answers)} requests while the model was exchanged, {len(live.failed)} failed")
    axes.legend(loc="lower right", frameon=True)
    return figure


def shown(figure: Figure, alt: str, *, photos: bool = False) -> Image:
    """`figure` as the output of a cell, `alt` for those who cannot see it; JPEG when it holds `photos`."""
    content = io.BytesIO()
    kind = "jpeg" if photos else "png"
    figure.savefig(content, format=kind, dpi=_DPI)
    return Image(content.getvalue(), format=kind, alt=alt)


def write_charts(folder: Path, **figures: Figure) -> Path:
    """Write each figure as `<name>.png` into `folder`, which is made when missing; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        write_figure(figure, folder / f"{name}.png")
    return folder


def _figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def _bare(axes: Axes) -> Axes:
    """`axes` without the two lines that bound nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _expected(answer: Answer) -> float:
    """Probability of what the picture shows; 0 where that is not among the five most likely classes."""
    return next((p.probability for p in answer.top if p.label == answer.expected), 0.0)
