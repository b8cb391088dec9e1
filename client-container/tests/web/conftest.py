"""A real HTTP server with the whole web interface, in front of a fake model server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from car_client.history.history import History
from car_client.models.follower import ModelFollower
from car_client.output.recent import RecentInferences
from car_client.output.source_record import SourceRecord
from car_client.pipeline.jobs import Pipeline
from car_client.session import Session
from car_client.settings import load_settings
from car_client.sidecar.follower import SidecarFollower
from car_client.web.app import create_app
from car_client.web.broadcast import Broadcast
from car_client.web.gateway import Gateway
from car_client.web.platform.platform import Platform
from edge_common.http_server import ThreadedHttpServer
from edge_common.pictures.decode import PictureLimits
from fake_kserve import FakeKServe, FakeModel
from page_client import PageClient

CARD = {"schema": 1, "input": {"color": "BGR"}, "output": {"labels": ["blue", "green", "red"]}}
LIMITS = PictureLimits(max_bytes=200_000, max_pixels=50_000)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.sqlite", max_bytes=1 << 20, max_age=86400) as running:
        yield running


@pytest.fixture
def page(server: FakeKServe, history: History) -> Iterator[PageClient]:
    session = Session(load_settings(server_url=server.url, sidecar_url=server.url))
    broadcast = Broadcast()
    pipeline = Pipeline(session.classifier)
    follower = ModelFollower(
        session.discovery, on_change=lambda _view: broadcast.publish("models", {"changed": True})
    )
    gateway = Gateway(
        server_url=server.url,
        follower=follower,
        pipeline=pipeline,
        limits=LIMITS,
        metrics=session.metrics,
        recent=RecentInferences(at_most=3, on_new=lambda document: broadcast.publish("inference", document)),
        broadcast=broadcast,
        platform=Platform(
            SidecarFollower(session.sidecar),
            follower,
            server_url=server.url,
            on_change=lambda: broadcast.publish("platform", {}),
        ),
        sidecar=session.sidecar,
        sources=[SourceRecord(0, "gate"), SourceRecord(1, "yard", ["a"])],
        alive_within=30,
        history=history,
    )
    with ThreadedHttpServer(create_app(gateway), host="127.0.0.1", port=0) as http:
        yield PageClient(gateway, f"http://127.0.0.1:{http.port}")
        broadcast.close()
        pipeline.close()


@pytest.fixture
def served(server: FakeKServe, page: PageClient) -> FakeKServe:
    server.models = {"a": FakeModel(), "b": FakeModel(shape=(-1, 3, 8, 8), datatype="FP32")}
    server.cards = {"a": CARD, "b": CARD}
    page.gateway.follower.refresh()
    return server
