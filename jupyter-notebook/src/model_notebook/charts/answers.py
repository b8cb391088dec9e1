"""Pictures with what a model says of them."""

import math
from collections.abc import Sequence

from car_models.evaluating.evaluation import Evaluation
from car_models.evaluating.pictures import LabelledPicture, read_rgb
from matplotlib.figure import Figure

from model_notebook.charts.style import RIGHT, WRONG, figure_of

_COLUMNS = 5
_CELL_INCHES = (1.9, 2.1)


def answers_figure(evaluation: Evaluation, pictures: Sequence[LabelledPicture]) -> Figure:
    """Every picture with its answer, green when it is right; raises RejectedError for one that is gone."""
    rows = math.ceil(len(pictures) / _COLUMNS)
    figure = figure_of(_COLUMNS * _CELL_INCHES[0], rows * _CELL_INCHES[1] + 0.4)
    figure.suptitle(f"{evaluation.name}: {evaluation.right} of {len(evaluation.labelled)} right")
    for place, (picture, answer) in enumerate(zip(pictures, evaluation.answers, strict=True), start=1):
        axes = figure.add_subplot(rows, _COLUMNS, place)
        axes.imshow(read_rgb(picture.path))
        axes.set_xticks([])
        axes.set_yticks([])
        colour = RIGHT if answer.right else WRONG
        for spine in axes.spines.values():
            spine.set(color=colour, linewidth=2)
        said = f"{answer.best.label} {answer.best.probability:.2f}"
        missed = "" if answer.right else f"\nis: {answer.expected}"
        axes.set_xlabel(said + missed, color=colour, fontsize=9)
    return figure
