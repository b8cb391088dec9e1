import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgi_client import Answer, AsgiClient
from collected_logs import LogLines
from edge_common.errors import FatalError, RetryableError
from hand_clock import HandClock
from memory_store import MemoryStore
from model_snapshots import upload, upload_object
from model_sync.bucket.catalog import Catalog, ListedModel
from model_sync.bucket.pins import parse_pin
from model_sync.loop.wakeup import Requests
from model_sync.planning.history import Event, HistoryEntry
from model_sync.status.operator_api import OperatorApi
from model_sync.status.report import Posted
from model_sync.volume.kept_files import Handed
from starlette.applications import Starlette

_TOKEN = "a secret of an operator"
_LOOSE = {"pin.yaml": upload_object("pin.yaml")._replace(key="m/pin.yaml")}
_VERSIONS = {version: upload(version) for version in ("1", "2", "3")}
_ROWS = [("1", "previous", ""), ("2", "serving", ""), ("3", "rejected", "it is broken")]
_DOCUMENT = {
    "role": "writer",
    "models": {
        "m": {
            "pin": {"version": "1"},
            "versions": [{"source": a, "state": b, "reason": c} for a, b, c in _ROWS],
        }
    },
}


class _Bucket(MemoryStore):
    refusal: Exception | None = None

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        super().put_small(key, content, content_type)

    def remove(self, key: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        super().remove(key)


@dataclass
class _Site:
    token: str = _TOKEN
    bucket: _Bucket = field(default_factory=_Bucket)
    requests: Requests = field(default_factory=Requests)
    looks: list[None] = field(default_factory=list)
    noted: list[HistoryEntry] = field(default_factory=list)
    handed: list[Handed] = field(default_factory=list)
    volume_error: OSError | None = None
    posted: Posted = field(
        default_factory=lambda: Posted(_DOCUMENT, catalog=Catalog({"m": ListedModel("m", _VERSIONS, _LOOSE)}))
    )

    @property
    def api(self) -> OperatorApi:
        return OperatorApi(
            self.token,
            self.bucket,
            self.requests,
            lambda: self.looks.append(None),
            self.noted.append,
            self.posted,
            HandClock(),
            self._hand_over,
        )

    def _hand_over(self, handed: Handed) -> None:
        if self.volume_error is not None:
            raise self.volume_error
        self.handed.append(handed)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = {"authorization": f"Bearer {_TOKEN}", "content_type": "application/json"} | headers
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return AsgiClient(Starlette(routes=self.api.routes()), ("10.0.0.7", 1)).ask(
            method, path, content, **sent
        )


@pytest.fixture
def site() -> _Site:
    return _Site()


def test_a_pin_is_written_beside_the_model_and_remembered_with_its_name(site: _Site) -> None:
    answer = site.ask("POST", "/v1/models/m/pin", {"version": 1, "reason": "2 is bad", "by": "Anna"})
    assert (answer.status_code, answer.json()["status"].split(";")[0]) == (202, "m is pinned to 1")
    pin = parse_pin(site.bucket.objects["m/pin.yaml"].content)
    assert (pin.version, pin.reason, pin.by) == ("1", "2 is bad", "Anna")
    assert pin.at
    (entry,) = site.noted
    assert (entry.event, entry.model, entry.version, entry.by) == (Event.PINNED, "m", "1", "Anna")
    assert site.looks == [None]


def test_a_pin_is_removed(site: _Site) -> None:
    site.bucket.put("m/pin.yaml", b"version: 1")
    assert site.ask("DELETE", "/v1/models/m/pin", {"by": "Ben"}).status_code == 202
    assert not site.bucket.objects
    assert [(entry.event, entry.by) for entry in site.noted] == [(Event.UNPINNED, "Ben")]


def test_two_operators_are_both_remembered_and_the_last_pin_is_there(site: _Site) -> None:
    for version, by in ((1, "Anna"), (2, "Ben")):
        site.ask("POST", "/v1/models/m/pin", {"version": version, "by": by})
    assert parse_pin(site.bucket.objects["m/pin.yaml"].content).by == "Ben"
    assert [entry.by for entry in site.noted] == ["Anna", "Ben"]


def test_why_a_pin_is_removed_is_remembered(site: _Site) -> None:
    site.bucket.put("m/pin.yaml", b"version: 1")
    asked = {"by": "Ben", "reason": "3 is mended"}
    assert site.ask("DELETE", "/v1/models/m/pin", asked | {"reason": "x" * 301}).status_code == 400
    assert site.ask("DELETE", "/v1/models/m/pin", asked | {"reason": "\x1b[31m"}).status_code == 400
    assert site.ask("DELETE", "/v1/models/m/pin", asked).status_code == 202
    assert [(entry.reason, entry.by) for entry in site.noted] == [("3 is mended", "Ben")]


@pytest.mark.parametrize(
    ("path", "body", "event"),
    [
        ("/v1/models/m/retry", {"version": "3", "by": "Anna"}, Event.RETRY),
        ("/v1/release", {"by": "Anna"}, Event.RELEASE),
        ("/v1/release", {"model": "m", "by": "Anna"}, Event.RELEASE),
    ],
)
def test_a_retry_and_a_release_are_asked_of_the_loop(
    site: _Site, path: str, body: dict[str, str], event: Event
) -> None:
    assert site.ask("POST", path, body).status_code == 202
    assert [entry.event for entry in site.noted] == [event]


@pytest.mark.parametrize(
    ("method", "path", "body", "event"),
    [
        ("POST", "/v1/models/m/pin", {"version": 2, "reason": "3 is bad"}, Event.PINNED),
        ("DELETE", "/v1/models/m/pin", {"reason": "it is mended"}, Event.UNPINNED),
        ("POST", "/v1/models/m/retry", {"version": "3"}, Event.RETRY),
        ("POST", "/v1/release", {"model": "m"}, Event.RELEASE),
    ],
)
def test_a_pod_that_follows_passes_on_what_the_one_that_writes_then_does(
    site: _Site, method: str, path: str, body: dict[str, Any], event: Event
) -> None:
    site.bucket.put("m/pin.yaml", b"version: 1")
    site.posted.document = {**_DOCUMENT, "role": "follower"}
    answer = site.ask(method, path, body | {"by": "Anna"})
    assert (answer.status_code, site.noted) == (202, [])
    assert "passed on to the pod that writes" in answer.json()["status"]
    assert site.ask("POST", "/v1/token", {"by": "Anna"}).json()["status"] == "the token is right"
    site.posted.document = _DOCUMENT
    (handed,) = site.handed
    site.api.carry_out(handed)
    assert [(entry.event, entry.by) for entry in site.noted] == [(event, "Anna")]


def test_what_cannot_be_passed_on_is_said_and_what_was_is_refused_in_the_log(
    site: _Site, logged: LogLines
) -> None:
    site.posted.document = {**_DOCUMENT, "role": "follower"}
    site.volume_error = OSError(28, "No space left on device")
    answer = site.ask("POST", "/v1/release", {"by": "Anna"})
    assert (answer.status_code, site.handed) == (503, [])
    assert "cannot write to the volume" in answer.json()["error"]
    site.posted.document = _DOCUMENT
    site.api.carry_out(Handed("retry", "m", {"version": "2"}, "Anna", 0.0))
    site.api.carry_out(Handed("pin", "m", {"odd": "2"}, "Anna", 0.0))
    assert [line["change"] for line in logged.of("operator_refused")] == ["retry", "pin"]
    assert site.noted == []


def test_who_has_the_token_is_told_so_and_nothing_changes(site: _Site) -> None:
    assert site.ask("POST", "/v1/token", {"by": "Anna"}).status_code == 202
    assert site.ask("POST", "/v1/token", {"by": "Anna"}, authorization="Bearer wrong").status_code == 401
    assert not site.noted


_ASKED = {"version": "1", "by": "Anna"}


@pytest.mark.parametrize(
    ("changed", "headers", "code", "said"),
    [
        ({}, {"authorization": "Bearer wrong"}, 401, "MODEL_SYNC_API_TOKEN"),
        ({}, {"authorization": ""}, 401, "MODEL_SYNC_API_TOKEN"),
        ({}, {"authorization": f"Bearer {_TOKEN}\xe9"}, 401, "MODEL_SYNC_API_TOKEN"),
        ({}, {"origin": "http://evil.example"}, 403, "no page in a browser"),
        ({}, {"sec_fetch_site": "same-origin"}, 403, "no page in a browser"),
        ({}, {"content_type": "text/plain"}, 415, "application/json"),
        ({"by": ""}, {}, 400, "say who asks"),
        ({"by": "x" * 101}, {}, 400, "say who asks"),
        ({"by": ["Anna"]}, {}, 400, "say who asks"),
        ({"by": "A\x1b[31m"}, {}, 400, "control"),
        ({"version": "v1"}, {}, 400, "is no version"),
        ({"version": None}, {}, 400, "is no version"),
        ({"reason": "x" * 301}, {}, 400, "'reason'"),
        ({"force": True}, {}, 400, "unknown key 'force'"),
        ({"version": "7"}, {}, 409, "no version 7"),
        ({"version": "3"}, {}, 409, "is rejected: it is broken"),
        ({"reason": "x" * 5000}, {}, 413, "4096 bytes"),
    ],
)
def test_what_is_not_allowed_or_not_understood_changes_nothing(
    site: _Site, changed: dict[str, Any], headers: dict[str, str], code: int, said: str
) -> None:
    answer = site.ask("POST", "/v1/models/m/pin", _ASKED | changed, **headers)
    assert (answer.status_code, said in answer.json()["error"]) == (code, True)
    assert not site.bucket.objects
    assert not site.noted


@pytest.mark.parametrize("body", [b"{", b"[1]", b"[" * 4000, b"\xff"])
def test_a_body_that_is_no_object_is_refused(site: _Site, body: bytes) -> None:
    assert site.ask("POST", "/v1/models/m/pin", body).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/v1/models/dogs/pin", _ASKED, 404),
        ("DELETE", "/v1/models/dogs/pin", {"by": "A"}, 404),
        ("POST", "/v1/models/m/retry", {"version": "7", "by": "A"}, 404),
        ("POST", "/v1/models/m/retry", {"version": "2", "by": "A"}, 409),
        ("POST", "/v1/release", {"model": "dogs", "by": "A"}, 404),
        ("POST", "/v1/release", {"modle": "m", "by": "A"}, 400),
    ],
)
def test_what_is_not_there_is_told(
    site: _Site, method: str, path: str, body: dict[str, str], code: int
) -> None:
    assert site.ask(method, path, body).status_code == code
    assert not site.noted


