"""A client tells the sidecar how a version answers that has just taken over, while the sidecar watches it."""

from typing import Any

import pytest
from car_client.kserve.connection import Connection
from car_client.sidecar.follower import SidecarFollower
from car_client.sidecar.reporter import Reporter
from car_client.sidecar.tally import Tally
from collected_logs import LogLines
from fake_kserve import FakeKServe
from platform_values import serving, status_body

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
