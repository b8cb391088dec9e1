"""Ten thousand requests that nobody should send: each is answered, and none harms what comes after it."""

from __future__ import annotations

import json
import random
import socket
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from ovms_lite.grpc.messages import METHODS, SERVICE, message_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Models, ServerProcess

    Start = Callable[..., ServerProcess]

SHARDS = 4
HTTP_REQUESTS = 8_000 // SHARDS
GRPC_REQUESTS = 2_000 // SHARDS

METHOD_NAMES = ["GET", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "BREW"]
PATH_PARTS = [
    "v1", "v2", "v3", "models", "m", "free", "picture", "text", "none", "versions", "1", "0", "-1", "9" * 25,
    "infer", "ready", "config", "reload", "health", "live", "metadata", "m:predict", "metrics", "..", "",
    "%2F", "%", "%00", "%ff", "é", "a" * 300, "labels", "repository", "index", "m:classify",
]  # fmt: skip
PATHS = [
    "/v2/models/m/infer", "/v2/models/free/infer", "/v2/models/picture/infer", "/v2/models/text/infer",
    "/v1/models/m:predict", "/v1/models/free:predict", "/v1/models/picture:predict",
    "/v2/models/m/versions/1/infer",
]  # fmt: skip
LEAVES: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 10**30, 0.5, 1e308, "", "x", "FP32", "BYTES", "NaN",
    "\0", "é", [], {}, [[]], [1, 2], ["a"], {"b64": "AAAA"}, {"b64": "%"}, "INT8", "UINT64", "BOOL", [1, -1],
    [0, 2**31 - 1],
]  # fmt: skip
SOUND: list[dict[str, Any]] = [
    {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]},
    {"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 9}}]},
    {"instances": [[1, 2]]},
    {"inputs": {"x": [[1, 2]]}, "signature_name": ""},
    {
        "id": "i",
        "parameters": {"binary_data_output": True},
        "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32"}],
        "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
    },
]
JSON_LENGTH = "Inference-Header-Content-Length"
HEADERS = [
    (JSON_LENGTH, "5"), (JSON_LENGTH, "-1"), (JSON_LENGTH, "9" * 30), (JSON_LENGTH, "x"), ("X", "y" * 1000),
    ("Accept-Encoding", "gzip"), ("Content-Encoding", "gzip"), ("Content-Type", "image/jpeg"),
    ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Expect", "100-continue"),
]  # fmt: skip
MAY_BE = {200, 400, 404, 406, 412}
"""And nothing else: no 500, and no connection that is cut without an answer."""


def _spoiled(rng: random.Random, value: Any) -> Any:
    """A copy in which something, somewhere, is another thing."""
    if rng.random() < 0.15:
        return rng.choice(LEAVES)
    if isinstance(value, dict):
        items = {key: _spoiled(rng, inner) for key, inner in value.items() if rng.random() > 0.05}
        return items | (
            {rng.choice(["data", "x", "parameters", "é"]): rng.choice(LEAVES)} if rng.random() < 0.1 else {}
        )
    if isinstance(value, list):
        return [_spoiled(rng, inner) for inner in value] * rng.choice([1, 1, 1, 2])
    return value


def _body(rng: random.Random) -> bytes:
    form = rng.random()
    if form < 0.1:
        return rng.randbytes(rng.randrange(200))
    if form < 0.15:
        return b"[" * rng.randrange(5000)
    text = json.dumps(_spoiled(rng, rng.choice(SOUND))).encode()
    if form < 0.3:
        cut = rng.randrange(len(text) + 1)
        return text[:cut] + rng.randbytes(rng.randrange(4)) + text[cut + rng.randrange(4) :]
    return text + (rng.randbytes(rng.randrange(40)) if form > 0.8 else b"")


