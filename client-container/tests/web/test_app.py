"""The web interface as programs see it: a real HTTP server in front of a fake model server."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from car_client.following import ModelFollower
from car_client.inference.side_by_side import SideBySide
from car_client.recent import RecentInferences
from car_client.session import Session
from car_client.settings import load_settings
from car_client.web.app import create_app
from car_client.web.broadcast import Broadcast
from car_client.web.gateway import MOST_UPLOADS, Gateway
from edge_common.http_server import ThreadedHttpServer
from edge_common.pictures.decode import PictureLimits
from eventually import wait_until
from fake_kserve import FakeKServe, FakeModel
from made_pictures import encoded, jpeg, plain
from openapi_spec_validator import validate

CARD = {"schema": 1, "input": {"color": "BGR"}, "output": {"labels": ["blue", "green", "red"]}}
LIMITS = PictureLimits(max_bytes=200_000, max_pixels=50_000)
RED = jpeg("red")


class Page:
    """The API of a running client."""

    def __init__(self, gateway: Gateway, url: str) -> None:
        self.gateway = gateway
        self.url = url

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=10, **options)

    def post(self, path: str = "/api/classify", **options: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=10, **options)

    def send(self, content: bytes, query: str = "", kind: str = "image/jpeg") -> requests.Response:
        return self.post(f"/api/classify?name=p.jpg{query}", data=content, headers={"Content-Type": kind})


@pytest.fixture
def page(server: FakeKServe) -> Iterator[Page]:
    session = Session(load_settings(server_url=server.url, sidecar_url=server.url))
    broadcast = Broadcast()
    models = SideBySide(session.classifier, at_once=2)
    gateway = Gateway(
        server_url=server.url,
        follower=ModelFollower(
            session.discovery, on_change=lambda _view: broadcast.publish("models", {"changed": True})
        ),
        models=models,
        limits=LIMITS,
        metrics=session.metrics,
        recent=RecentInferences(at_most=3, on_new=lambda document: broadcast.publish("inference", document)),
        broadcast=broadcast,
        alive_within=30,
    )
    with ThreadedHttpServer(create_app(gateway), host="127.0.0.1", port=0) as http:
        yield Page(gateway, f"http://127.0.0.1:{http.port}")
        broadcast.close()
        models.close()


@pytest.fixture
def served(server: FakeKServe, page: Page) -> FakeKServe:
    server.models = {"a": FakeModel(), "b": FakeModel(shape=(-1, 3, 8, 8), datatype="FP32")}
    server.cards = {"a": CARD, "b": CARD}
    page.gateway.follower.refresh()
    return server


@pytest.mark.usefixtures("served")
def test_a_picture_in_the_body_is_answered_by_every_model(page: Page) -> None:
    answer = page.send(RED)
    assert answer.status_code == 200
    document = answer.json()
    assert (document["image"], document["width"], document["height"]) == ("p.jpg", 16, 12)
    assert [(result["model"], result["top1"]) for result in document["results"]] == [
        ("a", "red"),
        ("b", "red"),
    ]
    assert document["failed"] == []
    assert set(document["results"][0]["timings_ms"]) == {"decode", "preprocess", "request"}


@pytest.mark.usefixtures("served")
def test_a_form_chooses_model_and_number_of_classes(page: Page) -> None:
    files = {"image": ("car.png", encoded(plain("blue")), "image/png")}
    document = page.post(files=files, data={"model": "b", "top_k": "2"}).json()
    [result] = document["results"]
    assert (document["image"], result["model"], result["top1"]) == ("car.png", "b", "blue")
    assert len(result["predictions"]) == 2


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"", 415, "p.jpg is empty"),
        (b"not a picture", 415, "p.jpg is not a picture"),
        (jpeg("red", size=(60, 60))[:400], 415, "p.jpg is incomplete or damaged"),
        (jpeg("red", size=(300, 300)), 413, "p.jpg has 300x300 pixels; at most 50000"),
        (b"\xff" * 200_001, 413, "more than 195.3 KiB"),
    ],
    ids=["empty", "text", "cut", "pixels", "bytes"],
)
def test_what_is_no_acceptable_picture_gets_a_4xx_with_a_sentence(
    page: Page, content: bytes, status: int, sentence: str
) -> None:
    answer = page.send(content)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("query", "kind", "status", "sentence"),
    [
        ("&model=cats", "image/jpeg", 404, "no model 'cats'; it serves: a, b"),
        ("&top_k=0", "image/jpeg", 400, "top_k is '0'"),
        ("", "text/plain", 415, "the body is said to be text/plain"),
        ("", "multipart/form-data; boundary=x", 400, "the form"),
    ],
)
def test_a_wrong_request_gets_a_4xx_with_a_sentence(
    page: Page, query: str, kind: str, status: int, sentence: str
) -> None:
    answer = page.send(RED, query, kind)
    assert (answer.status_code, sentence in answer.json()["error"]) == (status, True)


def test_a_form_without_a_file_is_refused(page: Page) -> None:
    answer = page.post(files={"model": (None, "a")})
    assert (answer.status_code, "has no file" in answer.json()["error"]) == (400, True)


def test_a_body_without_a_length_is_bounded_too(page: Page) -> None:
    answer = page.post(
        data=iter([b"\xff" * 50_000] * 5), headers={"Content-Type": "application/octet-stream"}
    )
    assert answer.status_code == 413


def test_a_model_that_is_no_classifier_is_refused_by_name(served: FakeKServe, page: Page) -> None:
    served.models["odd"] = FakeModel(shape=(1, 5, 5, 5))
    answer = page.send(RED, "&model=odd")
    assert (answer.status_code, "model odd version 1 cannot be used" in answer.json()["error"]) == (422, True)


def test_one_failing_model_harms_no_other(served: FakeKServe, page: Page) -> None:
    served.faults.append((500, "Internal inference error"))
    document = page.send(RED).json()
    assert len(document["results"]) == len(document["failed"]) == 1
    assert "Internal inference error" in document["failed"][0]["error"]


@pytest.mark.parametrize(("fault", "status"), [((500, "broken"), 502), ((400, "wrong"), 502), ("cut", 503)])
def test_a_model_server_that_fails_is_a_5xx(served: FakeKServe, page: Page, fault: Any, status: int) -> None:
    served.faults.extend([fault, fault])
    assert page.send(RED, "&model=b").status_code == status


def test_without_a_model_the_sentence_says_so(page: Page) -> None:
    answer = page.send(RED)
    assert (answer.status_code, "no model to classify with" in answer.json()["error"]) == (503, True)
    assert answer.headers["Retry-After"] == "1"


def test_more_uploads_than_can_be_held_are_told_to_come_back(page: Page) -> None:
    page.gateway.uploads = MOST_UPLOADS
    assert page.send(RED).status_code == 503


def test_the_models_are_those_of_the_last_look(served: FakeKServe, page: Page) -> None:
    document = page.get("/api/models").json()
    assert [model["name"] for model in document["models"]] == ["a", "b"]
    assert (document["reachable"], document["trouble"], document["limits"]["max_bytes"]) == (
        True,
        None,
        200_000,
    )
    served.fixed_answers["/v1/config"] = (503, b'{"error": "Server is not ready"}')
    page.gateway.follower.refresh()
    document = page.get("/api/models").json()
    assert (document["reachable"], "Server is not ready" in document["trouble"]) == (False, True)
    assert [model["name"] for model in document["models"]] == ["a", "b"]


@pytest.mark.usefixtures("served")
def test_recent_inferences_come_newest_first_with_a_small_picture(page: Page) -> None:
    for colour in ("red", "green"):
        page.send(jpeg(colour), "&model=a")
    newest, before = page.get("/api/inferences").json()["inferences"]
    assert (newest["top1"], before["top1"], newest["origin"]) == ("green", "red", "upload")
    assert newest["time"].endswith("Z")
    thumbnail = page.get(newest["thumbnail"])
    assert (thumbnail.headers["Content-Type"], thumbnail.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert len(page.get("/api/inferences?limit=1").json()["inferences"]) == 1
    assert page.get("/api/inferences?limit=0").status_code == 400


@pytest.mark.usefixtures("served")
def test_only_so_many_pictures_are_remembered(page: Page) -> None:
    for size in range(20, 25):
        page.send(jpeg("red", size=(size, size)), "&model=a")
    listed = page.get("/api/inferences").json()["inferences"]
    assert len(listed) == 3
    assert all(page.get(entry["thumbnail"]).ok for entry in listed)
    assert page.get("/api/thumbnails/unknown.jpg").status_code == 404


@pytest.mark.usefixtures("served")
def test_the_stream_tells_inferences_and_changes_of_models_as_they_happen(
    server: FakeKServe, page: Page
) -> None:
    told: list[str] = []
    connected = threading.Event()

    def listen() -> None:
        with page.get("/api/events", stream=True) as stream:
            for line in stream.iter_lines(chunk_size=1):
                connected.set()
                told.append(line.decode())

    listening = threading.Thread(target=listen)
    listening.start()
    assert connected.wait(10)
    page.send(RED, "&model=a")
    server.models["a"].versions = [2]
    page.gateway.follower.refresh()
    wait_until(lambda: "event: models" in told)
    page.gateway.broadcast.close()
    listening.join(timeout=10)
    assert not listening.is_alive()
    data = json.loads(told[told.index("event: inference") + 1].removeprefix("data: "))
    assert (data["model"], data["top1"]) == ("a", "red")


def test_health_tells_a_hanging_process_from_a_server_that_is_away(server: FakeKServe, page: Page) -> None:
    assert (page.get("/healthz").status_code, page.get("/readyz").status_code) == (503, 503)
    page.gateway.follower.refresh()
    assert (page.get("/healthz").status_code, page.get("/readyz").status_code) == (200, 200)
    server.fixed_answers["/v1/config"] = (503, b"{}")
    page.gateway.follower.refresh()
    assert (page.get("/healthz").status_code, page.get("/readyz").status_code) == (200, 200)


def test_metrics_count_what_was_asked(served: FakeKServe, page: Page) -> None:
    served.faults.append("retired")
    page.send(RED)
    page.send(b"x")
    text = page.get("/metrics").text
    assert 'inference_client_requests_total{model="a",protocol="http",result="success"} 1.0' in text
    assert 'inference_client_retries_total{reason="retired"} 1.0' in text
    assert 'inference_client_pictures_total{result="rejected"} 1.0' in text
    assert 'inference_client_models{state="usable"} 2.0' in text
    assert "inference_client_server_up 1.0" in text


def test_every_answer_forbids_what_the_page_does_not_need(page: Page) -> None:
    for path in ("/", "/docs", "/static/page.css", "/api/models", "/nothing"):
        headers = page.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("served")
def test_pages_of_other_sites_cannot_send_pictures(page: Page) -> None:
    headers = {"Content-Type": "image/jpeg", "Sec-Fetch-Site": "cross-site"}
    assert page.post(data=RED, headers=headers).status_code == 403


def test_unknown_paths_and_methods_are_json_too(page: Page) -> None:
    assert "there is nothing at /x" in page.get("/x").json()["error"]
    wrong = page.get("/api/classify")
    assert (wrong.status_code, "error" in wrong.json()) == (405, True)


def test_the_api_describes_itself_completely(page: Page) -> None:
    document = page.get("/openapi.json").json()
    validate(document)
    for path in document["paths"]:
        answer = page.get(path.replace("{key}", "none")) if path != "/api/events" else None
        assert answer is None or "there is nothing at" not in answer.text
