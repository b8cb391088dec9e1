"""What the page may have changed: who may ask, what is passed on to the sidecar, and what comes back."""

import json
from typing import Any

import pytest
import requests
from collected_logs import LogLines
from fake_kserve import FakeKServe
from page_client import PageClient

TOKEN = "a-token-of-sixteen-letters"
JSON = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
PIN = {"version": "1", "reason": "2 sees no vans", "by": "Anna"}


def ask(page: PageClient, path: str, body: Any, method: str = "POST", **headers: str) -> requests.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.request(method, page.url + path, data=content, headers=JSON | headers, timeout=10)


def accepted(server: FakeKServe, path: str) -> None:
    server.fixed_answers[path] = (202, b'{"status": "cars is pinned\\u202e"}')


def test_a_change_is_passed_on_with_the_token_and_logged_with_who(
    server: FakeKServe, page: PageClient, logged: LogLines
) -> None:
    path = "/v1/models/c%2Fd/pin"
    accepted(server, path)
    answer = ask(page, "/api/models/c%2Fd/pin", PIN, Origin=page.url)
    assert answer.status_code == 404, "a model's name has no slash"
    accepted(server, "/v1/models/cars/pin")
    answer = ask(page, "/api/models/cars/pin", PIN, Origin=page.url)
    assert (answer.status_code, answer.json()) == (202, {"status": "cars is pinned\\u202e"})
    [sent] = server.sent("/v1/models/cars/pin")
    assert (sent.method, sent.document, sent.headers["Authorization"]) == ("POST", PIN, f"Bearer {TOKEN}")
    assert "Origin" not in sent.headers, "which the sidecar takes for a page of anybody's"
    [line] = logged.of("change_passed_on")
    assert (line["by"], line["version"], line["answer"]) == ("Anna", "1", 202)
    assert TOKEN not in json.dumps(logged.lines)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/models/cars/pin", {"by": "Anna", "reason": "2 is mended"}),
        ("POST", "/release", {"by": "Anna", "model": "cars"}),
        ("POST", "/models/cars/retry", {"version": "2", "by": "Anna"}),
        ("POST", "/sync", {"by": "Anna"}),
    ],
)
def test_each_change_reaches_the_route_of_its_name(
    server: FakeKServe, page: PageClient, method: str, path: str, body: dict[str, str]
) -> None:
    accepted(server, f"/v1{path}")
    assert ask(page, f"/api{path}", body, method).status_code == 202
    [sent] = server.sent(f"/v1{path}")
    assert (sent.method, sent.document) == (method, body)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (PIN, {"Authorization": ""}, 401),
        (PIN, {"Authorization": "Basic abc"}, 401),
        (PIN, {"Authorization": "Bearer " + "x" * 2000}, 401),
        (PIN, {"Sec-Fetch-Site": "cross-site"}, 403),
        (PIN, {"Sec-Fetch-Site": "same-site"}, 403),
        (PIN, {"Origin": "http://evil.example"}, 403),
        (PIN, {"Origin": "null"}, 403),
        (PIN, {"Content-Type": "text/plain"}, 415),
        (b"{" + b" " * 5000, {}, 413),
        (b"{", {}, 400),
        (PIN | {"version": "../1"}, {}, 400),
        (PIN | {"by": " "}, {}, 400),
        (PIN | {"more": 1}, {}, 400),
        (PIN | {"reason": "x" * 301}, {}, 400),
    ],
)
def test_what_is_wrong_or_from_elsewhere_never_reaches_the_sidecar(
    server: FakeKServe, page: PageClient, body: Any, headers: dict[str, str], status: int
) -> None:
    accepted(server, "/v1/models/cars/pin")
    answer = ask(page, "/api/models/cars/pin", body, **headers)
    assert (answer.status_code, "error" in answer.json()) == (status, True)
    assert server.sent("/pin") == []


@pytest.mark.parametrize(("said", "status"), [(401, 401), (403, 403), (409, 409), (500, 502), (302, 502)])
def test_what_the_sidecar_refuses_is_told_in_its_own_words(
    server: FakeKServe, page: PageClient, said: int, status: int
) -> None:
    server.fixed_answers["/v1/models/cars/pin"] = (said, b'{"error": "cars has no version 1"}')
    answer = ask(page, "/api/models/cars/pin", PIN)
    assert (answer.status_code, answer.json()["error"]) == (status, "cars has no version 1")
