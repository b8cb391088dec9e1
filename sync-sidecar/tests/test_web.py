import json
from collections.abc import Callable
from typing import Any

import pytest
from asgi_client import Answer, AsgiClient
from collected_logs import LogLines
from hand_clock import HandClock
from memory_store import MemoryStore
from model_snapshots import state, stored
from model_sync.loop.wakeup import ClientReports, Requests
from model_sync.metrics import Metrics
from model_sync.planning.history import Event, HistoryEntry
from model_sync.planning.state import State
from model_sync.status.operator_api import OperatorApi
from model_sync.status.report import Posted
from model_sync.status.status import Readiness
from model_sync.swap_watch.observations import MOST_REPORTERS, Answers
from model_sync.volume.volume import Volume
from model_sync.web import HttpApi

_LOOPBACK = ("127.0.0.1", 50000)


@pytest.fixture
def posted() -> Posted:
    cars = state(stored(1), stored(2), configured=(2,), confirmed=(2,))
    return Posted({"schema": 1}, State({"cars": cars}))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def client(posted: Posted, volume: Volume, clock: HandClock) -> Callable[..., AsgiClient]:
    def make(
        host: tuple[str, int] = _LOOPBACK, token: str = "", looks: list[None] | None = None
    ) -> AsgiClient:
        calls = looks if looks is not None else []
        operator = OperatorApi(
            "", MemoryStore(), Requests(), lambda: calls.append(None), lambda _: None, posted, clock, print
        )
        return AsgiClient(HttpApi(volume, Metrics().registry, token, operator, ClientReports()).app(), host)

    return make


def test_health_follows_the_loop(clock: HandClock, client: Callable[..., AsgiClient]) -> None:
    assert client().get("/healthz").status_code == 200
    clock.advance(181)
    answer = client().get("/healthz")
    assert (answer.status_code, answer.json()["error"]) == (
        503,
        "the reconcile loop has been silent for 181 s",
    )


def test_started_and_ready_follow_what_is_posted(posted: Posted, client: Callable[..., AsgiClient]) -> None:
    assert [client().get(path).status_code for path in ("/startupz", "/readyz")] == [503, 503]
    posted.readiness = Readiness(started=True, ready=True)
    assert [client().get(path).status_code for path in ("/startupz", "/readyz")] == [200, 200]
    assert client().get("/v1/status").json() == {"schema": 1}
    assert "model_sync_cycles_total" in client().get("/metrics").text


def test_the_card_is_that_of_the_served_version_unless_asked(
    client: Callable[..., AsgiClient], volume: Volume
) -> None:
    volume.save_card("cars", 1, b'{"one": 1}')
    volume.save_card("cars", 2, b'{"two": 2}')
    assert client().get("/v1/models/cars/card").json() == {"two": 2}
    assert client().get("/v1/models/cars/card?version=1").json() == {"one": 1}


def test_the_digest_of_a_version_is_told_with_its_card_and_without_one(
    client: Callable[..., AsgiClient], volume: Volume
) -> None:
    volume.save_card("cars", 2, b'{"two": 2}')
    for version in (1, 2):
        answer = client().get(f"/v1/models/cars/card?version={version}")
        assert answer.headers["x-model-digest"] == stored(version).digest
    assert "x-model-digest" not in client().get("/v1/models/cars/card?version=7").headers


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("dogs/card", 404),
        ("cars/card?version=7", 404),
        ("cars/card?version=x", 400),
        ("cars/card?version=latest", 400),
        ("cars/card?version=" + "9" * 5000, 400),
        ("cars/card?version=\u0661", 400),
    ],
)
def test_a_card_that_is_not_there_is_told(client: Callable[..., AsgiClient], path: str, code: int) -> None:
    answer = client().get(f"/v1/models/{path}")
    assert answer.status_code == code
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("host", "token", "offered", "code"),
    [
        ("127.0.0.1", "", "", 202),
        ("::1", "", "", 202),
        ("10.0.0.7", "", "", 403),
        ("10.0.0.7", "", "Bearer ", 403),
        ("10.0.0.7", "secret", "Bearer secret", 202),
        ("10.0.0.7", "secret", "", 403),
        ("10.0.0.7", "secret", "Bearer wrong\u00e9", 401),
        ("127.0.0.1", "secret", "Bearer wrong", 401),
        ("127.0.0.1", "", "Bearer wrong", 401),
    ],
)
def test_a_sync_may_be_asked_for_from_here_or_with_the_token(
    client: Callable[..., AsgiClient], host: str, token: str, offered: str, code: int
) -> None:
    looks: list[None] = []
    answer = client((host, 1), token, looks).post("/v1/sync", authorization=offered)
    assert answer.status_code == code
    assert len(looks) == (1 if code == 202 else 0)


