import pytest
from car_models.evaluating.classifier import Prediction
from car_models.evaluating.decision import decide, mcnemar, wilson_interval
from car_models.evaluating.evaluation import Answer, Evaluation
from edge_common.errors import RejectedError
from hypothesis import given
from hypothesis import strategies as st

_RIGHT = st.lists(st.booleans(), min_size=1, max_size=30)


def _evaluation(version: str, right: list[bool]) -> Evaluation:
    answers = (
        Answer(f"{n}.jpg", "bus", (Prediction("bus" if one else "van", 0.5),)) for n, one in enumerate(right)
    )
    return Evaluation("cars", version, 1, tuple(answers))


@given(_RIGHT, st.data())
def test_nothing_that_recognises_fewer_or_not_surely_enough_is_promoted(
    right: list[bool], data: st.DataObject
) -> None:
    other = data.draw(st.lists(st.booleans(), min_size=len(right), max_size=len(right)))
    least = data.draw(st.floats(0, 1))
    decision = decide(_evaluation("2", right), _evaluation("1", other), min_top1=least)
    enough = wilson_interval(sum(right), len(right))[0] >= least
    assert decision.promotes == (enough and sum(right) >= sum(other))


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_interval_holds_the_share_and_narrows_with_more_pictures(right: int, wrong: int) -> None:
    pictures = right + wrong
    low, high = wilson_interval(right, pictures)
    assert 0 <= low <= (right / pictures if pictures else 0.5) + 1e-12
    assert (right / pictures if pictures else 0.5) - 1e-12 <= high <= 1
    twice = wilson_interval(2 * right, 2 * pictures)
    assert twice[1] - twice[0] <= high - low


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_split_is_a_chance_whichever_way_it_goes(lost: int, gained: int) -> None:
    assert 0 < mcnemar(lost, gained) == mcnemar(gained, lost) <= 1


def test_figures_are_those_of_the_books() -> None:
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998
    assert wilson_interval(20, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert mcnemar(2, 0) == 0.5
    assert mcnemar(1, 9) == pytest.approx(0.0215, abs=1e-4)


def test_a_refusal_says_what_was_found() -> None:
    worse = decide(_evaluation("2", [True] * 11 + [False] * 2), _evaluation("1", [True] * 13))
    assert worse.sentence == (
        "cars/2 recognises 11 of 13 (58% to 96% with 95%); of those of cars/1 it loses 2 and gains 0 "
        "(p 0.5, which so few pictures cannot tell from chance); keep cars/1"
    )
    with pytest.raises(
        RejectedError, match=r"13 of 13 .* which is not surely the 90% wanted; give it more pict"
    ):
        decide(_evaluation("1", [True] * 13), min_top1=0.9).raise_if_refused()


def test_different_pictures_are_not_compared() -> None:
    with pytest.raises(RejectedError, match="were shown different pictures"):
        decide(_evaluation("2", [True]), _evaluation("1", [True, True]))
