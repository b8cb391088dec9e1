import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from edge_common.errors import FatalError
from model_sync.upload.read_status import read_status, versions_of


@contextmanager
def _somebody_who_says(code: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_versions_are_read_of_the_model_asked_for() -> None:
    said = b'{"models": {"cars": {"versions": [{"source": "1", "state": "serving"}]}}}'
    with _somebody_who_says(200, said) as address:
        status = read_status(f"{address}/")
    assert [entry["source"] for entry in versions_of(status, "cars")] == ["1"]
    assert versions_of(status, "bikes") == []


def test_a_sidecar_that_waits_for_the_volume_knows_no_version_yet() -> None:
    with _somebody_who_says(200, b"{}") as address:
        assert versions_of(read_status(address), "cars") == []


@pytest.mark.parametrize(
    ("code", "body"),
    [(200, b"<html>a router</html>"), (200, b"[]"), (404, b"{}"), (503, b"")],
    ids=["page", "list", "not-found", "unavailable"],
)
def test_somebody_else_at_the_address_is_told(code: int, body: bytes) -> None:
    with (
        _somebody_who_says(code, body) as address,
        pytest.raises(FatalError, match=r"does not answer.*--status-url"),
    ):
        read_status(address)


def test_nobody_at_the_address_is_told() -> None:
    with pytest.raises(
        FatalError, match=r"the sidecar does not answer at http://127\.0\.0\.1:9.*is it running"
    ):
        read_status("http://127.0.0.1:9")