def test_who_asks_for_a_sync_with_the_operators_token_is_remembered(
    posted: Posted, volume: Volume, clock: HandClock, logged: LogLines
) -> None:
    noted: list[HistoryEntry] = []
    looks: list[None] = []

    def look() -> None:
        looks.append(None)

    operator = OperatorApi(
        "of an operator", MemoryStore(), Requests(), look, noted.append, posted, clock, print
    )
    app = HttpApi(volume, Metrics().registry, "of a webhook", operator, ClientReports()).app()
    sent = {"authorization": "Bearer of an operator", "content_type": "application/json"}

    def ask(body: bytes) -> int:
        return AsgiClient(app, _LOOPBACK).ask("POST", "/v1/sync", body, **sent).status_code

    assert [ask(body) for body in (b"", b'{"by": " "}', b'{"by": "Anna", "model": "m"}')] == [400] * 3
    assert (noted, looks) == ([], [])
    assert ask(b'{"by": "Anna"}') == 202
    assert [(entry.event, entry.model, entry.by) for entry in noted] == [(Event.SYNC, "", "Anna")]
    assert looks == [None]
    assert [line["by"] for line in logged.of("operator_sync")] == ["Anna"]


def test_no_page_of_a_browser_may_ask_for_a_sync(client: Callable[..., AsgiClient]) -> None:
    looks: list[None] = []
    asked = client(looks=looks).ask("POST", "/v1/sync", origin="http://127.0.0.1:8081")
    assert (asked.status_code, looks) == (403, [])


def test_the_history_is_told_newest_first_and_for_one_model(
    posted: Posted, client: Callable[..., AsgiClient]
) -> None:
    posted.history = (
        HistoryEntry(1.0, Event.SERVING, "cars", "1"),
        HistoryEntry(2.0, Event.PINNED, "dogs", "2", "2 is bad", "Anna"),
        HistoryEntry(3.0, Event.RETIRED, "cars", "1"),
    )
    told = client().get("/v1/history?limit=2").json()["entries"]
    assert told[1] == {
        "at": "1970-01-01T00:00:02.000Z",
        "event": "pinned",
        "model": "dogs",
        "version": "2",
        "reason": "2 is bad",
        "by": "Anna",
    }
    assert [entry["event"] for entry in client().get("/v1/history?model=cars").json()["entries"]] == [
        "retired",
        "serving",
    ]
    for limit in ("0", "501", "x", "-1", "9" * 5000):
        assert client().get(f"/v1/history?limit={limit}").status_code == 400


_TOKEN = "of a webhook"
_REPORT = {"reporter": "gate-7", "versions": {"2": {"answered": 8, "not_sure": 3, "labels": {"bus": 5}}}}
_WATCHED = {"models": {"cars": {"watch": {"state": "watching"}}, "dogs": {"watch": None}}}


class _Site:
    def __init__(self, volume: Volume) -> None:
        self.reports = ClientReports()
        self.volume = volume

    def post(
        self, body: Any = _REPORT, model: str = "cars", host: str = "127.0.0.1", **headers: str
    ) -> Answer:
        posted, nothing = Posted(_WATCHED), print
        operator = OperatorApi("", MemoryStore(), Requests(), nothing, nothing, posted, HandClock(), nothing)
        api = HttpApi(self.volume, Metrics().registry, _TOKEN, operator, self.reports)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        client = AsgiClient(api.app(), (host, 1))
        sent = {"content_type": "application/json"} | headers
        return client.ask("POST", f"/v1/models/{model}/observations", content, **sent)


@pytest.fixture
def site(volume: Volume) -> _Site:
    return _Site(volume)


def test_a_report_replaces_the_last_one_of_the_same_client(site: _Site) -> None:
    assert site.post({"reporter": "gate-7", "versions": {"2": {"answered": 1}}}).status_code == 202
    assert site.post().status_code == 202
    assert site.reports.of("cars") == {"gate-7": {2: Answers(8, 3, labels={"bus": 5})}}


def test_who_may_ask_for_a_listing_may_report_and_nobody_else(site: _Site) -> None:
    assert site.post(host="10.0.0.7").status_code == 403
    assert site.post(host="10.0.0.7", authorization=f"Bearer {_TOKEN}").status_code == 202
    assert site.post(authorization="Bearer other").status_code == 401
    assert site.post(origin="http://evil.example").status_code == 403
    assert site.post(sec_fetch_site="cross-site", authorization=f"Bearer {_TOKEN}").status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        ({}, 400),
        (_REPORT | {"more": 1}, 400),
        ({"reporter": "x" * 65, "versions": {"2": {}}}, 400),
        ({"reporter": "x", "versions": {"2": {"answered": 1e30}}}, 400),
        (b" " * 65537, 413),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(site: _Site, body: Any, status: int) -> None:
    answer = site.post(body)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
    assert site.reports.of("cars") == {}


@pytest.mark.parametrize("model", ["dogs", "unknown"])
def test_nothing_is_kept_of_what_nobody_watches(site: _Site, model: str) -> None:
    assert site.post(model=model).status_code == 409
    assert site.reports.of(model) == {}


def test_only_so_many_clients_are_listened_to(site: _Site) -> None:
    for number in range(MOST_REPORTERS):
        assert site.post(_REPORT | {"reporter": f"camera {number}"}).status_code == 202
    assert site.post(_REPORT | {"reporter": "one more"}).status_code == 429
    assert site.post(_REPORT | {"reporter": "camera 3"}).status_code == 202
