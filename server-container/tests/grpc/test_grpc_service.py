"""What each gRPC call answers: to tritonclient as it comes, and to messages that it would never send."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import cv2
import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from grpc_calls import Raw, fp32_input, infer_request
from ovms_lite.errors import Fault, RequestError
from ovms_lite.grpc.messages import METHODS, message_class
from ovms_lite.grpc.server import status_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Models, ServerProcess

    Start = Callable[..., ServerProcess]


@pytest.fixture
def server(start_server: Start, models: Models) -> ServerProcess:
    models.add("m", 1, 1.0)
    models.add("m", 3, 3.0)
    models.add("free", 1, 1.0, ("n", "k"))
    models.add("picture", 1, 0.0, (1, 4, 4, 3))
    models.broken("bad", 1)
    return start_server(
        [
            {"name": "m", "model_version_policy": {"all": {}}},
            {"name": "free"},
            {"name": "picture"},
            {"name": "bad"},
        ],
        "--metrics_enable",
    )


@pytest.fixture
def client(server: ServerProcess) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
        yield client


def test_tritonclient_finds_out_what_is_served(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata().name == "OpenVINO Model Server"
    assert client.is_model_ready("m")
    assert client.is_model_ready("m", "1")
    assert not client.is_model_ready("bad", "1")
    shown = client.get_model_metadata("free", as_json=True)
    assert (shown["name"], shown["versions"], shown["platform"]) == ("free", ["1"], "OpenVINO")
    assert shown["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["-1", "-1"]}]
    assert list(client.get_model_metadata("m").versions) == ["1", "3"]


def test_tritonclient_infers_with_and_without_a_version_and_gets_its_id_back(
    client: triton.InferenceServerClient,
) -> None:
    answer = client.infer("m", fp32_input([[1, 2]]), request_id="seven")
    assert answer.as_numpy("y").tolist() == [[4.0, 5.0]]
    shown = answer.get_response()
    assert (shown.id, shown.model_name, shown.model_version) == ("seven", "m", "3")
    assert client.infer("m", fp32_input([[1, 2]]), model_version="1").as_numpy("y").tolist() == [[2.0, 3.0]]


def test_an_encoded_picture_is_decoded(client: triton.InferenceServerClient) -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    encoded = cv2.imencode(".png", picture)[1].tobytes()
    tensor = triton.InferInput("x", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([encoded], dtype=np.object_))
    assert np.array_equal(client.infer("picture", [tensor]).as_numpy("y")[0], picture)


def test_several_frames_under_way_on_one_connection_each_get_their_own_answer(
    client: triton.InferenceServerClient,
) -> None:
    answers: dict[float, list[list[float]]] = {}
    arrived = threading.Semaphore(0)

    def keep(number: float, result: Any, error: object) -> None:
        answers[number] = [] if error else result.as_numpy("y").tolist()
        arrived.release()

    for number in range(40):
        client.async_infer(
            "free",
            fp32_input([[float(number)] * 5]),
            lambda result, error, n=float(number): keep(n, result, error),
        )
    for _ in range(40):
        assert arrived.acquire(timeout=30)
    assert answers == {float(n): [[n + 1.0] * 5] for n in range(40)}


@pytest.fixture
def raw(server: ServerProcess) -> Iterator[Raw]:
    raw = Raw(server.grpc_port)
    yield raw
    raw.channel.close()


FOUR = b"\0" * 4
CODE = grpc.StatusCode


@pytest.mark.timeout(120)
def test_every_mistake_has_the_code_and_the_text_of_ovms(raw: Raw) -> None:
    def x(**changes: object) -> list[dict[str, object]]:
        return [{"name": "x", "datatype": "FP32", "shape": [1, 2]} | changes]

    cases: list[tuple[dict[str, object], grpc.StatusCode, str]] = [
        ({"model_name": "no"}, CODE.NOT_FOUND, "graph definition with requested name is not found"),
        ({"model_version": "9"}, CODE.NOT_FOUND, "Model with requested version is not found"),
        ({"model_name": "bad", "model_version": "1"}, CODE.UNAVAILABLE, "is not loaded yet"),
        ({"model_version": "01"}, CODE.INVALID_ARGUMENT, "invalid model version format in request"),
        ({"model_version": "x"}, CODE.INVALID_ARGUMENT, "invalid model version format in request"),
        ({"model_version": "9" * 30}, CODE.INVALID_ARGUMENT, "invalid model version format in request"),
        ({"inputs": []}, CODE.INVALID_ARGUMENT, "Invalid number of inputs - Expected: 1; Actual: 0"),
        (
            {"inputs": x(name="z")},
            CODE.INVALID_ARGUMENT,
            "Missing input with specific name - Required input: x",
        ),
        (
            {"inputs": x(datatype="INT8")},
            CODE.INVALID_ARGUMENT,
            "Expected: FP32; Actual: INT8; input name: x",
        ),
        ({"inputs": x(shape=[2])}, CODE.INVALID_ARGUMENT, "Invalid number of shape dimensions"),
        (
            {"inputs": x(shape=[2, 2])},
            CODE.INVALID_ARGUMENT,
            "Invalid input batch size - Expected: 1; Actual: 2",
        ),
        ({"inputs": x(shape=[1, 3])}, CODE.INVALID_ARGUMENT, "Expected: (1,2); Actual: (1,3)"),
        ({"inputs": x(shape=[1, -2])}, CODE.INVALID_ARGUMENT, "Expected: (1,2); Actual: (1,-2)"),
        ({}, CODE.INVALID_ARGUMENT, "Expected: 2 values; Actual: 0 values; input name: x"),
        ({"raw_input_contents": [FOUR]}, CODE.INVALID_ARGUMENT, "Expected: 8 bytes; Actual: 4 bytes"),
        ({"raw_input_contents": [FOUR, FOUR]}, CODE.INVALID_ARGUMENT, "Expected: 1; Actual: 2"),
        (
            {"model_name": "free", "inputs": x(shape=[0, 2**62])},
            CODE.INVALID_ARGUMENT,
            "Invalid input shape",
        ),
        (
            {
                "model_name": "picture",
                "inputs": x(datatype="BYTES", shape=[1], contents={"bytes_contents": [b"?"]}),
            },
            CODE.INVALID_ARGUMENT,
            "Image parsing failed",
        ),
    ]
    for fields, code, text in cases:
        assert raw.send("ModelInfer", infer_request(**fields).SerializeToString())[0] is code, fields
        assert text in raw.send("ModelInfer", infer_request(**fields).SerializeToString())[1]
    missing = message_class("ModelMetadataRequest")(name="no").SerializeToString()
    assert raw.send("ModelMetadata", missing) == (CODE.NOT_FOUND, "Model with requested name is not found")
    assert raw.send("ModelReady", missing) == (CODE.NOT_FOUND, "Model with requested name is not found")


def test_bytes_that_are_no_message_and_methods_that_do_not_exist_are_refused(raw: Raw) -> None:
    for method in METHODS:
        code, text = raw.send(method, b"\xff\xff\xff")
        assert (code, text) == (CODE.INVALID_ARGUMENT, f"The message is no {method}Request")
    assert raw.send("RepositoryIndex", b"")[0] is CODE.UNIMPLEMENTED
    assert raw.send("ServerLive", b"")[0] is CODE.OK


def test_requests_are_counted_for_their_interface(
    server: ServerProcess, client: triton.InferenceServerClient
) -> None:
    client.infer("m", fp32_input([[1, 2]]))
    client.is_model_ready("m")
    text = server.ask("GET", "/metrics")[1].decode()
    labels = 'api="KServe",interface="gRPC",method="{}",name="m"'
    assert f'ovms_requests_success{{{labels.format("ModelInfer")},version="3"}} 1' in text
    assert f"ovms_requests_success{{{labels.format('ModelReady')}}} 1" in text
    assert 'ovms_request_time_us_count{interface="gRPC",name="m",version="3"} 1' in text


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_has_a_code_that_blames_the_right_side(fault: Fault) -> None:
    code = status_code(RequestError(fault))
    assert (code is CODE.INTERNAL) == (fault.status == 500)
    assert code is not CODE.UNKNOWN