def test_without_a_token_changes_are_off_and_the_answer_says_how_to_switch_them_on() -> None:
    off = _Site(token="")
    answer = off.ask("POST", "/v1/models/m/pin", _ASKED)
    assert (answer.status_code, "set MODEL_SYNC_API_TOKEN" in answer.json()["error"]) == (403, True)


@pytest.mark.parametrize(
    ("refusal", "code", "said"),
    [
        (FatalError("cannot write 'm/pin.yaml': AccessDenied"), 403, "need s3:PutObject and s3:DeleteObject"),
        (RetryableError("the store is away"), 503, "the store is away"),
    ],
)
def test_what_the_store_refuses_is_told_and_not_remembered(
    site: _Site, refusal: Exception, code: int, said: str
) -> None:
    site.bucket.refusal = refusal
    for method in ("POST", "DELETE"):
        answer = site.ask(method, "/v1/models/m/pin", _ASKED if method == "POST" else {"by": "Anna"})
        assert (answer.status_code, said in answer.json()["error"]) == (code, True)
    assert not site.noted


def test_a_pin_that_is_not_there_cannot_be_removed(site: _Site) -> None:
    site.posted.catalog = Catalog({"m": ListedModel("m", _VERSIONS, {})})
    assert site.ask("DELETE", "/v1/models/m/pin", {"by": "Anna"}).status_code == 409
