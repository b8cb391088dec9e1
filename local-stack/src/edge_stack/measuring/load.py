"""Steady requests to one model, without naming a version, while it is exchanged under them.

    with Load(server_url, "car", threads=4) as load:
        ...  # publish version 2
    assert summarize(load.answers()).failures == 0

Each thread keeps one connection and asks again as soon as it has the answer, unless told to make a new one
each time, or to pause. Every request counts: nothing is repeated, and whatever is not a 200 with a version is
a failure. Requests are KServe v2's, made from what the server says about the model's inputs.
"""

import json
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Self

import urllib3
from edge_common.errors import RejectedError, RetryableError
from pydantic import BaseModel, Field, ValidationError

MAX_ANSWERS_PER_THREAD = 200_000
MAX_TENSOR_BYTES = 64 * 1024 * 1024

_BYTES_PER_VALUE: Mapping[str, int] = {
    **dict.fromkeys(("BOOL", "INT8", "UINT8"), 1),
    **dict.fromkeys(("INT16", "UINT16", "FP16"), 2),
    **dict.fromkeys(("INT32", "UINT32", "FP32"), 4),
    **dict.fromkeys(("INT64", "UINT64", "FP64"), 8),
}
"""Sizes of the datatypes of the Open Inference Protocol; BYTES has none."""
_TIMEOUT = urllib3.Timeout(connect=5, read=15)
_MESSAGE_BYTES = 200
_PAUSE_AFTER_FAILURE_SECONDS = 0.02  # a server that is away refuses thousands of connections a second


class _Tensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]


class _Metadata(BaseModel):
    inputs: Annotated[list[_Tensor], Field(min_length=1)]


@dataclass(frozen=True)
class InferRequest:
    """Body and headers of `POST /v2/models/<model>/infer`, with every input as a binary tensor."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request."""

    thread: int
    at: float
    """Unix seconds when the request was sent."""
    seconds: float
    """Until the whole answer was there."""
    version: int | None
    """Version that answered; None: a failure."""
    error: str


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """What came of many requests."""

    requests: int
    failures: int
    first_error: str
    versions: tuple[int, ...]
    """Versions that answered, ascending."""
    backward_steps: int
    """How often a thread was answered by a lower version than the time before."""
    p50: float
    """Median of the seconds of good answers; 0 without any. `p99` likewise."""
    p99: float
    slowest: float


