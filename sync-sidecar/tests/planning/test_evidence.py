from dataclasses import replace

import pytest
from edge_common.model_card import Acceptance
from hypothesis import given
from hypothesis import strategies as st
from model_sync.planning.evidence import (
    NAMED,
    AcceptanceFigures,
    AcceptanceRun,
    PictureAnswer,
    acceptance_figures,
    acceptance_rejection,
    needed,
)

_SHARES = st.floats(0, 1, exclude_min=True)


def _answer(number: int, *, place: int | None = 0, served_said: str | None = None) -> PictureAnswer:
    said = "school bus" if place == 0 else "minibus"
    return PictureAnswer(
        f"bus{number}.jpg", "school bus", said, place, served_said, served_said in {None, said}
    )


@st.composite
def _runs(draw: st.DrawFn) -> AcceptanceRun:
    places = draw(st.lists(st.none() | st.integers(0, 4), min_size=1, max_size=30))
    answers = [
        _answer(n, place=place, served_said=draw(st.sampled_from(["minibus", "school bus"])))
        for n, place in enumerate(places)
    ]
    seconds = draw(st.lists(st.floats(1e-6, 10), min_size=1, max_size=30))
    return AcceptanceRun(tuple(answers), tuple(seconds), tuple(reversed(seconds[:3])))


@given(
    _runs(),
    st.builds(
        Acceptance,
        min_top1=st.none() | _SHARES,
        min_top5=st.none() | _SHARES,
        max_latency=st.none() | st.floats(1e-6, 10),
        max_slowdown=st.none() | st.floats(0.01, 100),
        agree_with_served=st.none() | _SHARES,
    ),
)
def test_nothing_below_a_threshold_is_accepted_and_nothing_else_rejected(
    run: AcceptanceRun, wanted: Acceptance
) -> None:
    figures = acceptance_figures(run, "3")
    measured = (
        (wanted.min_top1, figures.top1 / figures.pictures),
        (wanted.min_top5, figures.top5 / figures.pictures),
        (wanted.agree_with_served, (figures.agreed or 0) / figures.pictures),
    )
    enough = all(least is None or share >= least for least, share in measured)
    fast = wanted.max_latency is None or (figures.latency_ms or 0) <= wanted.max_latency * 1000
    no_slower = wanted.max_slowdown is None or (figures.slowdown or 0) <= wanted.max_slowdown
    assert (acceptance_rejection(figures, wanted) is None) == (enough and fast and no_slower)


@pytest.mark.parametrize(
    ("share", "pictures", "least"), [(0.9, 10, 9), (0.9, 14, 13), (0.1, 3, 1), (1.0, 7, 7), (0.07, 100, 7)]
)
def test_a_share_is_the_decimal_number_that_is_written(share: float, pictures: int, least: int) -> None:
    assert needed(share, pictures) == least


def test_what_is_missed_is_said_with_the_pictures_that_show_it() -> None:
    answers = [*(_answer(n) for n in range(12)), *(_answer(n, place=2) for n in range(12, 14))]
    figures = acceptance_figures(AcceptanceRun(tuple(answers), (0.06, 0.061, 0.09)), None)
    assert acceptance_rejection(figures, Acceptance(min_top1=0.9, min_top5=0.9, max_latency=0.05)) == (
        "it fails its acceptance: top-1 12 of 14, 13 needed; wrong: "
        "bus12.jpg is 'minibus', expected 'school bus', bus13.jpg is 'minibus', expected 'school bus'; "
        "one inference takes 61 ms here, at most 50 ms wanted; "
        "improve the model, or correct the card's acceptance"
    )


def test_what_differs_from_the_version_in_service_is_said() -> None:
    answers = [_answer(1, served_said="school bus"), _answer(2, served_said="lorry")]
    figures = acceptance_figures(AcceptanceRun(tuple(answers), (0.06,), (0.03,)), "3")
    assert acceptance_rejection(figures, Acceptance(max_slowdown=1.5, agree_with_served=1)) == (
        "it fails its acceptance: says the same as version 3 in service of 1 of 2, 2 needed; different: "
        "bus2.jpg is 'school bus', 3 says 'lorry'; "
        "one inference takes 60 ms here and 30 ms with version 3 in service, 2.00 times as long, "
        "at most 1.5 wanted; improve the model, or correct the card's acceptance"
    )
    assert str(figures) == "top-1 2 of 2, top-5 2, 60 ms, 2.00 times as long as 3, agrees with 3 on 1"


@pytest.mark.parametrize(
    "run",
    [
        AcceptanceRun((_answer(1),), (0.06,)),
        AcceptanceRun((_answer(1, served_said="x"),), (0.06,), (), "it crashed"),
    ],
)
def test_where_nothing_serves_or_can_be_asked_comparisons_do_not_count(run: AcceptanceRun) -> None:
    figures = acceptance_figures(run, "3" if run.not_compared else None)
    assert (figures.served, figures.agreed, figures.slowdown) == (None, None, None)
    assert figures.not_judged == (run.not_compared or "nothing in service to compare with")
    assert acceptance_rejection(figures, Acceptance(max_slowdown=0.1, agree_with_served=1)) is None


def test_of_many_wrong_pictures_a_few_are_named_those_farthest_off_first() -> None:
    answers = (*(_answer(n, place=1) for n in range(99)), _answer(99, place=None))
    figures = acceptance_figures(AcceptanceRun(answers), None)
    assert [one.file for one in figures.wrong] == ["bus99.jpg", *(f"bus{n}.jpg" for n in range(NAMED - 1))]
    assert "bus3.jpg is 'minibus', expected 'school bus', 95 more; improve" in str(
        acceptance_rejection(figures, Acceptance(min_top1=0.9))
    )


def test_the_document_has_what_follows_from_the_figures() -> None:
    figures = AcceptanceFigures(pictures=3, top1=2, top5=3, latency_ms=6.0, served="1", served_latency_ms=4.0)
    document = figures.as_document()
    assert (document["slowdown"], document["sentence"]) == (1.5, str(figures))
    assert replace(figures, served_latency_ms=None).as_document()["slowdown"] is None
