"""What can be read: models, recent inferences, the stream, probes."""

import json
import re
import threading
from pathlib import Path

import pytest
from car_client.web.cameras import tell_changes
from eventually import wait_until
from fake_kserve import FakeKServe
from made_pictures import jpeg
from page_client import PageClient

RED = jpeg("red")
_CHARTS_PICTURES = Path(__file__).parents[3] / "helm-chart/edge-ai-car-classification/files/pictures"


def test_the_models_are_those_of_the_last_look(served: FakeKServe, page: PageClient) -> None:
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
def test_recent_inferences_come_newest_first_with_a_small_picture(page: PageClient) -> None:
    for colour in ("red", "green"):
        page.send(jpeg(colour), "&model=a")
    newest, before = page.get("/api/inferences").json()["inferences"]
    assert (newest["top1"], before["top1"], newest["origin"]) == ("green", "red", "upload")
    assert newest["time"].endswith("Z")
    thumbnail = page.get(newest["thumbnail"])
    assert (thumbnail.headers["Content-Type"], thumbnail.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert len(page.get("/api/inferences?limit=1").json()["inferences"]) == 1
    for limit in ("0", "9" * 5000):
        assert page.get(f"/api/inferences?limit={limit}").status_code == 400


def test_the_examples_are_the_drawn_pictures_of_the_charts_camera(page: PageClient) -> None:
    shown = re.findall(r'src="(/static/examples/[^"]+)"', page.get("/").text)
    assert {address: page.get(address).content for address in shown} == {
        f"/static/examples/{picture.name}": picture.read_bytes() for picture in _CHARTS_PICTURES.iterdir()
    }


@pytest.mark.usefixtures("served")
def test_only_so_many_pictures_are_remembered(page: PageClient) -> None:
    for size in range(20, 25):
        page.send(jpeg("red", size=(size, size)), "&model=a")
    listed = page.get("/api/inferences").json()["inferences"]
    assert len(listed) == 3
    assert all(page.get(entry["thumbnail"]).ok for entry in listed)
    assert page.get("/api/thumbnails/unknown.jpg").status_code == 404


@pytest.mark.usefixtures("served")
def test_the_stream_tells_inferences_and_changes_of_models_as_they_happen(
    server: FakeKServe, page: PageClient
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


def test_a_stream_begins_with_resync_and_misses_nothing_after_it(page: PageClient) -> None:
    with page.get("/api/events", stream=True) as stream:
        lines = (line.decode() for line in stream.iter_lines(chunk_size=1))
        assert next(line for line in lines if line.startswith("event: ")) == "event: resync"
        page.gateway.broadcast.publish("models", {"changed": True})
        assert next(line for line in lines if line.startswith("event: ")) == "event: models"
        page.gateway.broadcast.close()


def test_health_tells_a_hanging_process_from_a_server_that_is_away(
    server: FakeKServe, page: PageClient
) -> None:
    assert (page.get("/healthz").status_code, page.get("/readyz").status_code) == (503, 503)
    page.gateway.follower.refresh()
    assert (page.get("/healthz").status_code, page.get("/readyz").status_code) == (200, 200)
    server.fixed_answers["/v1/config"] = (503, b"{}")
    page.gateway.follower.refresh()
    assert (page.get("/healthz").status_code, page.get("/readyz").status_code) == (200, 200)


def test_metrics_count_what_was_asked(served: FakeKServe, page: PageClient) -> None:
    served.faults.append("retired")
    page.send(RED)
    page.send(b"x")
    text = page.get("/metrics").text
    assert 'inference_client_requests_total{model="a",protocol="http",result="success"} 1.0' in text
    assert 'inference_client_retries_total{reason="retired"} 1.0' in text
    assert 'inference_client_pictures_total{result="rejected"} 1.0' in text
    assert 'inference_client_models{state="usable"} 2.0' in text
    assert "inference_client_server_up 1.0" in text


def test_every_answer_forbids_what_the_page_does_not_need(page: PageClient) -> None:
    for path in ("/", "/docs", "/static/page.css", "/api/models", "/nothing"):
        headers = page.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("served")
def test_pages_of_other_sites_cannot_send_pictures(page: PageClient) -> None:
    headers = {"Content-Type": "image/jpeg", "Sec-Fetch-Site": "cross-site"}
    assert page.post(data=RED, headers=headers).status_code == 403


def test_unknown_paths_and_methods_are_json_too(page: PageClient) -> None:
    assert "there is nothing at /x" in page.get("/x").json()["error"]
    wrong = page.get("/api/classify")
    assert (wrong.status_code, "error" in wrong.json()) == (405, True)


def test_every_source_is_told_with_its_last_picture(page: PageClient) -> None:
    gate, yard = page.get("/api/cameras").json()["sources"]
    assert (gate["name"], gate["state"], gate["picture"], yard["models"]) == ("gate", "starting", None, ["a"])
    for number in ("0", "7", "x"):
        assert page.get(f"/api/cameras/{number}.jpg").status_code == 404


def test_pages_are_told_when_something_of_a_source_has_changed(
    page: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, told, broadcast = threading.Event(), threading.Event(), page.gateway.broadcast

    def publish(event: str, _data: object) -> None:
        assert event == "cameras"
        told.set()

    monkeypatch.setattr(broadcast, "publish", publish)
    telling = threading.Thread(target=tell_changes, args=(page.gateway.sources, broadcast, stop))
    telling.start()
    page.gateway.sources[0].lost("cut off", 1.0)
    assert told.wait(10)
    stop.set()
    telling.join(timeout=10)
