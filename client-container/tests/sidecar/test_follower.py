"""A sidecar that answers, goes away, says something else, and comes back."""

from car_client.kserve.connection import Connection
from car_client.sidecar.follower import SidecarFollower
from collected_logs import LogLines
from fake_kserve import FakeKServe
from platform_values import status_body


def test_what_it_said_last_stays_while_it_is_away(server: FakeKServe, logged: LogLines) -> None:
    follower = SidecarFollower(Connection(server.url, timeout=5, max_answer_bytes=100_000))
    server.fixed_answers["/v1/status"] = (200, status_body())
    assert follower.refresh().error is None
    known = follower.view.status
    for status, body, sentence in (
        (503, b'{"error": "starting"}', "answers 503 when it is asked for its status (starting)"),
        (200, b"{", "does not answer as a sidecar does"),
        (200, b'"' + b"x" * 200_000 + b'"', "more than 100000 bytes"),
    ):
        server.fixed_answers["/v1/status"] = (status, body)
        view = follower.refresh()
        assert sentence in str(view.error)
        assert view.status is known
    server.fixed_answers["/v1/status"] = (200, status_body({}))
    view = follower.refresh()
    assert (view.error, view.status is not None and view.status.models) == (None, {})
    assert [line["event"] for line in logged.lines if line["event"].startswith("sidecar")] == [
        "sidecar_lost",
        "sidecar_returned",
    ]


def test_it_is_not_asked_more_often_than_wanted(server: FakeKServe) -> None:
    follower = SidecarFollower(Connection(server.url, timeout=5), monotonic=lambda: 7.0)
    server.fixed_answers["/v1/status"] = (200, status_body())
    for _ in range(3):
        follower.refresh(max_age=0.5)
    assert len(server.sent("/v1/status")) == 1


def test_without_an_address_nobody_is_asked() -> None:
    view = SidecarFollower(None).refresh()
    assert (view.address, view.status, view.error) == (None, None, None)
