"""Where things go in the page's one chart: versions over time, and below them the latency of each request.

Pure arithmetic from facts to the coordinates of an SVG; the template only draws.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_common.served_state import VersionState

from edge_stack.report.facts import DemoReport, LoadFact, MomentFact, TransitionFact

WIDTH = 960.0
LEFT = 230.0
"""Room for the lanes' names."""
RIGHT = 20.0
LANE = 22.0
TOP = 8.0
PLOT_HEIGHT = 230.0
BELOW = 34.0
_MARKER_TEXT = 16.0

_SHOWN = (VersionState.AVAILABLE, VersionState.LOADING, VersionState.FAILED, VersionState.UNLOADING)
_PALETTE = 4
"""Number of version colours the style sheet has."""


@dataclass(frozen=True)
class Bar:
    """A version in one state."""

    x: float
    width: float
    state: str
    hint: str


@dataclass(frozen=True)
class Lane:
    """One version of one model."""

    y: float
    name: str
    colour: int | None
    """None: of a model that the load does not ask."""
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Dot:
    """One request; `colour` None: it failed."""

    x: float
    y: float
    colour: int | None


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    place: float
    text: str


@dataclass(frozen=True)
class Marker:
    """Something done from outside; `row` keeps neighbouring texts apart."""

    x: float
    y: float
    text: str
    text_x: float
    anchor: Literal["start", "end"]
    """Which end of the text is at `text_x`; texts in the right half grow to the left."""


@dataclass(frozen=True)
class Chart:
    """Everything the template draws."""

    width: float
    height: float
    left: float
    right: float
    lanes_top: float
    plot_top: float
    plot_bottom: float
    lanes: tuple[Lane, ...]
    dots: tuple[Dot, ...]
    markers: tuple[Marker, ...]
    time_ticks: tuple[Tick, ...]
    latency_ticks: tuple[Tick, ...]


class _TimeAxis:
    def __init__(self, begin: float, end: float) -> None:
        self.begin, self.end = begin, max(end, begin + 0.1)

    def x(self, at: float) -> float:
        inside = min(max(at, self.begin), self.end)
        share = (inside - self.begin) / (self.end - self.begin)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def swap_chart(report: DemoReport) -> Chart | None:
    """The chart of the exchange of versions; None when there was no load."""
    if report.load is None or not report.load.points:
        return None
    points = report.load.points
    axis = _TimeAxis(points[0].at, points[-1].at)
    moments = [moment for moment in report.moments if axis.begin <= moment.at <= axis.end]
    lanes_top = TOP + _MARKER_TEXT * max(1, len(moments))
    lanes = _lanes(report.transitions, report.load.model, axis, lanes_top)
    plot_top = lanes_top + LANE * len(lanes) + 14
    latency = _LatencyAxis(report.load, plot_top)
    return Chart(
        width=WIDTH,
        height=plot_top + PLOT_HEIGHT + BELOW,
        left=LEFT,
        right=WIDTH - RIGHT,
        lanes_top=lanes_top,
        plot_top=plot_top,
        plot_bottom=plot_top + PLOT_HEIGHT,
        lanes=lanes,
        dots=tuple(
            Dot(axis.x(p.at), latency.y(p.milliseconds), None if p.version is None else p.version % _PALETTE)
            for p in points
        ),
        markers=_markers(moments, axis),
        time_ticks=_time_ticks(axis),
        latency_ticks=latency.ticks(),
    )


class _LatencyAxis:
    """Logarithmic: a swap's slow moment is many times the usual latency and must not flatten the rest."""

    def __init__(self, load: LoadFact, top: float) -> None:
        values = [max(point.milliseconds, 0.01) for point in load.points]
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.top = top

    def y(self, milliseconds: float) -> float:
        share = (math.log10(max(milliseconds, 0.01)) - self.low) / (self.high - self.low)
        return round(self.top + PLOT_HEIGHT * (1 - share), 1)

    def ticks(self) -> tuple[Tick, ...]:
        powers = [10.0**power for power in range(self.low, self.high + 1)]
        return tuple(Tick(self.y(value), f"{value:g} ms") for value in powers)


def _lanes(
    transitions: Sequence[TransitionFact], model: str, axis: _TimeAxis, top: float
) -> tuple[Lane, ...]:
    lanes: list[Lane] = []
    for _, name, version in sorted({(t.model != model, t.model, t.version) for t in transitions}):
        bars = _bars([t for t in transitions if (t.model, t.version) == (name, version)], axis)
        if bars:
            colour = version % _PALETTE if name == model else None
            lanes.append(Lane(top + LANE * len(lanes), f"{name} v{version}", colour, bars))
    return tuple(lanes)


def _bars(own: Sequence[TransitionFact], axis: _TimeAxis) -> tuple[Bar, ...]:
    ends = [transition.at for transition in own[1:]] + [math.inf]
    bars = []
    for transition, end in zip(own, ends, strict=True):
        if transition.state not in _SHOWN or end < axis.begin or transition.at > axis.end:
            continue
        x, hint = axis.x(transition.at), f"{transition.state} from {transition.at:.2f} s"
        bars.append(Bar(x, max(2.0, axis.x(end) - x), transition.state.value.lower(), hint))
    return tuple(bars)


def _markers(moments: Sequence[MomentFact], axis: _TimeAxis) -> tuple[Marker, ...]:
    def marker(row: int, moment: MomentFact) -> Marker:
        x, y, text = axis.x(moment.at), TOP + _MARKER_TEXT * row, f"{moment.what} ({moment.at:.1f} s)"
        on_the_left = x < (LEFT + WIDTH - RIGHT) / 2
        return Marker(x, y, text, x + (4 if on_the_left else -4), "start" if on_the_left else "end")

    return tuple(marker(row, moment) for row, moment in enumerate(moments))


def _time_ticks(axis: _TimeAxis) -> tuple[Tick, ...]:
    span = axis.end - axis.begin
    step = next((size for size in (0.5, 1, 2, 5, 10, 20, 60) if span / size <= 12), 120)  # noqa: PLR2004 - ticks that fit
    first = math.ceil(axis.begin / step)
    last = math.floor(axis.end / step)
    return tuple(Tick(axis.x(count * step), f"{count * step:g} s") for count in range(first, last + 1))
