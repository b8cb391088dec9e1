"""The document of the page "Models": from values, and from a sidecar and a server that answer."""

import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from car_client.output.documents import ModelDocument
from car_client.sidecar.documents import read_history
from car_client.web.platform.overview import OverviewDocument, overview, proofs
from fake_kserve import FakeKServe
from page_client import PageClient
from platform_values import seen, serving, status, status_body, version

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


DIGEST = f"sha256:{'a' * 64}"
SIGNED = {"signer": "sha256:b", "key": "team.pem"}


def said(**facts: Any) -> list[str]:
    told = status({"cars": {"serving": [1], "versions": [version("1", "serving", **facts)]}})
    return proofs(told.models["cars"].versions[0])


def test_a_sidecar_that_tells_nothing_of_it_leaves_nothing_to_say() -> None:
    assert said() == []
    assert said(digest=None, signature=None, acceptance=None, provenance=None) == []


def test_all_of_it_is_told_in_a_line_each() -> None:
    acceptance = {"sentence": "top-1 13 of 14", "pictures": 14}
    origin = {"registry": "mlflow", "name": "cars", "version": "7", "run": "abc"}
    assert said(digest=DIGEST, signature=SIGNED, acceptance=acceptance, provenance=origin) == [
        f"Digest {DIGEST}",
        "Signed by sha256:b, trusted by team.pem",
        "Acceptance: top-1 13 of 14",
        "Says it comes from mlflow: cars version 7, run abc",
    ]


@pytest.mark.parametrize(
    ("signature", "line"),
    [
        ("not signed", "not signed"),
        (SIGNED | {"problem": "the key is gone"}, "Signed by sha256:b, trusted by team.pem; the key is gone"),
        ("\x1b[31m", "\\x1b[31m"),
    ],
)
def test_what_is_to_be_said_of_a_signature_is_said(signature: Any, line: str) -> None:
    assert said(signature=signature) == [line]
