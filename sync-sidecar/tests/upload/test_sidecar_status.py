import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from edge_common.errors import FatalError
from model_sync.upload.sidecar_status import (
    StoreAddress,
    ask_for_sync,
    check_same_store,
    read_status,
    versions_of,
)

OURS = StoreAddress("http://127.0.0.1:9000", "ml-models")


def _status(endpoint: str, bucket: str = "ml-models") -> dict[str, object]:
    return {"instance": "model-sync", "store": {"endpoint": endpoint, "bucket": bucket}}


@pytest.mark.parametrize(
    ("endpoint", "bucket"),
    [
        ("http://127.0.0.1:9000", "others"),
        ("http://localhost:9002", "ml-models"),
        ("http://minio:9000", "others"),
    ],
    ids=["bucket", "port of this machine", "bucket elsewhere"],
)
def test_a_sidecar_of_another_platform_is_named_with_what_it_reads(endpoint: str, bucket: str) -> None:
    with pytest.raises(
        FatalError, match=rf"model-sync at http://edge:8081 reads {endpoint}/{bucket}, not .*--status-url"
    ):
        check_same_store(_status(endpoint, bucket), "http://edge:8081", OURS)


@pytest.mark.parametrize("endpoint", ["http://localhost:9000/", "http://[::1]:9000", "http://minio:9000"])
def test_the_same_store_may_have_another_name(endpoint: str) -> None:
    check_same_store(_status(endpoint), "http://edge:8081", OURS)
    check_same_store({}, "http://edge:8081", OURS)


def test_only_the_same_address_is_surely_the_same_store() -> None:
    assert OURS.is_surely(StoreAddress("http://localhost:9000", "ml-models"))
    assert not OURS.is_surely(StoreAddress("http://minio:9000", "ml-models"))
    assert not OURS.is_surely(StoreAddress("http://127.0.0.1:9000", "others"))
    assert StoreAddress("https://s3.example", "b").is_surely(StoreAddress("https://s3.example:443/", "b"))


@contextmanager
def _somebody_who_says(code: int, body: bytes, heard: list[str] | None = None) -> Iterator[str]:
    """Answers every GET so, and every POST with 202; what is posted is `heard`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if heard is not None:
                heard.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

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


@pytest.mark.parametrize("tail", ["", "/", "/v1/status"])
def test_the_address_may_be_that_of_the_status_itself(tail: str) -> None:
    with _somebody_who_says(200, b'{"instance": "mine"}') as address:
        assert read_status(address + tail) == {"instance": "mine"}


@pytest.mark.parametrize(("bucket", "asked"), [("ours", True), ("others", False)])
def test_a_listing_is_asked_only_of_the_sidecar_that_reads_the_bucket(bucket: str, asked: bool) -> None:
    said = b'{"store": {"endpoint": "http://127.0.0.1:9000", "bucket": "ours"}}'
    heard: list[str] = []
    with _somebody_who_says(200, said, heard) as address:
        store = StoreAddress("http://localhost:9000", bucket)
        assert ask_for_sync(f"{address}/v1/status", store, "secret") is asked
    assert heard == (["/v1/sync Bearer secret"] if asked else [])


def test_without_a_sidecar_no_listing_is_asked() -> None:
    assert not ask_for_sync("http://127.0.0.1:9", StoreAddress("http://localhost:9000", "ours"))


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
