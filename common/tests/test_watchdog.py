"""systemd is told that a service is well while its health route says so; here the test is systemd."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_common.http_server import ThreadedHttpServer
from edge_common.watchdog import Watchdog, unhealthy, watched_by_systemd
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Service:
    """What a component has: a health route."""

    def __init__(self) -> None:
        self.status = 200

    def healthz(self, _request: Request) -> Response:
        return Response(status_code=self.status)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        yield listening


def next_with(systemd: socket.socket, words: str) -> list[str]:
    """The next message that has `words`; the tests' own time limit ends the wait."""
    while words not in (message := systemd.recv(4096).decode()):
        pass
    return message.split("\n")


def test_it_is_told_that_it_started_then_that_it_is_well_until_it_is_not(systemd: socket.socket) -> None:
    service = Service()
    app = Starlette(routes=[Route("/healthz", service.healthz)])
    with ThreadedHttpServer(app, host="127.0.0.1", port=0) as http:
        with watched_by_systemd("0.0.0.0", http.port, "/healthz"):
            assert next_with(systemd, "READY=1") == ["WATCHDOG=1", "STATUS=well", "READY=1"]
            assert next_with(systemd, "WATCHDOG=1") == ["WATCHDOG=1", "STATUS=well"]
            service.status = 503
            assert next_with(systemd, "503") == ["STATUS=/healthz answers 503"]
            service.status = 200
            assert next_with(systemd, "WATCHDOG=1") == ["WATCHDOG=1", "STATUS=well"]
        assert next_with(systemd, "STOPPING=1") == ["STOPPING=1"]
        assert unhealthy("127.0.0.1", http.port, "/healthz", timeout=5) is None
    assert (
        unhealthy("127.0.0.1", http.port, "/healthz", timeout=5) == "does not answer (ConnectionRefusedError)"
    )


@pytest.mark.parametrize(
    "lacking",
    [
        {},
        {"NOTIFY_SOCKET": "/run/x"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "1"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "4"},
    ],
)
def test_without_a_watchdog_for_this_process_nothing_is_told(lacking: dict[str, str]) -> None:
    assert Watchdog.asked_for(lacking, 3) is None


def test_an_abstract_address_is_told_too() -> None:
    name = f"edgeai-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(30)
        asked = Watchdog.asked_for({"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "3000000"}, 1)
        assert asked is not None
        assert asked.every == 1
        asked.tell("WATCHDOG=1")
        assert listening.recv(100) == b"WATCHDOG=1"
