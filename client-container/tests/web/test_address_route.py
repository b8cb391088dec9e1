"""`POST /api/classify-address`: what the client fetches for its page, and what it refuses to."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from made_pictures import jpeg
from page_client import PageClient
from picture_server import PictureServer

RED = jpeg("red")


@pytest.fixture
def camera() -> Iterator[PictureServer]:
    with PictureServer(RED) as running:
        yield running


def ask(page: PageClient, body: Any, **headers: str) -> requests.Response:
    return requests.post(f"{page.url}/api/classify-address", json=body, headers=headers, timeout=20)


@pytest.mark.usefixtures("served")
def test_an_address_is_fetched_only_when_the_setting_allows_it(
    page: PageClient, camera: PictureServer
) -> None:
    address = {"address": camera.url.replace("//", "//u:secret@") + "/still", "models": ["a"], "top_k": 1}
    refused = ask(page, address)
    assert (refused.status_code, "CAR_CLIENT_PAGE_ADDRESSES allows it" in refused.json()["error"]) == (
        403,
        True,
    )
    assert page.get("/api/models").json()["limits"]["addresses"] == "off"
    page.gateway.addresses = "public"
    private = ask(page, address)
    assert (private.status_code, "127.0.0.1 is no public address" in private.json()["error"]) == (422, True)
    page.gateway.addresses = "any"
    document = ask(page, address).json()
    [result] = document["results"]
    assert (document["image"], result["top1"], len(result["predictions"])) == (
        f"{camera.url}/still",
        "red",
        1,
    )
    assert requests.get(page.url + document["thumbnail"], timeout=10).headers["Content-Type"] == "image/jpeg"


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"address": "file:///etc/passwd"}, 400, "must begin with http"),
        ({"address": "http://127.0.0.1:9/a.jpg"}, 422, "http://127.0.0.1:9/a.jpg gives no picture: "),
        ({"address": 3}, 400, "address: "),
        ({"adress": "http://a"}, 400, "address: Field required"),
        ({"address": "http://a/" + "x" * 3000}, 400, "at most 2000 characters"),
        ("x" * 20_000, 413, "name one address"),
    ],
)
def test_what_cannot_be_fetched_is_told(page: PageClient, body: Any, status: int, sentence: str) -> None:
    page.gateway.addresses = "any"
    answer = ask(page, body)
    assert (answer.status_code, sentence in answer.json()["error"]) == (status, True)


@pytest.mark.usefixtures("served")
def test_pages_of_other_sites_may_not_have_addresses_fetched(page: PageClient, camera: PictureServer) -> None:
    page.gateway.addresses = "any"
    body = {"address": f"{camera.url}/still"}
    assert ask(page, body, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert ask(page, body, **{"Content-Type": "text/plain"}).status_code == 415


@pytest.mark.usefixtures("served")
def test_an_address_without_a_picture_is_no_picture(page: PageClient, camera: PictureServer) -> None:
    page.gateway.addresses = "any"
    camera.picture = b"<html>sign in</html>"
    answer = ask(page, {"address": f"{camera.url}/still"})
    assert (answer.status_code, "is an HTML page" in answer.json()["error"]) == (415, True)
