"""The whole server as a process, over real sockets and files."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import numpy as np
import psutil
from infer_requests import infer_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Models, ServerProcess

    Start = Callable[..., ServerProcess]


class Callers(threading.Thread):
    """Asks a model without naming a version until told to stop; keeps every status and value."""

    def __init__(self, server: ServerProcess, model: str) -> None:
        super().__init__()
        self._server, self._model = server, model
        self._told_to_stop = threading.Event()
        self.seen: list[tuple[int, float]] = []

    def run(self) -> None:
        tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0, 0]}
        body = json.dumps({"inputs": [tensor]})
        connection = HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        while not self._told_to_stop.is_set():
            connection.request("POST", f"/v2/models/{self._model}/infer", body)
            answer = connection.getresponse()
            document = json.loads(answer.read())
            self.seen.append(
                (answer.status, document["outputs"][0]["data"][0] if answer.status == 200 else -1)
            )
        connection.close()

    def finish(self) -> list[tuple[int, float]]:
        self._told_to_stop.set()
        self.join()
        return self.seen


def test_no_request_fails_while_versions_and_settings_change(start_server: Start, models: Models) -> None:
    models.add("m", 9, 9.0)
    server = start_server([{"name": "m"}])
    callers = [Callers(server, "m") for _ in range(2)]
    for caller in callers:
        caller.start()
    models.broken("m", 10)
    server.wait_for_states({"m": {"9": "AVAILABLE", "10": "FAILED"}})
    models.add("m", 11, 11.0)
    server.wait_for_states({"m": {"9": "END", "10": "END", "11": "AVAILABLE"}})
    server.configure([{"name": "m", "nireq": 3, "plugin_config": {"NUM_STREAMS": "1"}}])
    server.ask("POST", "/v1/config/reload")
    shutil.rmtree(models.root / "m" / "11")
    server.wait_for_states({"m": {"9": "AVAILABLE", "10": "FAILED", "11": "END"}})
    for caller in callers:
        seen = caller.finish()
        assert {status for status, _ in seen} == {200}
        assert {value for _, value in seen} == {9.0, 11.0}


def test_the_same_number_under_another_base_path_is_the_new_content(
    start_server: Start, models: Models
) -> None:
    models.add("a", 1, 1.0)
    models.add("b", 1, 2.0)
    server = start_server([{"name": "m", "base_path": "models/a"}])
    server.configure([{"name": "m", "base_path": "models/b"}])
    assert server.ask("POST", "/v1/config/reload")[0] == 200
    assert server.infer("m", [0, 0])["outputs"][0]["data"] == [2.0, 2.0]


def test_a_wrong_plugin_key_harms_its_own_model_only(start_server: Start, models: Models) -> None:
    for name in ("a", "b", "c"):
        models.add(name, 1, 1.0)
    server = start_server([{"name": name} for name in ("a", "b", "c")])
    server.configure([{"name": "a"}, {"name": "b", "plugin_config": {"NOPE": "1"}}, {"name": "c"}])
    assert server.ask("POST", "/v1/config/reload")[0] == 412
    assert server.states() == {"a": {"1": "AVAILABLE"}, "b": {"1": "FAILED"}, "c": {"1": "AVAILABLE"}}


def test_the_serving_version_outlives_a_broken_successor_even_when_its_folder_is_gone(
    start_server: Start, models: Models
) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}])
    models.broken("m", 2)
    shutil.rmtree(models.root / "m" / "1")
    server.wait_for_states({"m": {"1": "AVAILABLE", "2": "FAILED"}})
    assert server.infer("m", [1, 1])["model_version"] == "1"
    shutil.rmtree(models.root / "m" / "2")
    models.add("m", 2, 5.0)
    server.wait_for_states({"m": {"1": "END", "2": "AVAILABLE"}})


def test_a_failed_version_is_refused_at_once_and_probes_answer_meanwhile(
    start_server: Start, models: Models
) -> None:
    models.broken("m", 1)
    server = start_server([{"name": "m"}])
    status, body = server.ask("POST", "/v2/models/m/versions/1/infer", b'{"inputs": []}')
    assert (status, json.loads(body)) == (404, {"error": "Model with requested version is not loaded yet"})
    assert server.ask("GET", "/v2/health/live")[0] == 200
    assert server.ask("GET", "/v2/health/live", Host="evil.example")[0] == 421


def test_sigterm_lets_requests_finish_and_exits_with_0(start_server: Start, models: Models) -> None:
    models.slow("m", 1)
    server = start_server([{"name": "m"}])
    turns = _turns_of_seconds(server, 1.0)
    answers: list[float] = []
    asking = threading.Thread(
        target=lambda: answers.append(server.infer("m", [turns, 0])["outputs"][0]["data"][0])
    )
    asking.start()
    _wait_for_running_request(server)
    began = time.monotonic()
    assert server.stop() == 0
    asking.join()
    assert time.monotonic() - began < 5
    assert answers == [turns]


def _turns_of_seconds(server: ServerProcess, seconds: float) -> float:
    server.infer("m", [10, 0])
    began = time.monotonic()
    server.infer("m", [200, 0])
    return float(round(200 * seconds / (time.monotonic() - began)))


def _wait_for_running_request(server: ServerProcess) -> None:
    """A reload call returns after the cycle, by when a request sent before has arrived."""
    time.sleep(0.2)
    server.ask("POST", "/v1/config/reload")


def test_sigint_ends_an_idle_server_with_0(start_server: Start) -> None:
    server = start_server([])
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(timeout=20) == 0


def test_a_large_binary_tensor_goes_in_and_out_unchanged(start_server: Start, models: Models) -> None:
    models.add("m", 1, 0.0, (1, 3, 224, 224))
    server = start_server([{"name": "m"}])
    tensor = np.random.default_rng(1).random((1, 3, 224, 224), dtype=np.float32)
    entry = {"name": "x", "shape": list(tensor.shape), "datatype": "FP32"}
    head = json.dumps({"inputs": [entry], "parameters": {"binary_data_output": True}}).encode()
    for _ in range(3):
        status, body = server.ask(
            "POST",
            "/v2/models/m/infer",
            head + tensor.tobytes(),
            Inference_Header_Content_Length=str(len(head)),
        )
        assert status == 200
        assert body.endswith(tensor.tobytes())


def test_a_body_beyond_the_limit_is_refused_unread(start_server: Start) -> None:
    server = start_server([])
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"POST /v2/models/m/infer HTTP/1.1\r\nContent-Length: 1153433600\r\n\r\n")
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert answer.endswith(b"\r\n\r\n")
        assert client.recv(1) == b""


def test_the_body_for_a_model_that_does_not_exist_is_not_kept_and_the_connection_goes_on(
    start_server: Start, models: Models
) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}])
    process = psutil.Process(server.process.pid)
    server.infer("m", [0, 0])
    before = process.memory_info().rss
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/v2/models/nosuch/infer")
    connection.putheader("Content-Length", str(200 << 20))
    connection.endheaders()
    for _ in range(199):
        connection.send(bytes(1 << 20))
    assert server.ask("GET", "/v2")[0] == 200  # by when almost all has arrived
    assert process.memory_info().rss - before < 50 << 20
    connection.send(bytes(1 << 20))
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"][:15]) == (404, "Mediapipe graph")
    connection.request("POST", "/v2/models/m/infer", infer_body([1, 1]))
    assert connection.getresponse().status == 200
    connection.close()


def test_pipelined_requests_are_answered_in_order(start_server: Start, models: Models) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}])
    body = b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[0,0]}]}'
    infer = b"POST /v2/models/m/infer HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    last = b"GET /v2 HTTP/1.1\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(infer * 40 + last)
        with client.makefile("rb") as stream:
            answers = stream.read()
    assert answers.count(b'"model_name":"m"') == 40
    assert answers.rindex(b"OpenVINO Model Server") > answers.rindex(b"model_name")


def test_metrics_count_what_was_asked(start_server: Start, models: Models) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}], "--metrics_enable")
    server.infer("m", [0, 0])
    server.ask("POST", "/v2/models/m/infer", b"{}")
    text = server.ask("GET", "/metrics")[1].decode()
    labels = 'api="KServe",interface="REST",method="ModelInfer",name="m",version="1"'
    assert f"ovms_requests_success{{{labels}}} 1" in text
    assert f"ovms_requests_fail{{{labels}}} 1" in text
    assert 'ovms_request_time_us_count{interface="REST",name="m",version="1"} 1' in text


def test_a_repeated_failure_does_not_flood_the_log(start_server: Start, models: Models) -> None:
    models.broken("m", 1)
    server = start_server([{"name": "m"}], "--file_system_poll_wait_seconds", "0")
    for _ in range(20):
        assert server.ask("POST", "/v1/config/reload")[0] == 500
    failures = [line for line in server.log.read_text().splitlines() if "cannot be read" in line]
    assert [json.loads(line)["count"] for line in failures] == [1, 2, 4, 8, 16]
