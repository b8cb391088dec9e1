"""Several sources at a time, each with models of its own, and what is told of each."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from car_client.models.follower import ModelFollower
from car_client.output.source_record import SourceDocument, SourceRecord
from car_client.session import Session
from car_client.settings import load_settings
from car_client.sources.source import Frame, Source, SourceLostError
from car_client.watching.cameras import Camera, open_cameras, run_together, watches_of
from edge_common.errors import FatalError
from eventually import wait_until
from fake_kserve import FakeKServe, FakeModel
from made_pictures import jpeg

CARD = {"schema": 1, "input": {"color": "BGR"}, "output": {"labels": ["blue", "green", "red"]}}


class HandSource(Source):
    """Offers what a test puts in; `error` cuts it off."""

    pause = 0.01

    def __init__(self, *colours: str) -> None:
        self.frames = [Frame(colour, jpeg(colour), colour) for colour in colours]
        self.error: SourceLostError | None = None

    def poll(self, at_most: int) -> Sequence[Frame]:
        if self.error is not None:
            raise self.error
        taken, self.frames = self.frames[:at_most], self.frames[at_most:]
        return taken

    def acknowledge(self, frame: Frame) -> None:
        """It was offered once and never comes again."""

    def give_back(self, frame: Frame) -> None:
        self.frames.append(frame)


def said(camera: Camera) -> list[tuple[str, str]]:
    return [(answer["model"], answer["top1"]) for answer in camera.record.document()["answers"]]


def test_each_source_has_its_own_worker_and_models_and_a_lost_one_harms_no_other(server: FakeKServe) -> None:
    server.models, server.cards = {"a": FakeModel(), "b": FakeModel()}, {"a": CARD, "b": CARD}
    session = Session(load_settings(server_url=server.url, sidecar_url=server.url, interval="50ms"))
    broken = HandSource()
    broken.error = SourceLostError("gate has no picture", again_in=8.0)
    gate = Camera(broken, SourceRecord(0, "gate"))
    yard = Camera(HandSource("red"), SourceRecord(1, "yard", ["b"]))
    every = Camera(HandSource("green"), SourceRecord(2, "all"))
    stop = threading.Event()
    follower = ModelFollower(session.discovery)
    shown: list[tuple[str, str, str]] = []
    watches = watches_of(
        [gate, yard, every],
        session,
        follower,
        lambda source, picture, result: shown.append((source, picture.name, result.model)),
    )
    running = threading.Thread(
        target=run_together, args=([partial(watch.run, stop) for watch in watches], stop)
    )
    running.start()
    try:
        wait_until(lambda: said(yard) == [("b", "red")])
        wait_until(lambda: said(every) == [("a", "green"), ("b", "green")])
        wait_until(
            lambda: sorted(shown) == [("all", "green", "a"), ("all", "green", "b"), ("yard", "red", "b")]
        )
        wait_until(lambda: gate.record.document()["state"] == "lost")
        told = gate.record.document()
        assert (told["sentence"], 0 < (told["again_in"] or 0) <= 8) == ("gate has no picture", True)
        broken.error, broken.frames = None, [Frame("blue", jpeg("blue"), "1")]
        wait_until(lambda: said(gate) == [("a", "blue"), ("b", "blue")])
        assert gate.record.document()["state"] == "watching"
        server.models = {"a": FakeModel()}
        wait_until(lambda: yard.record.document()["state"] == "waiting")
    finally:
        stop.set()
        running.join(timeout=10)
    assert not running.is_alive()


def test_an_error_nobody_foresaw_ends_the_others_and_is_not_lost() -> None:
    stop = threading.Event()

    def broken() -> None:
        raise ZeroDivisionError

    def patient() -> None:
        assert stop.wait(10)

    with pytest.raises(ZeroDivisionError):
        run_together([patient, broken], stop)


def test_a_source_that_cannot_be_is_told_by_its_address(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="camera:front"):
        open_cameras(load_settings(source=[str(tmp_path), "camera:front"]))


def test_names_come_from_the_settings_or_the_address_without_credentials(tmp_path: Path) -> None:
    named = {"address": str(tmp_path), "name": "gate\n", "models": ["a"]}
    cameras = open_cameras(load_settings(source=[named, "http://user:secret@cam/1.jpg"]))
    documents: list[SourceDocument] = [camera.record.document() for camera in cameras]
    for camera in cameras:
        camera.close()
    told = [(one["name"], one["models"]) for one in documents]
    assert told == [("gate\\n", ["a"]), ("http://cam/1.jpg", [])]


def test_a_rate_is_that_of_the_last_half_minute_and_since_is_when_the_state_changed() -> None:
    clock, seconds = [datetime(2026, 11, 30, 12, tzinfo=UTC)], [0.0]
    record = SourceRecord(0, "gate", now=lambda: clock[0], monotonic=lambda: seconds[0])
    for second in range(60):
        seconds[0] = float(second)
        record.works(2)
    assert record.document()["rate"] == pytest.approx(2, rel=0.1)
    since = record.document()["since"]
    clock[0] = datetime(2026, 11, 30, 13, tzinfo=UTC)
    record.works(0)
    assert record.document()["since"] == since
    record.lost("cut off", 3.0)
    seconds[0] += 5
    told = record.document()
    assert (told["since"], told["again_in"]) == ("2026-11-30T13:00:00+00:00", 0.0)
