"""The counts in a page of metrics, as OVMS 2026.2.1 and ovms-lite write it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from eventually import wait_until
from model_sync.model_server.server_counts import Counted, CountedTotals, ServerMetrics, parse_counts
from model_sync.swap_watch.observations import ABOVE, ServerCounts

_LABELS = 'name="cars",version="2"'
_PAGE = f"""# HELP ovms_requests_success Number of successful requests to a model.
# TYPE ovms_requests_success counter
ovms_requests_success{{api="KServe",interface="REST",method="ModelInfer",{_LABELS}}} 7
ovms_requests_success{{api="KServe",interface="gRPC",method="ModelInfer",{_LABELS}}} 2
ovms_requests_success{{api="KServe",interface="REST",method="ModelMetadata",{_LABELS}}} 90
ovms_requests_success{{api="KServe",interface="REST",method="ModelReady",name="cars"}} 90
ovms_requests_success{{api="TensorFlowServing",interface="REST",method="Predict",{_LABELS}}} 1
# TYPE ovms_requests_fail counter
ovms_requests_fail{{api="KServe",interface="REST",method="ModelInfer",{_LABELS}}} 3
ovms_requests_fail{{api="KServe",interface="REST",method="ModelInfer",name="cars",version="1"}} 0
# TYPE ovms_request_time_us histogram
ovms_request_time_us_count{{interface="REST",{_LABELS}}} 8
ovms_request_time_us_sum{{interface="REST",{_LABELS}}} 1000
ovms_request_time_us_bucket{{interface="REST",{_LABELS},le="10"}} 0
ovms_request_time_us_bucket{{interface="REST",{_LABELS},le="18"}} 5
ovms_request_time_us_bucket{{interface="REST",{_LABELS},le="32"}} 7
ovms_request_time_us_bucket{{interface="REST",{_LABELS},le="+Inf"}} 8
ovms_request_time_us_bucket{{interface="gRPC",{_LABELS},le="18"}} 0
ovms_request_time_us_bucket{{interface="gRPC",{_LABELS},le="32"}} 2
ovms_request_time_us_bucket{{interface="gRPC",{_LABELS},le="+Inf"}} 2
"""
_KEY = ("cars", 2)


def test_inferences_of_both_interfaces_count_and_nothing_else() -> None:
    assert parse_counts(_PAGE) == {_KEY: ServerCounts(13, 3, {18: 5, 32: 4, ABOVE: 1})}


@pytest.mark.parametrize("text", ["", "<html>", "ovms_requests_fail{} 1", "\x00" * 100])
def test_a_page_of_something_else_counts_nothing(text: str) -> None:
    assert parse_counts(text) == {}


class _Counts:
    def __init__(self) -> None:
        self.counted: Counted | None = None

    def counts(self) -> Counted | None:
        return self.counted


def test_totals_go_on_where_a_server_begins_anew_and_tell_what_there_was_a_window_ago() -> None:
    source = _Counts()
    totals = CountedTotals(source.counts, 60.0)
    totals.read({_KEY}, 0.0)
    assert not totals.is_readable
    for now, requests in ((1.0, 10), (30.0, 50), (70.0, 4), (100.0, 9)):
        source.counted = {_KEY: ServerCounts(requests)}
        totals.read({_KEY}, now)
    assert totals.of(_KEY).requests == 59
    assert totals.of_window_start(_KEY, 100.0).requests == 50
    source.counted = None
    totals.read({_KEY}, 130.0)
    assert not totals.is_readable
    assert totals.of(_KEY).requests == 59


@contextmanager
def _server(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(_PAGE.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_was_read_is_there_at_a_later_look() -> None:
    with _server(200) as address:
        metrics = ServerMetrics(address)
        assert metrics.counts() is None
        wait_until(lambda: metrics.counts() is not None)
        assert (metrics.counts() or {})[_KEY].failed == 3


def test_a_server_whose_metrics_are_off_tells_nothing() -> None:
    with _server(400) as address:
        metrics = ServerMetrics(address)
        for _ in range(3):
            assert metrics.counts() is None
