from datetime import UTC, datetime

from edge_stack.measuring.load import Answer, summarize
from edge_stack.report.facts import MAX_POINTS, DemoReport, StepFact, UploadFact, load_fact


def answers(count: int) -> list[Answer]:
    """`count` good answers a millisecond apart, but the 100th failed and the 200th was slow."""
    return [
        Answer(
            thread=0,
            at=1000 + number / 1000,
            seconds=9.0 if number == 200 else 0.001,
            version=None if number == 100 else 1,
            error="reset" if number == 100 else "",
        )
        for number in range(count)
    ]


def test_many_requests_are_thinned_but_failures_and_slow_ones_stay() -> None:
    many = answers(20_000)
    fact = load_fact("car", 3, many, summarize(many), begun=1000)
    assert fact.requests == 20_000
    assert len(fact.points) <= MAX_POINTS
    assert [point.at for point in fact.points] == sorted(point.at for point in fact.points)
    assert any(point.version is None for point in fact.points)
    assert max(point.milliseconds for point in fact.points) == 9000
    assert fact.points[-1].at > 19


def test_few_requests_are_all_kept() -> None:
    few = answers(300)
    assert len(load_fact("car", 3, few, summarize(few), begun=1000).points) == 300


def test_an_upload_in_time_keeps_its_promise() -> None:
    in_time = UploadFact(model="car", version=1, size=1, found_by="events", seconds=1.9, limit=2)
    assert in_time.held
    assert in_time.promise == "under 2 s"
    assert not in_time.model_copy(update={"seconds": 2.1}).held


def test_a_slow_machine_is_allowed_more_and_the_promise_stays_readable() -> None:
    in_time = UploadFact(model="car", version=1, size=1, found_by="events", seconds=1.9, limit=2)
    patient = in_time.model_copy(update={"seconds": 5.9, "patience": 3.0})
    assert (patient.held, patient.promise) == (True, "under 2 s; allowed here 6.0 s")
    assert not patient.model_copy(update={"seconds": 6.1}).held


def test_under_load_nothing_is_promised() -> None:
    under_load = UploadFact(model="car", version=1, size=1, found_by="events", seconds=9, limit=None)
    assert under_load.held
    assert under_load.promise == "nothing"


def test_a_report_holds_only_when_all_its_steps_do_and_there_are_some() -> None:
    good = StepFact(claim="a", result="", held=True, seconds=0)
    bad = StepFact(claim="b", result="", held=False, seconds=0)

    def report(*steps: StepFact) -> DemoReport:
        started = datetime(2026, 1, 1, tzinfo=UTC)
        return DemoReport(started=started, seconds=1, store="", machine="", software={}, steps=steps)

    assert report(good).held
    assert not report(good, bad).held
    assert not report().held
