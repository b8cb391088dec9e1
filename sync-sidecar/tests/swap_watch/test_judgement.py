"""Decisions about swaps: no false alarm, no missed disaster, no flapping, none on thin evidence.

Some hundred simulated swaps here; `python -m simulated_swaps` makes ten thousand of each.
"""

import random
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from model_sync.swap_watch.comparisons import Signal, log_evidence, upper_bound
from model_sync.swap_watch.judgement import Breach, Kept, StillWatching, judge
from model_sync.swap_watch.observations import (
    MOST_OBSERVATIONS,
    Answers,
    Observation,
    Seen,
    ServerCounts,
    Watch,
    WatchRecord,
    record_from_lines,
    record_to_lines,
    report_from_mapping,
)
from simulated_swaps import DISASTERS, GOOD, Figures, found_after, swap

_WATCH = Watch("cars", "2", "upload", 2, "1", 1, 0.0, 300.0)
_BEFORE = Answers(500, 10, 0, 600, "cars", {"bus": 200, "car": 290})


def _record(before: Seen, *after: Seen, over: bool = False) -> WatchRecord:
    record = WatchRecord(_WATCH, before)
    for place, seen in enumerate(after):
        record = record.with_observation(Observation(300.0 if over else float(place), seen))
    return record


def _failing(requests: int, failed: int) -> list[Seen]:
    return [Seen(ServerCounts(requests * n // 5, failed * n // 5)) for n in range(1, 6)]


@pytest.mark.parametrize("reporters", [1, 3])
def test_no_good_version_goes_back_however_the_world_drifts(reporters: int) -> None:
    dice, figures = random.Random(7), Figures()
    for _ in range(40):
        assert isinstance(figures.count(swap(dice, GOOD, requests=200, reporters=reporters)), Kept)
    assert figures.gone_back == 0


@pytest.mark.parametrize("kind", DISASTERS)
def test_a_bad_version_is_found_within_200_requests(kind: str) -> None:
    dice, figures = random.Random(7), Figures()
    for _ in range(20):
        figures.count(swap(dice, kind, requests=200))
    assert figures.gone_back >= 19


def test_what_is_found_stays_found_and_more_of_it_is_found_no_later() -> None:
    dice = random.Random(3)
    for kind in DISASTERS:
        record = swap(dice, kind, requests=200)
        found = found_after(record)
        for length in range(1, len(record.observations) + 1):
            part = replace(record, observations=record.observations[:length])
            last = part.observations[-1].seen.server
            assert last is not None
            assert isinstance(judge(part), Breach) == (last.requests >= found)


@given(some.integers(0, 19), some.data())
def test_nothing_is_decided_on_fewer_than_twenty_requests(requests: int, data: some.DataObject) -> None:
    failed = data.draw(some.integers(0, requests))
    before = Seen(ServerCounts(10_000, 0), {"camera": _BEFORE})
    after = Seen(ServerCounts(requests, failed), {"camera": Answers(requests, failed, 0, requests, "cars")})
    assert not isinstance(judge(_record(before, after, after, after, over=True)), Breach)


@given(some.integers(0, 49), some.integers(0, 49))
def test_nothing_is_decided_against_fewer_than_fifty_requests_before(requests: int, failed: int) -> None:
    before = Seen(ServerCounts(requests, min(failed, requests)))
    assert isinstance(judge(_record(before, *_failing(500, 500), over=True)), Kept)


@settings(max_examples=200)
@given(some.integers(0, 400), some.integers(50, 400), some.integers(20, 400))
def test_what_is_no_worse_than_before_is_never_a_breach(failed: int, before: int, after: int) -> None:
    failed = min(failed, before)
    same = after * failed // before
    record = _record(Seen(ServerCounts(before, failed)), *_failing(after, same), over=True)
    assert isinstance(judge(record), Kept)


def test_a_single_burst_is_no_trend() -> None:
    burst = Seen(ServerCounts(200, 100))
    assert isinstance(judge(_record(Seen(ServerCounts(500, 0)), burst, burst, burst, over=True)), Kept)
    found = judge(_record(Seen(ServerCounts(500, 0)), *_failing(200, 100)))
    assert isinstance(found, Breach)
    assert found.sentence == (
        "after the swap 60 of 120 requests to the model server failed; before it 0 of 500 with version 1"
    )


def test_a_noisy_client_decides_alone_only_where_it_is_the_only_one() -> None:
    noisy = [Answers(n, n, 0, n, "cars") for n in (40, 80, 120, 160)]
    calm = [Answers(n, 0, 0, n, "cars", {"bus": n * 2 // 5, "car": n * 3 // 5}) for n in (40, 80, 120, 160)]
    alone = _record(Seen(None, {"a": _BEFORE}), *(Seen(None, {"a": one}) for one in noisy))
    assert isinstance(judge(alone), Breach)
    both = zip(noisy, calm, strict=True)
    seen = [Seen(None, {"a": one, "b": other}) for one, other in both]
    assert isinstance(judge(_record(Seen(None, {"a": _BEFORE, "b": _BEFORE}), *seen)), StillWatching)


def test_a_still_scene_is_one_piece_of_evidence_however_often_it_is_asked_about() -> None:
    still = Answers(500, 0, 0, 500 * 500, "cars", {"bus": 500})
    other = [Answers(n, 0, 0, n * n, "cars", {"car": n}) for n in range(50, 550, 50)]
    record = _record(Seen(None, {"a": still}), *(Seen(None, {"a": one}) for one in other), over=True)
    assert isinstance(judge(record), Kept)


def test_labels_of_another_set_are_not_compared() -> None:
    other = [Answers(n, 0, 0, n, "vans", {"coach": n}) for n in range(50, 550, 50)]
    record = _record(Seen(None, {"a": _BEFORE}), *(Seen(None, {"a": one}) for one in other), over=True)
    assert isinstance(judge(record), Kept)
    same = [Seen(None, {"a": replace(one, label_set="cars")}) for one in other]
    found = judge(_record(Seen(None, {"a": _BEFORE}), *same))
    assert isinstance(found, Breach)
    assert found.signal is Signal.LABELS
    assert "answers were labels that were rare, as a reports" in found.sentence


def _times(*counts: int, bounds: tuple[int, ...]) -> Seen:
    return Seen(ServerCounts(sum(counts), 0, dict(zip(bounds, counts, strict=True))))


def test_slow_is_several_times_what_was_usual() -> None:
    bounds = (35_000, 63_000, 115_000, 210_000)
    before = _times(480, 20, 0, 0, bounds=bounds)
    twice = [_times(0, n, 0, 0, bounds=bounds) for n in (50, 100, 150)]
    assert isinstance(judge(_record(before, *twice, over=True)), Kept)
    ten = [_times(0, 0, 0, n, bounds=bounds) for n in (50, 100, 150)]
    found = judge(_record(before, *ten))
    assert isinstance(found, Breach)
    assert "took the model server more than 115 ms" in found.sentence


def test_a_small_model_is_not_slow_because_the_machine_is_busy() -> None:
    bounds = (1000, 5000, 20_000, 60_000)
    before = _times(500, 0, 0, 0, bounds=bounds)
    busy = [_times(0, 0, n, 0, bounds=bounds) for n in (50, 100, 150)]
    assert isinstance(judge(_record(before, *busy, over=True)), Kept)


@given(some.floats(0, 1), some.integers(1, 2000), some.floats(1e-9, 0.1))
def test_the_bound_is_above_what_is_seen_and_falls_with_more_of_it(
    share: float, of: int, error: float
) -> None:
    bound = upper_bound(share * of, of, error)
    assert share - 1e-9 <= bound <= 1
    assert upper_bound(share * of * 2, of * 2, error) <= bound + 1e-9


@given(some.integers(1, 500), some.integers(0, 500), some.floats(0.01, 0.99))
def test_a_share_that_is_tolerated_is_no_evidence(of: int, bad: int, tolerated: float) -> None:
    bad = min(bad, int(of * tolerated))
    assert log_evidence(bad, of, tolerated) <= 0


def test_evidence_is_seldom_found_where_there_is_none_however_often_one_looks() -> None:
    dice, alarms = random.Random(1), 0
    for _ in range(200):
        bad = 0
        for of in range(1, 200):
            bad += dice.random() < 0.3
            if log_evidence(bad, of, 0.3) >= 3.0:  # e^-3 is 0.05
                alarms += 1
                break
    assert alarms <= 10


def test_a_record_comes_back_as_it_was_written_and_stays_bounded() -> None:
    record = swap(random.Random(5), "blind", requests=200, reporters=2)
    again = record_from_lines(record_to_lines(record))
    assert again == record
    assert judge(again) == judge(record)
    for place in range(1000):
        record = record.with_observation(Observation(float(place), Seen()))
    assert len(record.observations) <= MOST_OBSERVATIONS
    assert record.observations[-1].at == 999.0


@given(some.binary(max_size=300))
def test_a_file_of_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        record_from_lines(content)


_VALUES: some.SearchStrategy[object] = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(some.dictionaries(some.sampled_from(["reporter", "versions", "x"]), _VALUES))
def test_a_report_of_anything_is_taken_or_refused(body: dict[str, object]) -> None:
    with suppress(ValueError):
        reporter, versions = report_from_mapping(body)
        assert 0 < len(reporter) <= 64
        assert 0 < len(versions) <= 4


def test_a_report_is_bounded() -> None:
    good = {"reporter": "camera", "versions": {"2": {"answered": 3, "labels": {"bus": 3}}}}
    assert report_from_mapping(good) == ("camera", {2: Answers(3, labels={"bus": 3})})
    labels = {f"label {number}": 1 for number in range(100)}
    bad: list[dict[str, dict[str, object]]] = [{}, {"0": {}}, {"2": {"answered": -1}}, {"2": {"x": 1}}]
    bad += [{"2": {"labels": labels}}, {str(number): {} for number in range(1, 10)}]
    for versions in bad:
        with pytest.raises(ValueError, match=r"."):
            report_from_mapping({"reporter": "camera", "versions": versions})
