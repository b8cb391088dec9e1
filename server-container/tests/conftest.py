"""Real, tiny models and a real server process for the tests."""

import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import pytest
from hypothesis import settings
from infer_requests import infer_body
from onnx import TensorProto, helper, numpy_helper
from warm_programs import start_warm

_Result = TypeVar("_Result")

# The helpers beside this file are plain modules; pytest's importlib mode adds no folder to the path.
sys.path.insert(0, str(Path(__file__).parent))
settings.register_profile("server", deadline=None)  # a busy machine is no failure
settings.load_profile("server")


def _save(folder: Path, graph: onnx.GraphProto) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(folder / "model.onnx"))
    return folder


def _float_value(name: str, shape: tuple[int | str, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


@dataclass
class Models:
    """Writes version folders under `root`."""

    root: Path

    def add(self, model: str, version: int, plus: float, shape: tuple[int | str, ...] = (1, 2)) -> Path:
        """Y = x + plus."""
        constant = numpy_helper.from_array(np.array(plus, np.float32), "plus")
        node = helper.make_node("Add", ["x", "plus"], ["y"])
        graph = helper.make_graph(
            [node], "add", [_float_value("x", shape)], [_float_value("y", shape)], [constant]
        )
        return _save(self.root / model / str(version), graph)

    def strings(self, model: str, version: int) -> Path:
        """Y = x, both of any number of texts."""
        texts = [helper.make_tensor_value_info(name, TensorProto.STRING, ("n",)) for name in ("x", "y")]
        node = helper.make_node("Identity", ["x"], ["y"])
        return _save(
            self.root / model / str(version), helper.make_graph([node], "texts", texts[:1], texts[1:])
        )

    def slow(self, model: str, version: int) -> Path:
        """Y = x + 0 after as many turns of a loop over a matrix product as x[0, 0] says."""
        matrix = numpy_helper.from_array(np.full((256, 256), 0.001, np.float32), "w")
        body = helper.make_graph(
            [
                helper.make_node("MatMul", ["s", "w"], ["p"]),
                helper.make_node("Tanh", ["p"], ["s_out"]),
                helper.make_node("Identity", ["go"], ["go_out"]),
            ],
            "turn",
            [
                helper.make_tensor_value_info("i", TensorProto.INT64, []),
                helper.make_tensor_value_info("go", TensorProto.BOOL, []),
                _float_value("s", (256, 256)),
            ],
            [
                helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
                _float_value("s_out", (256, 256)),
            ],
            [matrix],
        )
        constants = {
            "begin": np.array([0], np.int64),
            "end": np.array([1], np.int64),
            "axis": np.array([1], np.int64),
            "scalar": np.array([], np.int64),
            "true": np.array(True),
            "start": np.full((256, 256), 0.1, np.float32),
            "nothing": np.array([[0]], np.float32),
        }
        nodes = [
            helper.make_node("Slice", ["x", "begin", "end", "axis"], ["x0"]),
            helper.make_node("Reshape", ["x0", "scalar"], ["turns_f"]),
            helper.make_node("Cast", ["turns_f"], ["turns"], to=TensorProto.INT64),
            helper.make_node("Loop", ["turns", "true", "start"], ["s_end"], body=body),
            helper.make_node("ReduceMean", ["s_end"], ["m"], axes=[0, 1], keepdims=1),
            helper.make_node("Mul", ["m", "nothing"], ["z"]),
            helper.make_node("Add", ["z", "x"], ["y"]),
        ]
        graph = helper.make_graph(
            nodes,
            "slow",
            [_float_value("x", (1, 2))],
            [_float_value("y", (1, 2))],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        return _save(self.root / model / str(version), graph)

    def convolution(self, model: str, version: int) -> Path:
        """Three channels to one number; under `shape` "auto" it can be asked for what it cannot do."""
        weights = numpy_helper.from_array(np.ones((1, 3, 3, 3), np.float32), "w")
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["c"]),
            helper.make_node("GlobalAveragePool", ["c"], ["y"]),
        ]
        graph = helper.make_graph(
            nodes,
            "convolution",
            [_float_value("x", (1, 3, 8, 8))],
            [_float_value("y", (1, 1, 1, 1))],
            [weights],
        )
        return _save(self.root / model / str(version), graph)

    def broken(self, model: str, version: int) -> Path:
        """A file that is no model."""
        folder = self.root / model / str(version)
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_text("this is not a model")
        return folder


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """An empty model repository."""
    root = tmp_path / "models"
    root.mkdir()
    return Models(root)


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, _Result]], _Result]:
    """Run a coroutine to its end on a loop of its own."""
    return asyncio.run


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class ServerProcess:
    """ovms-lite as a child process on free loopback ports for REST and gRPC."""

    def __init__(self, root: Path, *flags: str) -> None:
        self.port, self.grpc_port = free_port(), free_port()
        self.config = root / "config.json"
        self.log = root / "server.log"
        command = ["ovms-lite", "--config_path", str(self.config)]
        command += ["--rest_port", str(self.port), "--rest_bind_address", "127.0.0.1"]
        command += ["--port", str(self.grpc_port), "--grpc_bind_address", "127.0.0.1", *flags]
        with self.log.open("wb") as log:
            self.process = start_warm(command, stdout=log, stderr=log)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of one request on its own connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method, path, body, {name.replace("_", "-"): text for name, text in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def infer(self, model: str, values: list[float]) -> dict[str, Any]:
        """A successful answer."""
        status, body = self.ask("POST", f"/v2/models/{model}/infer", infer_body(values))
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body)
        return answer

    def configure(self, entries: list[dict[str, Any]]) -> None:
        """Replace config.json."""
        write_config(self.config.parent, entries)

    def states(self) -> dict[str, dict[str, str]]:
        """Model, version and state, as `/v1/config` tells; FAILED is LOADING with an error code."""
        shown = json.loads(self.ask("GET", "/v1/config")[1])
        return {
            name: {
                entry["version"]: "FAILED" if entry["status"]["error_code"] != "OK" else entry["state"]
                for entry in model["model_version_status"]
            }
            for name, model in shown.items()
        }

    def wait_for_states(self, expected: dict[str, dict[str, str]]) -> None:
        """Ask until the states are there; a minute at most."""
        deadline = time.monotonic() + 60
        while self.states() != expected:
            assert time.monotonic() < deadline, (self.states(), self.log.read_text())
            time.sleep(0.02)

    def wait_until(self, path: str, status: int = 200) -> None:
        """Ask until the status comes; a minute at most."""
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, f"the server ended: {self.log.read_text()}"
            try:
                if self.ask("GET", path)[0] == status:
                    return
            except OSError:
                pass
            assert time.monotonic() < deadline, f"{path} is not {status}: {self.log.read_text()}"
            time.sleep(0.02)

    def stop(self) -> int:
        """SIGTERM, then the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@pytest.fixture
def start_server(models: Models) -> Iterator[Callable[..., ServerProcess]]:
    """Start servers over the repository; all are ended, and none may have met an unexpected error."""
    started: list[ServerProcess] = []

    def start(entries: list[dict[str, Any]], *flags: str, ready: bool = True) -> ServerProcess:
        write_config(models.root.parent, entries)
        server = ServerProcess(models.root.parent, *flags)
        started.append(server)
        if ready:
            server.wait_until("/v2/health/ready")
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()
        assert "_crashed" not in server.log.read_text()


def write_config(folder: Path, entries: list[dict[str, Any]]) -> None:
    """Replace config.json; `base_path` defaults to models/<name>."""
    listed = [{"config": {"base_path": f"models/{entry['name']}"} | entry} for entry in entries]
    aside = folder / "config.json.new"
    aside.write_text(json.dumps({"model_config_list": listed}))
    aside.replace(folder / "config.json")
