from collections.abc import Callable

import pytest
from asgi_client import AsgiClient
from collected_logs import LogLines
from hand_clock import HandClock
from memory_store import MemoryStore
from model_snapshots import state, stored
from model_sync.loop.requests import Requests
from model_sync.metrics import Metrics
from model_sync.planning.history import Event, HistoryEntry
from model_sync.planning.state import State
from model_sync.status.http_api import HttpApi
from model_sync.status.operator_api import OperatorApi
from model_sync.status.readiness import Readiness
from model_sync.status.report import Posted
from model_sync.volume.volume import Volume

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
            "", MemoryStore(), Requests(), lambda: None, lambda _: None, posted, clock, print
        )
        api = HttpApi(posted, volume, Metrics().registry, clock, lambda: calls.append(None), token, operator)
        return AsgiClient(api.app(), host)

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
    app = HttpApi(posted, volume, Metrics().registry, clock, look, "of a webhook", operator).app()
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
