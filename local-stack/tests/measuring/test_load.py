import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from edge_common.errors import RejectedError, RetryableError
from edge_stack.measuring.load import Answer, Load, request_of_zeros, summarize
from edge_stack.processes.ports import HOST, ReservedPort
from edge_stack.processes.waiting import wait_until
from hypothesis import given
from hypothesis import strategies as st

METADATA = {"name": "car", "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 8, 8]}]}
HANG_UP = 0
DATATYPES = {"UINT8": 1, "FP16": 2, "INT32": 4, "FP32": 4, "INT64": 8}
Reply = Callable[[], tuple[int, bytes]]


@contextmanager
def server(reply: Reply, addresses: set[object] | None = None) -> Iterator[str]:
    """A real HTTP server that describes one model and answers every inference with `reply()`.

    `addresses` gets the client's address of each connection that asked for an inference.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, json.dumps(METADATA).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if addresses is not None:
                addresses.add(self.client_address)
            status, body = reply()
            if status == HANG_UP:
                self.close_connection = True
            else:
                self._answer(status, body)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Tests print nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as http:
        serving = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://{HOST}:{http.server_port}"
        finally:
            http.shutdown()
            serving.join()


def version(number: int) -> tuple[int, bytes]:
    return 200, json.dumps({"model_name": "car", "model_version": str(number), "outputs": []}).encode()


def at_least(load: Load, count: int) -> None:
    def look() -> str | None:
        return None if len(load.answers()) >= count else f"{len(load.answers())} answers"

    wait_until("enough answers", look, within=20)


def test_a_swap_is_seen_as_one_step_forward_without_failures() -> None:
    serving = [1]
    with server(lambda: version(serving[0])) as url, Load(url, "car", threads=3) as load:
        at_least(load, 30)
        serving[0] = 2
        at_least(load, len(load.answers()) + 30)
    summary = summarize(load.answers())
    assert summary.versions == (1, 2)
    assert summary.failures == summary.backward_steps == 0
    assert summary.requests == len(load.answers())
    assert 0 < summary.p50 <= summary.p99 <= summary.slowest


def test_refusals_and_answers_without_a_version_are_failures_that_are_quoted() -> None:
    with server(lambda: (404, b'{"error": "Model with requested version is retired"}')) as url:
        with Load(url, "car", threads=1) as load:
            at_least(load, 1)
        assert "404: {" in summarize(load.answers()).first_error
        assert "is retired" in summarize(load.answers()).first_error
    with server(lambda: (200, b"{}")) as url:
        with Load(url, "car", threads=1) as load:
            at_least(load, 1)
        assert summarize(load.answers()).first_error == "an answer without a model version: 'model_version'"


def test_a_server_that_goes_away_is_counted_not_raised() -> None:
    replies = [version(1)]
    with server(lambda: replies[0]) as url, Load(url, "car", threads=1) as load:
        at_least(load, 5)
        replies[0] = (HANG_UP, b"")
        wait_until("a failure", lambda: None if summarize(load.answers()).failures else "none", within=20)
    summary = summarize(load.answers())
    assert summary.versions == (1,)
    assert "ProtocolError" in summary.first_error


def test_a_server_that_is_not_there_is_said_before_anything_is_sent(port: ReservedPort) -> None:
    with (
        pytest.raises(RetryableError, match="cannot be reached"),
        Load(f"http://{HOST}:{port.number}", "car"),
    ):
        pass


def answer(thread: int, version: int | None, seconds: float = 0.01) -> Answer:
    return Answer(thread=thread, at=0.0, seconds=seconds, version=version, error="" if version else "gone")


def test_a_step_back_is_counted_per_thread() -> None:
    interleaved = [answer(0, 1), answer(1, 2), answer(0, 1), answer(0, 2), answer(1, 1), answer(1, 2)]
    assert summarize(interleaved).backward_steps == 1


def test_latencies_leave_failures_out_and_nothing_is_zero() -> None:
    summary = summarize([answer(0, None, 9.0), answer(0, 1, 0.1), answer(0, 1, 0.3), answer(0, 1, 0.2)])
    assert (summary.p50, summary.p99, summary.slowest) == (0.2, 0.3, 0.3)
    assert (summary.failures, summary.first_error) == (1, "gone")
    assert summarize([]).p50 == 0


def test_a_thread_pauses_between_requests() -> None:
    with server(lambda: version(1)) as url, Load(url, "car", threads=1, pause=30.0) as load:
        at_least(load, 1)
    assert len(load.answers()) == 1


@pytest.mark.parametrize("keep", [True, False])
def test_connections_are_kept_or_new_ones_made(keep: bool) -> None:
    addresses: set[object] = set()
    with (
        server(lambda: version(1), addresses) as url,
        Load(url, "car", threads=1, keep_connections=keep) as load,
    ):
        at_least(load, 5)
    assert summarize(load.answers()).failures == 0
    assert len(addresses) == (1 if keep else len(load.answers()))


def metadata(**tensor: object) -> bytes:
    return json.dumps({"name": "car", "inputs": [{"name": "image", **tensor}], "outputs": []}).encode()


@given(st.sampled_from(sorted(DATATYPES)), st.lists(st.integers(-1, 6), max_size=4))
def test_the_body_is_the_header_then_exactly_the_bytes_it_announces(datatype: str, shape: list[int]) -> None:
    request = request_of_zeros(metadata(datatype=datatype, shape=shape))
    length = int(request.headers["Inference-Header-Content-Length"])
    header, payload = json.loads(request.body[:length]), request.body[length:]
    described = header["inputs"][0]
    values = 1
    for size in described["shape"]:
        assert size >= 1
        values *= size
    assert described["parameters"]["binary_data_size"] == len(payload) == values * DATATYPES[datatype]
    assert not any(payload)


def test_an_answer_that_describes_no_model_is_retryable() -> None:
    with pytest.raises(RetryableError, match="Model with requested name is not found"):
        request_of_zeros(b'{"error": "Model with requested name is not found"}')


def test_a_text_input_and_a_huge_input_are_refused_by_name() -> None:
    with pytest.raises(RejectedError, match="input image has datatype BYTES"):
        request_of_zeros(metadata(datatype="BYTES", shape=[1]))
    with pytest.raises(RejectedError, match="input image has 120000000000 bytes"):
        request_of_zeros(metadata(datatype="FP32", shape=[10_000, 3, 1000, 1000]))
