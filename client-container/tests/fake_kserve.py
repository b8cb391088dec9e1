"""A small real HTTP server that speaks the protocols the client speaks, and misbehaves on request."""

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import numpy as np
from car_client.kserve.http_inference import HEADER_LENGTH
from car_client.kserve.inference import NUMPY_TYPES
from numpy.typing import NDArray

RETIRED = "Model with requested version is retired"


@dataclass
class FakeModel:
    """Answers with the mean of each channel over their sum: the likeliest class is the strongest colour."""

    shape: Sequence[int] = (1, 8, 8, 3)
    datatype: str = "UINT8"
    versions: list[int] = field(default_factory=lambda: [1])
    state: str = "AVAILABLE"
    model_info: dict[str, Any] = field(default_factory=dict)
    classes: int = 3

    def metadata(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "versions": [str(version) for version in self.versions],
            "platform": "OpenVINO",
            "inputs": [{"name": "image", "datatype": self.datatype, "shape": list(self.shape)}],
            "outputs": [
                {"name": "probabilities", "datatype": "FP32", "shape": [self.shape[0], self.classes]}
            ],
            **({"rt_info": {"model_info": self.model_info}} if self.model_info else {}),
        }

    def infer(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        channels_last = batch if self.shape[3] == 3 else batch.transpose(0, 2, 3, 1)
        means = channels_last.reshape(len(batch), -1, 3).mean(axis=1, dtype=np.float64) + 1e-6
        scores: NDArray[np.float32] = (means / means.sum(axis=1, keepdims=True)).astype(np.float32)
        return scores


@dataclass
class Request:
    method: str
    path: str
    document: dict[str, Any]
    batch: NDArray[Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: Any) -> None:
        """A client that goes away in the middle is what some tests are about; it needs no traceback."""


class FakeKServe:
    """`faults` are taken one by one by inference requests.

    `retired`; `cut`: no answer; `slow`: none until `release_slow`; `hold`: like it, then cut, twice;
    (status, text). `faults_of` holds the same for one model.
    """

    def __init__(self) -> None:
        self.models: dict[str, FakeModel] = {}
        self.cards: dict[str, dict[str, Any]] = {}
        """Cards by model name, or by `name?version=N`."""
        self.faults: deque[str | tuple[int, str]] = deque()
        self.faults_of: dict[str, deque[str | tuple[int, str]]] = {}
        self.cut_if: Callable[[NDArray[Any]], bool] = lambda _batch: False
        """Batches that find no answer, ever, as if they ended the server."""
        self.fails_if: Callable[[NDArray[Any]], bool] = lambda _batch: False
        """Batches that the model cannot run, which is answered with 500."""
        self.fixed_answers: dict[str, tuple[int, bytes]] = {}
        """Path -> answer, instead of what would be answered."""
        self.fixed_headers: dict[str, str] = {}
        """Of fixed answers to GET."""
        self.requests: list[Request] = []
        self.release_slow = threading.Event()
        self.has_config_status = True
        self.unloaded: list[str] = []
        """Listed in the repository index by their names alone, as Triton does."""
        self.unknown_model = (404, "Model with requested name is not found")
        server = _Server(("127.0.0.1", 0), _handler_for(self))
        self._server = server
        self.url = f"http://127.0.0.1:{server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release_slow.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def sent(self, ending: str) -> list[Request]:
        """The requests whose path ends so, oldest first."""
        return [request for request in self.requests if request.path.endswith(ending)]


def _handler_for(fake: FakeKServe) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one method a route, kept in sight of each other
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def log_message(self, *_arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            fake.requests.append(Request("GET", self.path, {}))
            if self.path in fake.fixed_answers:
                self._answer(*fake.fixed_answers[self.path], fake.fixed_headers)
            elif self.path == "/v1/config" and fake.has_config_status:
                self._answer_json(200, _config_status(fake))
            elif self.path.startswith("/v1/models/"):
                name = self.path.split("/")[3]
                query = self.path.partition("?")[2]
                card = fake.cards.get(f"{name}?{query}", fake.cards.get(name))
                self._answer_json(200, card) if card else self._answer_json(404, {"error": "no card"})
            elif self.path.startswith("/v2/models/"):
                name = self.path.split("/")[3]
                if name in fake.models:
                    self._answer_json(200, fake.models[name].metadata(name))
                else:
                    self._answer_json(fake.unknown_model[0], {"error": fake.unknown_model[1]})
            else:
                self._answer_json(400, {"error": "Invalid request URL"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            split = int(self.headers.get(HEADER_LENGTH, len(body)))
            request = Request(self.command, self.path, json.loads(body[:split]), headers=dict(self.headers))
            fake.requests.append(request)
            if self.path in fake.fixed_answers:
                self._answer(*fake.fixed_answers[self.path])
            elif self.path == "/v2/repository/index":
                self._answer_json(200, _index(fake))
            elif self.path.endswith("/infer"):
                self._infer(request, body[split:])
            else:
                self._answer_json(400, {"error": "Invalid request URL"})

        do_DELETE = do_POST  # noqa: N815 - the name that http.server looks for

        def _infer(self, request: Request, tail: bytes) -> None:
            faults = fake.faults_of.get(self.path.split("/")[3]) or fake.faults
            fault = faults.popleft() if faults else None
            if fault == "retired":
                self._answer_json(404, {"error": RETIRED})
                return
            if fault in {"slow", "hold"}:
                fake.release_slow.wait(10)
            if fault == "hold":
                faults.append("cut")  # the retry finds no answer either
            if fault in {"cut", "hold"}:
                self._cut()
                return
            if isinstance(fault, tuple):
                self._answer_json(fault[0], {"error": fault[1]})
                return
            model = fake.models[self.path.split("/")[3]]
            tensor = request.document["inputs"][0]
            expected = [
                have if want == -1 else want for want, have in zip(model.shape, tensor["shape"], strict=False)
            ]
            if tensor["datatype"] == "BYTES":
                batch = np.zeros(tuple(max(size, 1) for size in model.shape), np.uint8)
            elif (tensor["datatype"], tensor["shape"]) != (model.datatype, expected):
                self._answer_json(400, {"error": f"Invalid input shape - Expected: {tuple(model.shape)}"})
                return
            else:
                batch = np.frombuffer(tail, NUMPY_TYPES[tensor["datatype"]]).reshape(tensor["shape"])
            request.batch = batch
            if fake.cut_if(batch):
                self._cut()
                return
            if fake.fails_if(batch):
                self._answer_json(500, {"error": "the network cannot run it"})
                return
            self._answer_scores(model, model.infer(batch))

        def _cut(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def _answer_scores(self, model: FakeModel, scores: NDArray[np.float32]) -> None:
            output = {
                "name": "probabilities",
                "shape": list(scores.shape),
                "datatype": "FP32",
                "parameters": {"binary_data_size": scores.nbytes},
            }
            document = {"model_name": "x", "model_version": str(max(model.versions)), "outputs": [output]}
            header = json.dumps(document).encode()
            self._answer(200, header + scores.tobytes(), {HEADER_LENGTH: str(len(header))})

        def _answer_json(self, status: int, document: Any) -> None:
            self._answer(status, json.dumps(document).encode())

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _config_status(fake: FakeKServe) -> dict[str, Any]:
    return {
        name: {
            "model_version_status": [
                {
                    "version": str(version),
                    "state": model.state,
                    "status": {"error_code": "OK", "error_message": "OK"},
                }
                for version in model.versions
            ]
        }
        for name, model in fake.models.items()
    }


def _index(fake: FakeKServe) -> list[dict[str, str]]:
    states = {"AVAILABLE": "READY", "LOADING": "LOADING", "END": "UNAVAILABLE"}
    return [{"name": name} for name in fake.unloaded] + [
        {"name": name, "version": str(version), "state": states[model.state], "reason": ""}
        for name, model in fake.models.items()
        for version in model.versions
    ]
