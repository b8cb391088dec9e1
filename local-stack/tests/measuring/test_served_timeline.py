import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from edge_common.errors import RetryableError
from edge_common.served_state import VersionState
from edge_stack.measuring.served_timeline import ServedTimeline, read_served
from edge_stack.processes.ports import HOST, ReservedPort
from edge_stack.processes.waiting import wait_until


class ConfigServer:
    """Answers `/v1/config` with whatever `states` holds: model -> version -> state."""

    def __init__(self) -> None:
        self.states: dict[str, dict[str, str]] = {}
        self.url = ""

    def body(self) -> bytes:
        answer: dict[str, Any] = {
            model: {
                "model_version_status": [
                    {
                        "version": version,
                        "state": state,
                        "status": {"error_code": "OK", "error_message": "OK"},
                    }
                    for version, state in versions.items()
                ]
            }
            for model, versions in self.states.items()
        }
        return json.dumps(answer).encode()


@pytest.fixture
def config_server() -> Iterator[ConfigServer]:
    config = ConfigServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(config.body())

        def log_message(self, *_arguments: object) -> None:
            """Tests print nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as http:
        serving = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        config.url = f"http://{HOST}:{http.server_port}"
        yield config
        http.shutdown()
        serving.join()


def seen(timeline: ServedTimeline, model: str, version: int, state: VersionState) -> float:
    wait_until(
        f"{model} {version} {state}",
        lambda: None if timeline.last(model, version, state) else "not yet",
        within=20,
    )
    at = timeline.last(model, version, state)
    assert at is not None
    return at


def test_changes_are_recorded_once_each_and_in_order(config_server: ConfigServer) -> None:
    config_server.states = {"car": {"1": "AVAILABLE"}}
    with ServedTimeline(config_server.url) as timeline:
        first = seen(timeline, "car", 1, VersionState.AVAILABLE)
        config_server.states = {"car": {"1": "END", "2": "AVAILABLE"}}
        second = seen(timeline, "car", 2, VersionState.AVAILABLE)
    assert first < second
    assert [(t.version, t.state) for t in timeline.transitions()] == [
        (1, VersionState.AVAILABLE),
        (1, VersionState.END),
        (2, VersionState.AVAILABLE),
    ]


def test_what_never_happened_has_no_time(config_server: ConfigServer) -> None:
    with ServedTimeline(config_server.url) as timeline:
        pass
    assert timeline.last("car", 1, VersionState.AVAILABLE) is None


def test_an_outage_is_passed_over_by_the_timeline_and_told_by_a_direct_look(port: ReservedPort) -> None:
    url = f"http://{HOST}:{port.number}"
    with ServedTimeline(url) as timeline:
        pass
    assert timeline.transitions() == []
    with pytest.raises(RetryableError, match="does not answer"):
        read_served(url)
