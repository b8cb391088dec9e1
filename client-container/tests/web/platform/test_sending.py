"""Versions sent from the page: passed on as they come, and nothing of them kept or believed."""

import socket
from urllib.parse import urlsplit

import pytest
import requests
from eventually import wait_until
from fake_kserve import FakeKServe
from page_client import PageClient

TOKEN = "a-token-of-sixteen-letters"
ZIP = {"Content-Type": "application/zip", "Authorization": f"Bearer {TOKEN}"}
BODY = b'{"stands": "for a zip"}' + b" " * 200_000
ASKED = "model=cars&by=Anna"
TOLD = "/v1/uploads?by=Anna&model=cars&version=next"


@pytest.fixture
def sidecar(server: FakeKServe) -> FakeKServe:
    server.fixed_answers["/v1/token"] = (202, b'{"status": "the token is right"}')
    server.fixed_answers[TOLD] = (202, b'{"status": "cars version 2 is in the bucket\\u202e"}')
    return server


def send(page: PageClient, asked: str = ASKED, **headers: str) -> requests.Response:
    return requests.post(f"{page.url}/api/uploads?{asked}", data=BODY, headers=ZIP | headers, timeout=10)


def test_a_version_is_passed_on_with_who_sends_it(sidecar: FakeKServe, page: PageClient) -> None:
    answer = send(page, Origin=page.url)
    assert (answer.status_code, answer.json()) == (202, {"status": "cars version 2 is in the bucket\\u202e"})
    [sent] = sidecar.sent(TOLD)
    assert sent.document == {"stands": "for a zip"}
    assert (sent.headers["Authorization"], sent.headers["Content-Type"]) == tuple(reversed(ZIP.values()))
    assert sent.headers["Content-Length"] == str(len(BODY))
    assert "Origin" not in sent.headers


@pytest.mark.parametrize(
    ("asked", "headers", "status"),
    [
        (ASKED, {"Authorization": ""}, 401),
        (ASKED, {"Sec-Fetch-Site": "cross-site"}, 403),
        (ASKED, {"Origin": "http://evil.example"}, 403),
        (ASKED, {"Content-Type": "text/plain"}, 415),
        ("model=cars", {}, 400),
        ("model=../x&by=Anna", {}, 400),
        ("model=cars&by=Anna&version=1/2", {}, 400),
        ("model=cars&by=Anna&more=1", {}, 400),
    ],
)
def test_what_is_wrong_or_from_elsewhere_never_reaches_the_sidecar(
    sidecar: FakeKServe, page: PageClient, asked: str, headers: dict[str, str], status: int
) -> None:
    answer = send(page, asked, **headers)
    assert (answer.status_code, "error" in answer.json()) == (status, True)
    assert sidecar.sent(TOLD) == []


def begin(page: PageClient, announced: int) -> socket.socket:
    place = urlsplit(page.url)
    caller = socket.create_connection((place.hostname, place.port or 0), timeout=10)
    lines = [f"POST /api/uploads?{ASKED} HTTP/1.1", f"Host: {place.netloc}", f"Content-Length: {announced}"]
    lines += [f"{name}: {value}" for name, value in ZIP.items()]
    caller.sendall("\r\n".join([*lines, "", ""]).encode() + b"x" * 10)
    return caller


def test_what_is_too_large_is_not_read(page: PageClient) -> None:
    with begin(page, 2**31 + 1) as caller:
        assert caller.recv(100).startswith(b"HTTP/1.1 413")


def test_what_the_sidecar_refuses_is_told_in_its_own_words(sidecar: FakeKServe, page: PageClient) -> None:
    sidecar.fixed_answers[TOLD] = (400, b'{"error": "it is no zip"}')
    assert (send(page).status_code, send(page).json()["error"]) == (400, "it is no zip")
    sidecar.fixed_answers["/v1/token"] = (401, b'{"error": "not the token"}')
    before = len(sidecar.sent(TOLD))
    assert (send(page).status_code, len(sidecar.sent(TOLD))) == (401, before)


def test_one_that_breaks_off_breaks_off_at_the_sidecar_and_makes_room_for_the_next(
    sidecar: FakeKServe, page: PageClient
) -> None:
    with begin(page, 1000):
        wait_until(lambda: sidecar.sent("/v1/token"))
        assert send(page).status_code == 409
    wait_until(lambda: send(page).status_code == 202)
    assert len(sidecar.sent(TOLD)) == 1
