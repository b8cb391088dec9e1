import json
from typing import Any

import pytest
from asgi_client import Answer, AsgiClient
from model_sync.loop.client_reports import ClientReports
from model_sync.status.observations_api import ObservationsApi
from model_sync.status.report import Posted
from model_sync.swap_watch.observations import MOST_REPORTERS, Answers
from starlette.applications import Starlette

_TOKEN = "of a webhook"
_REPORT = {"reporter": "gate-7", "versions": {"2": {"answered": 8, "not_sure": 3, "labels": {"bus": 5}}}}
_WATCHED = {"models": {"cars": {"watch": {"state": "watching"}}, "dogs": {"watch": None}}}


class _Site:
    def __init__(self) -> None:
        self.reports = ClientReports()

    def post(
        self, body: Any = _REPORT, model: str = "cars", host: str = "127.0.0.1", **headers: str
    ) -> Answer:
        api = ObservationsApi((_TOKEN, ""), self.reports, Posted(_WATCHED))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        client = AsgiClient(Starlette(routes=api.routes()), (host, 1))
        sent = {"content_type": "application/json"} | headers
        return client.ask("POST", f"/v1/models/{model}/observations", content, **sent)


@pytest.fixture
def site() -> _Site:
    return _Site()


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
