from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from edge_common.errors import RetryableError
from edge_stack.processes.ports import HOST, ReservedPort
from edge_stack.processes.waiting import http_answers, wait_until


def test_the_wait_ends_at_the_first_look_that_misses_nothing() -> None:
    looks = iter(["not yet", "not yet", None])
    wait_until("a thing", lambda: next(looks), within=5, every=0)
    assert list(looks) == []


def test_the_deadline_names_what_was_waited_for_and_what_is_missing() -> None:
    with pytest.raises(RetryableError, match=r"model v2 served: not so after 0 s; it is still LOADING"):
        wait_until("model v2 served", lambda: "it is still LOADING", within=0, every=0.001)


def test_a_server_that_answers_another_status_is_not_ready() -> None:
    class Unready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if self.path == "/readyz" else 200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Tests print nothing."""

    with ThreadingHTTPServer((HOST, 0), Unready) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://{HOST}:{server.server_port}"
        assert http_answers(f"{url}/readyz")() == f"{url}/readyz answers 503, not 200"
        assert http_answers(f"{url}/readyz", status=503)() is None
        assert http_answers(f"{url}/healthz")() is None
        server.shutdown()


def test_a_server_that_is_not_there_is_named_with_its_address(port: ReservedPort) -> None:
    missing = http_answers(f"http://{HOST}:{port.number}/healthz")()
    assert missing is not None
    assert f"{HOST}:{port.number}/healthz does not answer" in missing
