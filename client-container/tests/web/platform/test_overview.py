"""The document of the page "Models": from values, and from a sidecar and a server that answer."""

import json
import threading
from dataclasses import replace

import pytest
from car_client.output.documents import ModelDocument
from car_client.sidecar.documents import read_history
from car_client.web.platform.overview import OverviewDocument, overview
from fake_kserve import FakeKServe
from page_client import PageClient
from platform_values import seen, serving, status_body, version

SERVED: ModelDocument = {"name": "cars", "versions": {"1": "AVAILABLE"}, "usable": False, "reason": "odd"}


def document(*served: ModelDocument, **facts: object) -> OverviewDocument:
    models = {"cars": serving("1", beside=(version("2", "downloading", progress=0.5),))}
    return overview(seen(models, **facts), [], {}, list(served))


def test_versions_come_newest_first_with_all_that_is_known_of_them() -> None:
    [cars] = document()["models"]
    assert (cars["serving"], [row["version"] for row in cars["versions"]]) == ([1], ["2", "1"])
    assert cars["versions"][0] == {
        "version": "2",
        "local_version": None,
        "state": "downloading",
        "reason": "",
        "bytes": 10,
        "files": 2,
        "since": "2026-11-30T10:41:07+00:00",
        "removal": None,
        "progress": 0.5,
        "proofs": [],
    }


def test_a_model_that_this_client_cannot_use_says_why() -> None:
    assert document(SERVED)["models"][0]["trouble"] == "odd"


def test_a_model_that_only_the_server_knows_is_shown_with_the_servers_states() -> None:
    other: ModelDocument = {"name": "other", "versions": {"3": "LOADING", "2": "AVAILABLE"}, "usable": False}
    found = document(other)["models"][1]
    assert (found["name"], found["serving"]) == ("other", [2])
    assert [(row["version"], row["state"]) for row in found["versions"]] == [
        ("2", "serving"),
        ("3", "loading"),
    ]


def test_the_last_changes_come_newest_first_with_what_was_mended() -> None:
    mended = {"at": "2026-11-30T11:00:00Z", "what": "file", "sentence": "a changed file was put right"}
    changes = document(mended=[mended])["timeline"]
    assert [change["what"] for change in changes] == ["mended", "serving", "downloading"]
    assert changes[0]["sentence"] == "a changed file was put right"


def test_a_history_takes_the_place_of_what_the_status_tells_and_says_who() -> None:
    entry = {
        "at": "2026-11-30T12:00:00Z",
        "event": "rolled_back",
        "model": "cars",
        "version": "1",
        "by": "Anna",
    }
    history = read_history(json.dumps({"entries": [entry]}).encode())
    [change] = overview(replace(seen(), history=history), [], {}, [])["timeline"]
    assert change == {
        "time": "2026-11-30T12:00:00+00:00",
        "what": "rolled back",
        "sentence": "",
        "model": "cars",
        "version": "1",
        "by": "Anna",
    }
    assert read_history(b"<html>") is None


def test_whether_changes_are_taken_is_told_or_how_to_switch_them_on() -> None:
    assert document(changes={"allowed": True, "how": None})["changes"]["allowed"] is True
    off = document(changes={"allowed": False, "how": "set MODEL_SYNC_API_TOKEN"})["changes"]
    assert off == {"allowed": False, "how": "set MODEL_SYNC_API_TOKEN"}
    away = overview(replace(seen(), error="gone"), [], {}, [])["changes"]
    assert (away["allowed"], "cannot be asked now" in away["how"]) == (False, True)


def test_while_the_sidecar_is_away_what_it_said_last_is_shown_as_that() -> None:
    assert document()["current"] is True
    away = overview(replace(seen(), error="gone"), [], {}, [])
    assert (away["current"], away["models"][0]["name"]) == (False, "cars")


@pytest.mark.usefixtures("served")
def test_the_page_gets_it_and_is_told_when_it_changes(server: FakeKServe, page: PageClient) -> None:
    server.fixed_answers["/v1/status"] = (200, status_body({"a": serving("1")}))
    told = threading.Event()
    page.gateway.platform._on_change = told.set
    page.gateway.platform.look()
    assert told.is_set()
    found = page.get("/api/platform").json()
    assert [place["state"] for place in found["line"]] == ["up", "up", "up", "up"]
    assert all(place["since"] for place in found["line"])
    assert found["models"][0]["card"]["labels"] == 3
    told.clear()
    page.gateway.platform.look()
    assert not told.is_set()
