"""Two versions, picture by picture: how sure each is of what the picture shows."""

from car_models.evaluating.comparison import Comparison
from car_models.evaluating.evaluation import Answer
from matplotlib.figure import Figure

from model_notebook.charts.style import VERSIONS, bare, figure_of


def by_picture_figure(comparison: Comparison, first: str, second: str) -> Figure:
    """One line a picture, the largest difference on top; `first` and `second` name the versions.

    A version's dot is hollow where its most likely class is another one.
    """
    pairs = list(zip(comparison.first.answers, comparison.second.answers, strict=True))
    pairs.sort(key=lambda pair: abs(_belief(pair[0]) - _belief(pair[1])))
    figure = figure_of(7.5, 1.2 + 0.32 * len(pairs))
    axes = bare(figure.add_subplot())
    places = range(len(pairs))
    axes.hlines(
        places, [_belief(a) for a, _ in pairs], [_belief(b) for _, b in pairs], color="#bbbbbb", zorder=1
    )
    for side, (name, colour) in enumerate(zip((first, second), VERSIONS, strict=False)):
        answers = [pair[side] for pair in pairs]
        faces = [colour if answer.right else "white" for answer in answers]
        axes.scatter(
            [_belief(a) for a in answers], places, s=46, c=faces, edgecolors=colour, linewidths=1.6, zorder=2
        )
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


def _belief(answer: Answer) -> float:
    """Probability of what the picture shows; 0 where that is not among the five most likely classes."""
    return next((p.probability for p in answer.top if p.label == answer.expected), 0.0)
