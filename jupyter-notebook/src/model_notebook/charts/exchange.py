"""What the platform answered while its model was exchanged."""

from matplotlib.figure import Figure

from model_notebook.charts.style import VERSIONS, WRONG, bare, figure_of
from model_notebook.live_answers import LiveAnswers


def exchange_figure(live: LiveAnswers) -> Figure:
    """Every answer over time, coloured by the version that gave it, with what was done at the top."""
    figure = figure_of(9, 3.6)
    axes = bare(figure.add_subplot())
    for place, version in enumerate(live.versions):
        given = [answer for answer in live.answers if answer.version == version]
        axes.scatter(
            [answer.at for answer in given],
            [answer.probability for answer in given],
            s=14,
            color=VERSIONS[place % len(VERSIONS)],
            label=f"version {version}: {given[0].label}",
        )
    for failure in live.failed:
        axes.axvline(failure.at, color=WRONG, linewidth=2)
    for moment in live.moments:
        axes.axvline(moment.at, color="#555555", linewidth=1, linestyle=":")
        axes.annotate(moment.what, (moment.at, 1.08), xytext=(3, 0), textcoords="offset points", fontsize=8)
    axes.set_ylim(0, 1.18)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_xlabel("seconds")
    axes.set_ylabel("probability of its answer")
    axes.set_title(f"{len(live.answers)} requests while the model was exchanged, {len(live.failed)} failed")
    axes.legend(loc="lower right", frameon=True)
    return figure