class Load:
    """Threads that ask `model` on the server at `url` from entering the context until leaving it."""

    def __init__(
        self, url: str, model: str, *, threads: int = 4, pause: float = 0.0, keep_connections: bool = True
    ) -> None:
        """Send nothing yet; `pause` is in seconds, from an answer to the next request of that thread."""
        self._pause, self._keep_connections = pause, keep_connections
        self._url, self._metadata_path = url, f"/v2/models/{model}"
        self._path = f"{self._metadata_path}/infer"
        self._stopping = threading.Event()
        self._answers: list[list[Answer]] = [[] for _ in range(threads)]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Ask the server what the model takes, then start. Raises RetryableError when it does not say."""
        with _connection(self._url) as connection:
            try:
                metadata = connection.request("GET", self._metadata_path)
            except urllib3.exceptions.HTTPError as error:
                raise RetryableError(
                    f"{self._url}{self._metadata_path} cannot be reached: {error}"
                ) from error
        request = request_of_zeros(metadata.data)
        self._threads = [
            threading.Thread(target=self._ask_on_and_on, args=(number, request), name=f"load-{number}")
            for number in range(len(self._answers))
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def answers(self) -> list[Answer]:
        """All answers so far, in the order in which the requests were sent."""
        return sorted((one for own in self._answers for one in own.copy()), key=lambda one: one.at)

    def _ask_on_and_on(self, number: int, request: InferRequest) -> None:
        own = self._answers[number]
        with _connection(self._url) as connection:
            while not self._stopping.is_set() and len(own) < MAX_ANSWERS_PER_THREAD:
                own.append(self._ask_once(number, request, connection))
                failed = own[-1].version is None
                self._stopping.wait(max(self._pause, _PAUSE_AFTER_FAILURE_SECONDS * failed))

    def _ask_once(self, number: int, request: InferRequest, kept: urllib3.HTTPConnectionPool) -> Answer:
        if self._keep_connections:
            return _ask(kept, number, self._path, request)
        with _connection(self._url) as new:
            return _ask(new, number, self._path, request)


def request_of_zeros(metadata: bytes) -> InferRequest:
    """A request whose tensors are all zero, with 1 for every open dimension.

    `metadata` is the body of `GET /v2/models/<model>`. Raises RetryableError when it is something else,
    RejectedError for a datatype or a size (above 64 MiB) that no image model has.
    """
    try:
        tensors = _Metadata.model_validate_json(metadata).inputs
    except ValidationError as error:
        start = metadata[:80].decode("utf-8", "replace")
        raise RetryableError(f"the server did not describe the model but answered {start!r}") from error
    described, payload = [], b""
    for tensor in tensors:
        if tensor.datatype not in _BYTES_PER_VALUE:
            raise RejectedError(f"input {tensor.name} has datatype {tensor.datatype}, which cannot be zeros")
        shape = [max(1, size) for size in tensor.shape]
        size = math.prod(shape) * _BYTES_PER_VALUE[tensor.datatype]
        if size > MAX_TENSOR_BYTES:
            raise RejectedError(f"input {tensor.name} has {size} bytes; at most {MAX_TENSOR_BYTES} are sent")
        payload += bytes(size)
        parameters = {"binary_data_size": size}
        described.append(tensor.model_dump() | {"shape": shape, "parameters": parameters})
    header = json.dumps({"inputs": described}).encode()
    lengths = {"Inference-Header-Content-Length": str(len(header))}
    return InferRequest(header + payload, {"Content-Type": "application/octet-stream", **lengths})


def summarize(answers: Sequence[Answer]) -> LoadSummary:
    """Counts, versions and latencies of `answers`, which are in the order of sending."""
    failed = [one for one in answers if one.version is None]
    good = sorted(one.seconds for one in answers if one.version is not None)
    by_thread: dict[int, list[int]] = {}
    for one in answers:
        if one.version is not None:
            by_thread.setdefault(one.thread, []).append(one.version)
    return LoadSummary(
        requests=len(answers),
        failures=len(failed),
        first_error=failed[0].error if failed else "",
        versions=tuple(sorted({version for seen in by_thread.values() for version in seen})),
        backward_steps=sum(new < old for seen in by_thread.values() for old, new in pairwise(seen)),
        p50=_quantile(good, 0.5),
        p99=_quantile(good, 0.99),
        slowest=good[-1] if good else 0.0,
    )


def _quantile(ascending: Sequence[float], fraction: float) -> float:
    return ascending[min(len(ascending) - 1, int(len(ascending) * fraction))] if ascending else 0.0


def _connection(url: str) -> urllib3.HTTPConnectionPool:
    return urllib3.connection_from_url(url, maxsize=1, block=True, retries=False, timeout=_TIMEOUT)


def _ask(connection: urllib3.HTTPConnectionPool, thread: int, path: str, request: InferRequest) -> Answer:
    at, begun = time.time(), time.perf_counter()
    version, error = None, ""
    try:
        answer = connection.request("POST", path, body=request.body, headers=request.headers)
        if answer.status == 200:  # noqa: PLR2004 - HTTP OK
            version = int(json.loads(answer.data)["model_version"])
        else:
            error = f"{answer.status}: {answer.data[:_MESSAGE_BYTES].decode('utf-8', 'replace')}"
    except urllib3.exceptions.HTTPError as failure:
        error = f"{type(failure).__name__}: {failure}"
    except (ValueError, KeyError) as failure:
        error = f"an answer without a model version: {failure}"
    return Answer(thread=thread, at=at, seconds=time.perf_counter() - begun, version=version, error=error)
