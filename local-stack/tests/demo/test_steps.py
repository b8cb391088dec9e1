import io
from collections.abc import Callable
from itertools import count

import pytest
from edge_common.errors import RetryableError
from edge_stack.demo.steps import MOST_PATIENCE, NotHeldError, Step, in_words, measured_slowness, run_steps
from edge_stack.report.screen import Screen
from eventually import wait_until
from rich.console import Console


def raises(error: Exception) -> Callable[[], str]:
    def check() -> str:
        raise error

    return check


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(output: io.StringIO) -> Screen:
    return Screen(Console(file=output, width=200))


def test_each_claim_gets_what_was_measured_and_its_time(screen: Screen) -> None:
    ticks = iter([0.0, 1.5])
    facts = run_steps([Step("v1 is served", lambda: "0.8 s")], screen, clock=lambda: next(ticks))
    assert [(f.claim, f.result, f.held, f.seconds) for f in facts] == [("v1 is served", "0.8 s", True, 1.5)]


def test_a_claim_that_fails_does_not_stop_the_others(screen: Screen) -> None:
    steps = [
        Step("no request fails", raises(NotHeldError("3 of 10 failed"))),
        Step("v2 is served", raises(RetryableError("not so after 60 s"))),
        Step("nothing is left", lambda: "none"),
    ]
    facts = run_steps(steps, screen)
    assert [(fact.result, fact.held) for fact in facts] == [
        ("3 of 10 failed", False),
        ("not so after 60 s", False),
        ("none", True),
    ]


def test_what_everything_needs_makes_the_rest_fail_untried(screen: Screen) -> None:
    steps = [
        Step("the store is up", raises(RetryableError("no answer")), needed_by_all=True),
        Step("v1 is served", raises(AssertionError("tried without a store"))),
    ]
    facts = run_steps(steps, screen)
    assert [fact.held for fact in facts] == [False, False]
    assert "the store is up" in facts[1].result


def test_an_error_of_our_own_is_not_a_verdict(screen: Screen) -> None:
    with pytest.raises(ZeroDivisionError):
        run_steps([Step("a claim", raises(ZeroDivisionError()))], screen)


def test_without_a_terminal_each_step_is_two_plain_lines(screen: Screen, output: io.StringIO) -> None:
    steps = [Step("[1] is served", lambda: "[ok]"), Step("2 is served", raises(NotHeldError("it is not")))]
    run_steps(steps, screen, clock=lambda: 0.0)
    assert output.getvalue().splitlines() == [
        "....  [1] is served",
        "held  [1] is served: [ok] (0 ms)",
        "....  2 is served",
        "FAIL  2 is served: it is not (0 ms)",
    ]


def test_on_a_terminal_the_step_that_runs_is_shown_and_then_its_verdict() -> None:
    output = io.StringIO()
    screen = Screen(Console(file=output, width=100, force_terminal=True))

    def check() -> str:
        wait_until(lambda: "[1] is served" in output.getvalue())
        return "0.8 s"

    run_steps([Step("[1] is served", check)], screen, clock=lambda: 0.0)
    assert "held  [1] is served: 0.8 s (0 ms)" in output.getvalue().splitlines()[-1]


@pytest.mark.parametrize(("took", "slowness"), [(0.1, 1.0), (0.3, 1.0), (0.9, 3.0), (60.0, MOST_PATIENCE)])
def test_patience_grows_with_the_time_that_the_same_work_takes(took: float, slowness: float) -> None:
    moments = count(step=took)
    assert measured_slowness(lambda: float(next(moments)), rounds=1) == pytest.approx(slowness)


def test_it_is_said_where_it_is_used() -> None:
    assert in_words(1.0) == ""
    assert "3.0 times the time is allowed" in in_words(3.0)
