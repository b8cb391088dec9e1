"""A client tells the sidecar how a version answers that has just taken over, while the sidecar watches it."""

import random
from typing import Any

import pytest
from car_client.kserve.connection import Connection
from car_client.sidecar.follower import SidecarFollower
from car_client.sidecar.observations import Reporter, Source, Tally, Totals
from collected_logs import LogLines
from fake_kserve import FakeKServe
from platform_values import serving, status_body


def _say(source: Source, labels: str, version: int = 1) -> None:
    """One answer for each letter; a dot is not sure."""
    for label in labels:
        source.answer("cars", version, "set", "" if label == "." else label)


def test_answers_are_counted_by_version_and_runs_of_equal_ones_are_known() -> None:
    tally = Tally()
    source = tally.source()
    _say(source, "aab..a")
    _say(source, "a", version=2)
    source.refuse("cars", 2)
    assert tally.totals("cars", 1) == Totals(6, 2, 0, 4 + 1 + 4 + 1, "set", {"a": 3, "b": 1})
    assert tally.totals("cars", 2) == Totals(1, 0, 1, 1, "set", {"a": 1})
    assert tally.totals("cars", 3) == Totals()


def test_runs_are_those_of_one_source() -> None:
    tally = Tally()
    one, other = tally.source(), tally.source()
    for _ in range(3):
        _say(one, "a")
        _say(other, "b")
    assert tally.totals("cars", 1).streaks == 9 + 9


def test_what_is_lately_are_some_hundred_answers() -> None:
    tally = Tally()
    source = tally.source()
    _say(source, "a" * 400)
    assert tally.lately("cars", 1).answered == 400
    for _ in range(30):
        _say(source, "b" * 100)
        assert tally.lately("cars", 1).answered <= 1000
    lately = tally.lately("cars", 1)
    assert lately.answered >= 500
    assert lately.labels == {"b": lately.answered}


def test_it_stays_bounded_whatever_is_counted_and_keeps_names_apart_alike_in_all_versions() -> None:
    dice, tally = random.Random(1), Tally()
    source = tally.source()
    for number in range(3000):
        source.answer("cars", number // 300, "set", f"label {dice.randrange(500)}" + "x" * 500)
    for number in range(1200):
        source.answer(f"model {number}", 1, "", "a")
    newest, before = tally.totals("cars", 9), tally.totals("cars", 8)
    assert tally.totals("cars", 1) == Totals()
    assert newest.answered == before.answered == 300
    assert len(newest.labels.keys() | before.labels.keys()) <= 61
    assert max(map(len, newest.labels)) <= 100
    assert sum(newest.labels.values()) == 300
    assert tally.totals("model 1199", 1) == Totals()


_PATH = "/v1/models/cars/observations"


def _status(state: str, since: str = "2026-11-30T10:41:07.000Z") -> tuple[int, bytes]:
    watch = {"version": "2", "local_version": 2, "before": "1", "local_before": 1, "state": state}
    return 200, status_body({"cars": serving("2") | {"watch": watch | {"since": since}}})


class _Client:
    def __init__(self, server: FakeKServe, token: str = "") -> None:
        self.tally = Tally()
        self.source = self.tally.source()
        connection = Connection(server.url, timeout=5)
        follower = SidecarFollower(connection, monotonic=iter(range(0, 10_000, 10)).__next__)
        self.reporter = Reporter(connection, follower, self.tally, token=token)

    def say(self, version: int, labels: str) -> None:
        for label in labels:
            self.source.answer("cars", version, "set", "" if label == "." else label)


@pytest.fixture
def client(server: FakeKServe) -> _Client:
    server.fixed_answers[_PATH] = (202, b"{}")
    return _Client(server)


def _told(server: FakeKServe) -> list[dict[str, Any]]:
    return [request.document["versions"] for request in server.sent(_PATH)]


def test_totals_of_both_versions_are_told_while_one_is_watched(server: FakeKServe, client: _Client) -> None:
    client.say(1, "aabb")
    client.say(2, "ccc")  # before this watch
    server.fixed_answers["/v1/status"] = _status("kept")
    client.reporter.look()
    assert _told(server) == []
    server.fixed_answers["/v1/status"] = _status("watching")
    client.reporter.look()
    client.say(2, "a..")
    client.say(1, "zzz")  # what comes late is not how it was before
    client.reporter.look()
    first, second = _told(server)
    assert (first["2"]["answered"], first["1"]["labels"]) == (0, {"a": 2, "b": 2})
    assert (second["2"]["answered"], second["2"]["not_sure"], second["2"]["labels"]) == (3, 2, {"a": 1})
    assert second["1"] == first["1"]
    server.fixed_answers["/v1/status"] = _status("went_back")
    client.reporter.look()
    assert len(_told(server)) == 2


def test_another_watch_begins_anew(server: FakeKServe, client: _Client) -> None:
    server.fixed_answers["/v1/status"] = _status("watching")
    client.reporter.look()
    client.say(2, "aaa")
    server.fixed_answers["/v1/status"] = _status("watching", "2026-11-30T11:00:00.000Z")
    client.reporter.look()
    assert [told["2"]["answered"] for told in _told(server)] == [0, 0]


def test_a_refusal_is_told_once_and_the_token_is_sent(server: FakeKServe, logged: LogLines) -> None:
    server.fixed_answers["/v1/status"] = _status("watching")
    server.fixed_answers[_PATH] = (403, b'{"error": "only this host may report"}')
    client = _Client(server, token="secret")
    for _ in range(3):
        client.reporter.look()
    told = [line for line in logged.lines if line["event"] == "report_not_taken"]
    assert len(told) == 1
    assert "only this host may report" in told[0]["reason"]
    assert server.sent(_PATH)[0].headers["Authorization"] == "Bearer secret"
