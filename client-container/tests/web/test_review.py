"""Pictures sent to review from the page: who may, what is answered, and what the store holds then."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from car_client.pipeline.classifier import Classification
from car_client.pipeline.scores import Prediction, Verdict
from car_client.review.bucket import ReviewBucket
from car_client.s3_address import S3Address
from car_client.settings import Transport
from car_client.web.app import create_app
from collected_logs import LogLines
from edge_common.http_server import ThreadedHttpServer
from edge_common.pictures.decode import PictureLimits, decode_picture
from fake_kserve import FakeKServe
from made_pictures import jpeg
from minio import Minio
from page_client import PageClient
from review_values import HOSTILE

HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer a-token-of-sixteen-letters"}


@pytest.fixture
def reviewed(page: PageClient, served: FakeKServe, store: Minio, tmp_path: Path) -> Iterator[PageClient]:
    """The page with a place for reviews, a sidecar that takes the token, and a picture at a camera."""
    served.fixed_answers["/v1/token"] = (202, b'{"status": "the token is right"}')
    page.gateway.review = ReviewBucket(store, S3Address("pictures", f"{tmp_path.name}/"), max_bytes=100_000)
    picture = decode_picture(HOSTILE, jpeg("red"), PictureLimits(max_bytes=100_000, max_pixels=100_000))
    verdict = Verdict((Prediction(0, HOSTILE, 0.4),), sure=False)
    result = Classification(HOSTILE, "a", 3, verdict, Transport.TENSOR, 0.001, 0.002, 0.003)
    page.gateway.sources[0].answered(picture, result)
    with ThreadedHttpServer(create_app(page.gateway), host="127.0.0.1", port=0) as http:
        yield PageClient(page.gateway, f"http://127.0.0.1:{http.port}")


def ask(page: PageClient, method: str, path: str, body: Any, **headers: str) -> requests.Response:
    return requests.request(
        method, page.url + path, data=json.dumps(body), headers=HEADERS | headers, timeout=10
    )


def test_the_last_picture_of_a_camera_is_sent_labelled_and_listed(
    reviewed: PageClient, served: FakeKServe, logged: LogLines
) -> None:
    sent = ask(reviewed, "POST", "/api/cameras/0/review", {"by": HOSTILE})
    assert sent.status_code == 200
    [asked] = served.sent("/v1/token")
    assert asked.headers["Authorization"] == HEADERS["Authorization"]
    item = sent.json()
    assert reviewed.get(item["picture"]).content == jpeg("red"), "the whole picture, as it came"
    assert (item["source"], item["label"]) == ("gate", None)
    [answer] = item["answers"]
    assert (answer["model"], answer["version"], answer["sure"]) == ("a", 3, False)
    labelled = ask(reviewed, "PUT", f"/api/review/{item['id']}", {"label": "red van", "by": "Ben"})
    assert labelled.json() == item | {"label": "red van", "by": "Ben"}
    document = reviewed.get("/api/review").json()
    assert (document["on"], document["count"], document["items"]) == (True, 1, [labelled.json()])
    texts = [item["image"], item["by"], answer["label"]]
    assert all(text.isprintable() for text in texts), "no terminal obeys any of it"
    assert [line["label"] for line in logged.of("review_labelled")] == ["red van"]
    assert logged.of("review_sent")[0]["by"].isprintable()


@pytest.mark.parametrize(
    ("request_line", "body", "headers", "status"),
    [
        ("POST /api/cameras/0/review", {"by": "Anna"}, {"Authorization": ""}, 401),
        ("POST /api/cameras/0/review", {"by": "Anna"}, {"Origin": "http://evil.example"}, 403),
        ("POST /api/cameras/0/review", {"by": "Anna"}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST /api/cameras/0/review", {"by": "Anna"}, {"Content-Type": "text/plain"}, 415),
        ("POST /api/cameras/0/review", {"by": ""}, {}, 400),
        ("POST /api/cameras/1/review", {"by": "Anna"}, {}, 404),
        ("POST /api/cameras/7/review", {"by": "Anna"}, {}, 404),
        (f"PUT /api/review/2026-11-30/{'0' * 64}", {"by": "Anna", "label": "van"}, {}, 404),
        ("PUT /api/review/2026-11-30/..%2fx", {"by": "Anna", "label": "van"}, {}, 404),
        (f"PUT /api/review/2026-11-30/{'0' * 64}", {"by": "Anna", "label": "=1+1"}, {}, 400),
        (f"PUT /api/review/2026-11-30/{'0' * 64}", {"by": "Anna", "label": "x" * 201}, {}, 400),
        (f"PUT /api/review/2026-11-30/{'0' * 64}", {"by": "Anna"}, {}, 400),
        (f"PUT /api/review/2026-11-30/{'0' * 64}", {"by": "Anna", "label": "v"}, {"Origin": "null"}, 403),
        (f"GET /api/review/2026-11-30/{'0' * 64}.jpg", None, {}, 404),
        ("GET /api/review/2026-11-30/x.jpg", None, {}, 404),
    ],
)
def test_what_is_not_allowed_or_not_there_writes_nothing(
    reviewed: PageClient, request_line: str, body: Any, headers: dict[str, str], status: int
) -> None:
    method, path = request_line.split()
    answer = ask(reviewed, method, path, body, **headers)
    assert (answer.status_code, "error" in answer.json()) == (status, True)
    assert reviewed.get("/api/review").json()["count"] == 0


def test_a_wrong_token_a_sidecar_without_one_and_a_store_that_is_away_are_told(
    reviewed: PageClient, served: FakeKServe, store: Minio
) -> None:
    for said in (401, 403):
        served.fixed_answers["/v1/token"] = (said, b'{"error": "set MODEL_SYNC_API_TOKEN"}')
        answer = ask(reviewed, "POST", "/api/cameras/0/review", {"by": "Anna"})
        assert (answer.status_code, answer.json()["error"]) == (said, "set MODEL_SYNC_API_TOKEN")
    assert reviewed.get("/api/review").json()["count"] == 0
    reviewed.gateway.review = ReviewBucket(store, S3Address("none", ""), max_bytes=1)
    with ThreadedHttpServer(create_app(reviewed.gateway), host="127.0.0.1", port=0) as http:
        answer = requests.get(f"http://127.0.0.1:{http.port}/api/review", timeout=10)
    assert (answer.status_code, "s3://none/ cannot be used" in answer.json()["error"]) == (503, True)


def test_without_a_place_it_is_off_and_says_how_to_switch_it_on(page: PageClient) -> None:
    document = page.get("/api/review").json()
    assert (document["on"], document["items"], "CAR_CLIENT_REVIEW" in document["how"]) == (False, [], True)
    answer = ask(page, "POST", "/api/cameras/0/review", {"by": "Anna"})
    assert (answer.status_code, "CAR_CLIENT_REVIEW" in answer.json()["error"]) == (404, True)
