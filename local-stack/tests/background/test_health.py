import os
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from edge_stack.background.health import Health, look_at
from edge_stack.background.record import ProcessRecord, StackRecord
from edge_stack.store.store import StoreKind

ANSWERS: Mapping[str, tuple[int, bytes]] = {
    "/minio/health/ready": (200, b""),
    "/readyz": (503, b'{"status": "failing", "error": "the model server was not asked yet"}'),
    "/v2/health/ready": (503, b"no json"),
}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_each_is_asked_by_its_own_route_and_says_what_is_wrong(address: str) -> None:
    me = ProcessRecord.of_this_one("", Path("log"))
    ended = ProcessRecord(
        name="client", pid=os.getpid(), started=1.0, log=Path("log"), last_end="exit code 3"
    )
    processes = [me.model_copy(update={"name": name}) for name in ("store", "sidecar", "server")]
    record = StackRecord(
        store="MinIO",
        store_kind=StoreKind.MINIO,
        addresses=dict.fromkeys(("store", "sidecar", "server", "page"), address),
        environment={},
        processes=(*processes, ended),
    )
    store, sidecar, server, client = look_at(record, me.started + 90)
    assert (store.health, store.trouble, store.uptime) == (Health.READY, "", 90)
    assert (sidecar.health, sidecar.trouble) == (Health.ALIVE, "the model server was not asked yet")
    assert (server.health, server.trouble) == (Health.ALIVE, "/v2/health/ready answers 503")
    assert (client.health, client.trouble, client.uptime) == (Health.ENDED, "exit code 3", None)


def test_who_does_not_answer_is_silent() -> None:
    me = ProcessRecord.of_this_one("server", Path("log"))
    record = StackRecord(
        store="", addresses={"server": "http://127.0.0.1:9"}, environment={}, processes=(me,)
    )
    assert look_at(record, 0.0)[0].health is Health.SILENT
