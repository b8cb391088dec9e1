"""The client against a real server in a process of its own, with real models."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from car_client.pipeline.classifier import Classification
from car_client.pipeline.given import classify_given, given_file
from car_client.session import Session
from car_client.settings import Protocol, Transport, load_settings
from edge_common.pictures.decode import decode_picture
from eventually import wait_until
from fake_kserve import FakeKServe, FakeModel
from image_models import FLOAT_CARD, float_model, put_version, whole_number_model, write_config
from made_pictures import COLOURS, encoded, jpeg, plain
from real_model_server import PROGRAMS, ModelServer, free_port
from warm_programs import start_warm

START_SECONDS = 60
"""What a process may take until its first sign, on a machine that has other work."""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    repository = tmp_path / "models"
    put_version(repository, "pixels", 1, whole_number_model())
    put_version(repository, "floats", 1, float_model())
    write_config(repository, {"pixels": [1], "floats": [1]})
    return repository


@pytest.fixture
def real(models: Path) -> Iterator[ModelServer]:
    started = ModelServer(models)
    try:
        yield started.start()
    finally:
        started.stop()


@pytest.fixture
def session(real: ModelServer, server: FakeKServe) -> Session:
    """The fake server stands in for the sidecar: it answers cards."""
    server.cards["floats?version=1"] = server.cards["floats?version=2"] = FLOAT_CARD
    settings = load_settings(server_url=real.url, sidecar_url=server.url, transport=Transport.JPEG)
    return Session(settings)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    files = []
    for colour in COLOURS:
        for suffix, content in (("jpg", jpeg(colour, size=(40, 60))), ("png", encoded(plain(colour)))):
            files.append(folder / f"{colour}.{suffix}")
            files[-1].write_bytes(content)
    return files


def classify(session: Session, pictures: list[Path]) -> list[Classification]:
    outcome = classify_given(
        [given_file(path) for path in pictures], session.discovery, session.classifier, limits=session.limits
    )
    outcome.check()
    return outcome.results


def test_real_models_tell_colours_apart(session: Session, pictures: list[Path]) -> None:
    results = classify(session, pictures)
    assert len(results) == 12
    for result in results:
        assert result.verdict.top1 == Path(result.picture).stem
    assert {(r.model, Path(r.picture).suffix): r.transport for r in results} == {
        ("pixels", ".jpg"): Transport.JPEG,
        ("pixels", ".png"): Transport.TENSOR,
        ("floats", ".jpg"): Transport.TENSOR,
        ("floats", ".png"): Transport.TENSOR,
    }


def test_a_jpeg_means_the_same_as_its_pixels(real: ModelServer, pictures: list[Path], tmp_path: Path) -> None:
    photo = tmp_path / "gradient.jpg"
    steps = [[(x * 4, y * 3, 255 - x * 4) for x in range(60)] for y in range(80)]
    photo.write_bytes(encoded(np.array(steps, np.uint8), "JPEG", quality=95))
    answers = {}
    for transport in (Transport.JPEG, Transport.TENSOR):
        settings = load_settings(
            server_url=real.url, sidecar_url="none", transport=transport, models="pixels"
        )
        results = classify(Session(settings), [photo, *pictures])
        answers[transport] = [[p.probability for p in r.verdict.predictions] for r in results]
        assert results[0].transport is transport
    for sent_as_file, sent_as_pixels in zip(*answers.values(), strict=True):
        assert sent_as_file == pytest.approx(sent_as_pixels, abs=0.01)


def test_auto_sends_the_file_of_a_picture_that_has_the_models_size(real: ModelServer) -> None:
    put_version(real.repository, "wide", 1, whole_number_model(size=200))
    real.serve(wide=[1])
    session = Session(load_settings(server_url=real.url, sidecar_url="none"))
    model = session.discovery.describe("wide")
    results = {}
    for width in (200, 60):
        picture = decode_picture("red.jpg", jpeg("red", size=(width, 200)), session.limits)
        [results[width]] = session.classifier.classify(model, [picture])
    assert {result.verdict.predictions[0].index for result in results.values()} == {2}, "BGR: red is last"
    ways = {width: result.transport for width, result in results.items()}
    assert ways == {200: Transport.JPEG, 60: Transport.TENSOR}


def test_grpc_gives_the_same_answers_as_http(models: Path, server: FakeKServe, pictures: list[Path]) -> None:
    server.cards["floats"] = FLOAT_CARD
    grpc_port = free_port()
    real = ModelServer(models, "--port", str(grpc_port), "--grpc_bind_address", "127.0.0.1")
    try:
        real.start()
        answers = []
        for protocol in Protocol:
            settings = load_settings(
                server_url=real.url,
                sidecar_url=server.url,
                protocol=protocol,
                transport=Transport.JPEG,
                grpc_address=f"127.0.0.1:{grpc_port}",
            )
            results = classify(Session(settings), pictures)
            answers.append([(r.model, r.version, r.transport, r.verdict) for r in results])
        assert answers[0] == answers[1]
        assert len(answers[0]) == 12
    finally:
        real.stop()


def test_a_swap_to_a_model_with_another_input_fails_no_request(
    real: ModelServer, session: Session, pictures: list[Path]
) -> None:
    put_version(real.repository, "floats", 2, float_model(batch=1, size=20))
    put_version(real.repository, "floats", 3, whole_number_model())
    stop = threading.Event()
    versions: list[int] = []
    failures: list[str] = []

    def keep_asking() -> None:
        described = session.discovery.describe("floats")  # kept, as if every refresh came too late
        while not stop.is_set():
            picture = decode_picture("red.jpg", pictures[0].read_bytes(), session.limits)
            for result in session.classifier.classify(described, [picture]):
                versions.append(result.version)
                if result.verdict.top1 != "red":
                    failures.append(f"{result.version}: {result.verdict.top1}")

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for number in (2, 3):
            asked = len(versions)
            wait_until(lambda asked=asked: len(versions) > asked + 3)
            real.serve(pixels=[1], floats=[number - 1, number])
            real.serve(pixels=[1], floats=[number])
        asked = len(versions)
        wait_until(lambda: len(versions) > asked + 3)
    finally:
        stop.set()
        asking.join(timeout=10)
    assert failures == []
    assert versions == sorted(versions)
    assert set(versions) == {1, 2, 3}


StartClient = Callable[..., "ClientProcess"]


class ClientProcess:
    """`car-client` as the pod runs it, and the lines it logged so far."""

    def __init__(self, log: Path, *arguments: str | Path) -> None:
        self._log = log
        command = [PROGRAMS / "car-client", *arguments, "--interval", "50ms"]
        with log.open("wb") as errors, Path(os.devnull).open("wb") as answers:
            self.process = start_warm(command, stdout=answers, stderr=errors)

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = self._log.read_text().splitlines(keepends=True)
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        return [line for line in whole if line["event"] == name]


@pytest.fixture
def start_client(tmp_path: Path) -> Iterator[StartClient]:
    """Starts the client with arguments; none outlives its test."""
    started: list[ClientProcess] = []

    def start(*arguments: str | Path) -> ClientProcess:
        started.append(ClientProcess(tmp_path / f"client-{len(started)}.log", *arguments))
        return started[-1]

    yield start
    for client in started:
        client.process.kill()
        client.process.wait(timeout=10)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def test_the_pod_follows_models_survives_a_restart_of_the_server_and_ends_cleanly(
    real: ModelServer, inbox: Path, start_client: StartClient
) -> None:
    put_version(real.repository, "pixels", 2, whole_number_model(size=20))
    watching = start_client(
        "watch", inbox, "--server-url", real.url, "--sidecar-url", "none", "--model", "pixels"
    )
    (inbox / "one.jpg").write_bytes(jpeg("red"))
    wait_until(lambda: watching.events("inference"), within=START_SECONDS)
    real.serve(pixels=[1, 2], floats=[1])
    wait_until(lambda: watching.events("model_version_changed"))
    real.stop()
    wait_until(lambda: watching.events("server_lost"))
    (inbox / "two.jpg").write_bytes(jpeg("blue"))
    real.start()
    wait_until(lambda: len(watching.events("inference")) == 2)
    watching.process.send_signal(signal.SIGTERM)
    assert watching.process.wait(timeout=30) == 0
    first, second = watching.events("inference")
    assert (first["image"], first["top1"], first["version"]) == ("one.jpg", "red", 1)
    assert (second["image"], second["top1"], second["version"]) == ("two.jpg", "blue", 2)
    assert len(watching.events("server_lost")) == len(watching.events("server_returned")) == 1


def test_the_pod_serves_its_page_and_watches_and_ends_cleanly_whatever_hangs(
    server: FakeKServe, inbox: Path, start_client: StartClient
) -> None:
    server.models["m"] = FakeModel()
    port = free_port()
    (inbox / "one.jpg").write_bytes(jpeg("red"))
    listen = ("--host", "127.0.0.1", "--port", str(port))
    ask = ("--sidecar-url", "none", "--server-url", server.url)
    serving = start_client("serve", inbox, *listen, *ask)
    wait_until(lambda: serving.events("inference"), within=START_SECONDS)
    health: list[str | Path] = [PROGRAMS / "car-client", "healthcheck", "--port", str(port)]
    assert subprocess.run(health, check=False).returncode == 0
    with requests.get(f"http://127.0.0.1:{port}/api/events", stream=True, timeout=10):
        server.faults.append("slow")
        asked = len(server.sent("/infer"))
        (inbox / "two.jpg").write_bytes(jpeg("blue"))
        wait_until(lambda: len(server.sent("/infer")) > asked)
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(timeout=30) == 0
    refused = subprocess.run(health, check=False, capture_output=True, text=True)
    assert (refused.returncode, "nothing answers" in refused.stderr) == (75, True)


def test_sigterm_ends_a_watch_that_waits_for_an_answer(
    server: FakeKServe, inbox: Path, start_client: StartClient
) -> None:
    server.models["m"] = FakeModel()
    server.faults.append("slow")
    (inbox / "one.jpg").write_bytes(jpeg("red"))
    watching = start_client("watch", inbox, "--server-url", server.url)
    wait_until(lambda: server.sent("/infer"), within=START_SECONDS)
    watching.process.send_signal(signal.SIGTERM)
    assert watching.process.wait(timeout=30) == 0
    assert watching.events("inference") == []
