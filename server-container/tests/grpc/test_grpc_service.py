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
from ovms_lite.grpc.service import input_tensors

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


Request = message_class("ModelInferRequest")


def _request(datatype: str, shape: list[int], **contents: object) -> Any:
    request = Request(model_name="m")
    request.inputs.add(name="x", datatype=datatype, shape=shape, contents=contents)
    return request


@pytest.mark.parametrize(
    ("datatype", "field", "values", "dtype"),
    [
        ("BOOL", "bool_contents", [True, False], np.bool_),
        ("INT8", "int_contents", [-128, 127], np.int8),
        ("INT16", "int_contents", [-(2**15), 2], np.int16),
        ("INT32", "int_contents", [-(2**31), 2], np.int32),
        ("INT64", "int64_contents", [-(2**63), 2**63 - 1], np.int64),
        ("UINT8", "uint_contents", [0, 255], np.uint8),
        ("UINT16", "uint_contents", [0, 2**16 - 1], np.uint16),
        ("UINT32", "uint_contents", [0, 2**32 - 1], np.uint32),
        ("UINT64", "uint64_contents", [0, 2**64 - 1], np.uint64),
        ("FP32", "fp32_contents", [0.5, float("inf")], np.float32),
        ("FP64", "fp64_contents", [0.1, 1e300], np.float64),
        ("BYTES", "bytes_contents", [b"a", b"\0\xff"], np.object_),
    ],
)
def test_typed_contents_arrive_as_the_datatype_says(
    datatype: str, field: str, values: list[object], dtype: type[np.generic]
) -> None:
    [tensor] = input_tensors(_request(datatype, [2], **{field: values}))
    assert tensor.values is not None
    assert tensor.values.dtype == np.dtype(dtype)
    assert tensor.values.tolist() == values


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "nonsense"])
def test_a_datatype_without_a_field_has_no_values_in_contents(datatype: str) -> None:
    [tensor] = input_tensors(_request(datatype, [2], fp32_contents=[1, 2]))
    assert tensor.values is not None
    assert tensor.values.size == 0


def test_a_number_that_does_not_fit_is_refused_and_not_wrapped() -> None:
    with pytest.raises(RequestError) as caught:
        input_tensors(_request("INT8", [1], int_contents=[300]))
    assert caught.value.fault is Fault.INPUT_NOT_NDARRAY


def test_raw_contents_are_writable_memory_for_openvino() -> None:
    request = Request(raw_input_contents=[b"abcd"])
    request.inputs.add(name="x", datatype="UINT8", shape=[4])
    [tensor] = input_tensors(request)
    assert tensor.raw is not None
    assert bytes(tensor.raw) == b"abcd"
    assert not tensor.raw.readonly


def test_both_kinds_of_contents_in_one_request_are_refused_with_the_input_named() -> None:
    request = _request("FP32", [1], fp32_contents=[1])
    request.raw_input_contents.append(b"\0\0\0\0")
    with pytest.raises(RequestError, match=r"is not allowed.*for input: x"):
        input_tensors(request)


def test_raw_contents_of_another_number_than_inputs_are_refused() -> None:
    request = Request(raw_input_contents=[b"", b""])
    request.inputs.add(name="x", datatype="UINT8", shape=[0])
    with pytest.raises(RequestError, match="Expected: 1; Actual: 2"):
        input_tensors(request)
