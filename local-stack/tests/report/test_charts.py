from collections.abc import Callable

import pytest
from edge_common.served_state import VersionState
from edge_stack.report.charts import swap_chart
from edge_stack.report.facts import DemoReport, LoadFact, MomentFact, RequestFact, TransitionFact
from hypothesis import given
from hypothesis import strategies as st

times = st.floats(0, 500, allow_nan=False)
states = st.sampled_from(VersionState)


@given(
    requests=st.lists(
        st.tuples(times, st.floats(0, 20_000), st.none() | st.integers(1, 9)), min_size=1, max_size=30
    ),
    transitions=st.lists(
        st.tuples(times, st.sampled_from(["car", "other"]), st.integers(1, 3), states), max_size=20
    ),
    moments=st.lists(times, max_size=4),
)
def test_everything_drawn_lies_inside_the_chart(
    report_of: Callable[..., DemoReport],
    load_of: Callable[..., LoadFact],
    requests: list[tuple[float, float, int | None]],
    transitions: list[tuple[float, str, int, VersionState]],
    moments: list[float],
) -> None:
    points = [
        RequestFact(at=at, milliseconds=ms, version=version)
        for at, ms, version in sorted(requests, key=lambda one: one[0])
    ]
    chart = swap_chart(
        report_of(
            load=load_of(points),
            transitions=tuple(
                TransitionFact(at=at, model=model, version=version, state=state)
                for at, model, version, state in sorted(transitions)
            ),
            moments=tuple(MomentFact(at=at, what="upload") for at in sorted(moments)),
        )
    )
    assert chart is not None
    assert len(chart.dots) == len(points)
    for dot in chart.dots:
        assert chart.left <= dot.x <= chart.right
        assert chart.plot_top <= dot.y <= chart.plot_bottom
    for lane in chart.lanes:
        assert chart.lanes_top <= lane.y < chart.plot_top
        for bar in lane.bars:
            assert chart.left <= bar.x
            assert bar.x + bar.width <= chart.right + 2
    for tick in chart.time_ticks:
        assert chart.left <= tick.place <= chart.right


def test_a_version_is_a_bar_from_its_available_to_its_end(
    report_of: Callable[..., DemoReport], load_of: Callable[..., LoadFact]
) -> None:
    points = [RequestFact(at=at, milliseconds=1, version=1) for at in (0.0, 10.0)]
    transitions = (
        TransitionFact(at=0.0, model="car", version=1, state=VersionState.AVAILABLE),
        TransitionFact(at=5.0, model="car", version=2, state=VersionState.AVAILABLE),
        TransitionFact(at=6.0, model="car", version=1, state=VersionState.END),
    )
    chart = swap_chart(report_of(load=load_of(points), transitions=transitions))
    assert chart is not None
    first, second = chart.lanes
    assert [first.name, second.name] == ["car v1", "car v2"]
    full = chart.right - chart.left
    assert first.bars[0].width == pytest.approx(0.6 * full, abs=0.2)
    assert second.bars[0].x == pytest.approx(chart.left + 0.5 * full, abs=0.2)
    assert second.bars[0].x + second.bars[0].width == chart.right


def test_without_load_there_is_no_chart(
    report_of: Callable[..., DemoReport], load_of: Callable[..., LoadFact]
) -> None:
    assert swap_chart(report_of()) is None
    assert swap_chart(report_of(load=load_of([]))) is None


def test_texts_grow_away_from_the_edges(
    report_of: Callable[..., DemoReport], load_of: Callable[..., LoadFact]
) -> None:
    points = [RequestFact(at=at, milliseconds=1, version=1) for at in (0.0, 10.0)]
    moments = (
        MomentFact(at=0.1, what="early"),
        MomentFact(at=9.9, what="late"),
        MomentFact(at=99, what="after"),
    )
    chart = swap_chart(report_of(load=load_of(points), moments=moments))
    assert chart is not None
    assert [marker.anchor for marker in chart.markers] == ["start", "end"]
    assert chart.markers[0].y < chart.markers[1].y
