"""A model server that answers, answers late, or is away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3
from collected_logs import LogLines
from edge_common.errors import RetryableError
from edge_common.served_state import VersionState
from model_sync.model_server import server_watch
from model_sync.model_server.server_watch import ModelServer, ServerBusyError

_BODY = (
    b'{"m": {"model_version_status": '
    b'[{"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": "OK"}}]}}'
)
_SERVED = {"m": {1: VersionState.AVAILABLE}}
_WITHIN = 5.0


class _HoldingServer:
    """Answers status requests while `free` is set, as a server whose threads are all in use."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.questions = self.connections = 0
        self.hangs_up = False
        self.body = _BODY
        holding = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                holding.connections += 1

            def do_GET(self) -> None:
                holding.questions += 1
                holding.free.wait(_WITHIN)
                self.close_connection = holding.hangs_up
                if holding.hangs_up:
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(holding.body)))
                self.end_headers()
                self.wfile.write(holding.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@contextmanager
def _holding_server() -> Iterator[_HoldingServer]:
    server = _HoldingServer()
    thread = threading.Thread(target=server.http.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.free.set()
        server.http.shutdown()
        thread.join()
        server.http.server_close()


@pytest.fixture(autouse=True)
def _little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_watch, "_PROMPT", 0.05)


def _patient_answer(server: ModelServer, answered: threading.Event) -> object:
    """What the server says, asked again whenever a late answer is there."""
    for _ in range(50):
        try:
            return server.served()
        except ServerBusyError:
            answered.wait(_WITHIN)
            answered.clear()
    raise AssertionError("it stayed busy")


def test_nothing_listens_is_told_with_the_address_and_the_setting() -> None:
    nobody = ModelServer("http://127.0.0.1:9/")
    with pytest.raises(RetryableError, match=r"http://127\.0\.0\.1:9 does not answer.*MODEL_SYNC_OVMS_URL"):
        _patient_answer(nobody, threading.Event())


def test_a_late_answer_is_waited_for_with_one_question_and_wakes_who_asked() -> None:
    answered = threading.Event()
    with _holding_server() as holding:
        server = ModelServer(holding.url, answered.set)
        assert _patient_answer(server, answered) == _SERVED
        holding.free.clear()
        before = holding.questions
        for _ in range(3):
            with pytest.raises(ServerBusyError, match="busy: it has not answered yet"):
                server.served()
        assert holding.questions - before <= 1, "a busy server is asked once"
        holding.free.set()
        assert answered.wait(_WITHIN)
        assert server.served() == _SERVED
        assert holding.connections == 1


def test_an_answer_that_never_comes_is_asked_for_anew_on_another_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_watch, "_PATIENCE", urllib3.Timeout(connect=5.0, read=0.1))
    answered = threading.Event()
    with _holding_server() as holding:
        holding.free.clear()
        server = ModelServer(holding.url, answered.set)
        for _ in range(2):
            with pytest.raises(ServerBusyError):
                server.served()
            assert answered.wait(_WITHIN)
            answered.clear()
            with pytest.raises(ServerBusyError):
                server.served()
        assert holding.connections == 2
        holding.free.set()
        assert _patient_answer(server, answered) == _SERVED


def test_a_server_that_goes_away_while_it_is_asked_is_away() -> None:
    answered = threading.Event()
    with _holding_server() as holding:
        server = ModelServer(holding.url, answered.set)
        _patient_answer(server, answered)
        holding.hangs_up = True
        with pytest.raises(RetryableError) as raised:
            _patient_answer(server, answered)
    assert not isinstance(raised.value, ServerBusyError)


def test_of_a_model_told_in_another_form_what_was_said_before_holds(logged: LogLines) -> None:
    answered = threading.Event()
    odd = b'{"model_version_status": [{"version": "1", "state": "PARKED"}]}'
    with _holding_server() as holding:
        server = ModelServer(holding.url, answered.set)
        _patient_answer(server, answered)
        for other in (b"2", b"3"):
            holding.body = b'{"m": %s, "new": 7, "n": %s' % (odd, _BODY[6:].replace(b'"1"', b'"%s"' % other))
            assert _patient_answer(server, answered) == {**_SERVED, "n": {int(other): VersionState.AVAILABLE}}
            assert server.unclear == {"m", "new"}
        holding.body = _BODY
        assert (_patient_answer(server, answered), server.unclear) == (_SERVED, frozenset())
    assert [line["models"] for line in logged.of("model_states_unclear")] == [["m", "new"]]