def _request(rng: random.Random) -> tuple[str, str, bytes, dict[str, str]]:
    anywhere = rng.random() < 0.4
    path = "/" + "/".join(rng.choices(PATH_PARTS, k=rng.randrange(7))) if anywhere else rng.choice(PATHS)
    body = _body(rng)
    headers = dict(rng.choices(HEADERS, k=rng.choice([0, 0, 1, 2])))
    if rng.random() < 0.2:
        headers[JSON_LENGTH] = str(max(0, len(body) - rng.randrange(50)))
    return rng.choice(METHOD_NAMES) if anywhere else "POST", path, body, headers


@pytest.fixture
def server(start_server: Start, models: Models) -> ServerProcess:
    models.add("m", 1, 1.0)
    models.add("free", 1, 1.0, ("n", "k"))
    models.add("picture", 1, 0.0, (1, 4, 4, 3))
    models.strings("text", 1)
    return start_server([{"name": name} for name in ("m", "free", "picture", "text")])


def _assert_it_still_works(server: ServerProcess) -> None:
    assert server.infer("m", [1, 2])["outputs"][0]["data"] == [2.0, 3.0]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_thousands_of_garbage_http_requests_are_each_answered(server: ServerProcess, shard: int) -> None:
    rng = random.Random(shard)
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    for number in range(HTTP_REQUESTS):
        method, path, body, headers = request = _request(rng)
        lines = [f"{name}: {value}" for name, value in ({"Content-Length": str(len(body))} | headers).items()]
        connection.sendall("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + body)
        answer = HTTPResponse(connection, method=method)
        try:
            answer.begin()
            content = answer.read()
        except (HTTPException, OSError) as error:
            pytest.fail(f"request {number} of shard {shard} was not answered: {error!r}: {request}")
        assert answer.status in MAY_BE, (number, request, content)
        if answer.status != 200 and content:
            assert len(json.loads(content)["error"]) > 10, (number, request, content)
        if answer.will_close:
            connection.close()
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.close()
    _assert_it_still_works(server)


def _message(rng: random.Random) -> bytes:
    """A request message with fields that do not fit, or that with bytes changed."""
    request = message_class("ModelInferRequest")(
        model_name=rng.choice(["m", "free", "picture", "text", "", "none"])
    )
    request.model_version = rng.choice(["", "", "1", "x", "9" * 30])
    for _ in range(rng.choice([0, 1, 1, 1, 1, 2])):
        tensor = request.inputs.add(name=rng.choice(["x", "x", "x", "", "é"]))
        tensor.datatype = rng.choice(["FP32", "FP32", "BYTES", "INT8", "FP16", "BF16", "", "x"])
        tensor.shape.extend(rng.choices([0, 1, 2, -1, 4, 2**62, -(2**63)], k=rng.randrange(5)))
        if rng.random() < 0.4:
            tensor.contents.fp32_contents.extend([1.0] * rng.randrange(4))
            tensor.contents.bytes_contents.extend([rng.randbytes(5)] * rng.randrange(3))
            tensor.contents.int_contents.extend([300] * rng.randrange(2))
    for _ in range(rng.choice([0, 1, 1, 2])):
        request.raw_input_contents.append(rng.randbytes(rng.choice([0, 3, 4, 8, 9, 64])))
    content = bytearray(request.SerializeToString())
    for _ in range(rng.choice([0, 0, 1, 3])):
        if content:
            content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_thousands_of_garbage_messages_are_each_answered(server: ServerProcess, shard: int) -> None:
    rng = random.Random(shard)
    expected = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        for number in range(GRPC_REQUESTS):
            method = rng.choice(METHODS) if rng.random() < 0.2 else "ModelInfer"
            content = _message(rng)
            call: Any = channel.unary_unary(f"/{SERVICE}/{method}")
            try:
                call(content, timeout=30)
            except grpc.RpcError as error:
                told: Any = error
                assert told.code() in expected, (number, method, content, told.details())
                assert len(told.details()) > 10
    _assert_it_still_works(server)
