import contextlib
import json
import struct
from typing import Any

import numpy as np
import pytest
from car_client.errors import RequestRefusedError, ServerFailedError
from car_client.kserve.connection import Connection
from car_client.kserve.http_inference import HEADER_LENGTH, HttpInference, decode_answer, encode_request
from car_client.kserve.inference import NUMPY_TYPES, RequestTensor
from fake_kserve import FakeKServe, FakeModel
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray


def test_a_request_is_a_json_header_followed_by_the_elements() -> None:
    tensor = RequestTensor.of_array("image", "FP32", np.array([[1.5, -2.0]]))
    request = encode_request(tensor, "probabilities")
    split = int(request.headers[HEADER_LENGTH])
    header, elements = request.body
    assert len(header) == split
    assert json.loads(bytes(header)) == {
        "inputs": [
            {"name": "image", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
        ],
        "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}],
    }
    assert elements == struct.pack("<2f", 1.5, -2.0)


def test_each_encoded_picture_is_preceded_by_its_length_in_four_bytes() -> None:
    tensor = RequestTensor.of_blobs("image", [b"abc", b""])
    assert (tensor.datatype, tensor.shape) == ("BYTES", (2,))
    assert tensor.data == b"\x03\x00\x00\x00abc\x00\x00\x00\x00"


def answer(array: NDArray[Any], datatype: str, *, binary: bool) -> tuple[bytes, str | None]:
    output: dict[str, Any] = {"name": "y", "shape": list(array.shape), "datatype": datatype}
    if not binary:
        output["data"] = array.ravel().tolist()
        return json.dumps({"model_version": "7", "outputs": [output]}).encode(), None
    output["parameters"] = {"binary_data_size": array.nbytes}
    header = json.dumps({"model_version": "7", "outputs": [output]}).encode()
    return header + array.tobytes(), str(len(header))


@given(data=st.data(), datatype=st.sampled_from(sorted(NUMPY_TYPES)), binary=st.booleans())
def test_every_datatype_comes_back_as_it_was_sent(data: st.DataObject, datatype: str, binary: bool) -> None:
    elements = {"allow_nan": False, "allow_infinity": False} if datatype.startswith("FP") else None
    array = data.draw(
        hnp.arrays(NUMPY_TYPES[datatype], hnp.array_shapes(max_dims=3, max_side=4), elements=elements)
    )
    decoded = decode_answer(*answer(array, datatype, binary=binary))
    assert decoded.model_version == "7"
    np.testing.assert_array_equal(decoded.outputs["y"], array)


def test_binary_and_json_outputs_and_texts_are_told_apart() -> None:
    outputs = [
        {"name": "names", "shape": [1], "datatype": "BYTES", "data": ["car"]},
        {"name": "a", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
        {"name": "b", "shape": [1], "datatype": "INT64", "data": [3]},
        {"name": "c", "shape": [1], "datatype": "UINT8", "parameters": {"binary_data_size": 1}},
    ]
    header = json.dumps({"outputs": outputs}).encode()
    decoded = decode_answer(header + struct.pack("<2fB", 1, 2, 9), str(len(header)))
    assert {name: array.tolist() for name, array in decoded.outputs.items()} == {
        "a": [1.0, 2.0],
        "b": [3],
        "c": [9],
    }
    assert decoded.model_version == ""


@pytest.mark.parametrize(
    ("body", "header_length", "why"),
    [
        (b"{}", "9", "9 of 2 bytes"),
        (b"{}", "-1", "-1 of 2 bytes"),
        (b"{}", "x", "invalid literal"),
        (b"nonsense", None, "it is 'nonsense'"),
        (b'{"error": "no memory"}', None, "no memory"),
        (
            b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [, 1]}]}',
            None,
            'it is \'{"outputs"',
        ),
        (b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [1]}]}', None, "1 values"),
        (b'{"outputs": [{"name": "y", "datatype": "FP32", "shape": [1]}]}', None, "0 values"),
    ],
)
def test_an_answer_that_contradicts_itself_is_the_servers_failure(
    body: bytes, header_length: str | None, why: str
) -> None:
    with pytest.raises(ServerFailedError, match=why):
        decode_answer(body, header_length)


def test_a_binary_output_of_the_wrong_length_is_the_servers_failure() -> None:
    body, length = answer(np.zeros(3, np.float32), "FP32", binary=True)
    with pytest.raises(ServerFailedError, match=r"11 bytes for shape \[3\]"):
        decode_answer(body[:-1], length)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
output_like = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("y") | json_values,
        "datatype": st.sampled_from(["FP32", "BYTES", "BOOL", "FP99"]) | json_values,
        "shape": st.lists(st.integers(-2, 3), max_size=3) | json_values,
        "data": st.lists(json_values, max_size=3),
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 20)}),
    },
)


@given(outputs=st.lists(output_like, max_size=3), tail=st.binary(max_size=20), shift=st.integers(-2, 2))
def test_no_answer_whatsoever_raises_anything_else(
    outputs: list[dict[str, Any]], tail: bytes, shift: int
) -> None:
    header = json.dumps({"outputs": outputs}).encode()
    with contextlib.suppress(ServerFailedError):
        decode_answer(header + tail, str(len(header) + shift))


TENSOR = RequestTensor.of_array("image", "UINT8", np.zeros((1, 8, 8, 3), np.uint8))


@pytest.fixture
def inference(server: FakeKServe, connection: Connection) -> HttpInference:
    server.models["m"] = FakeModel()
    return HttpInference(connection)


def test_a_server_without_binary_tensors_gets_json_from_then_on(
    server: FakeKServe, inference: HttpInference
) -> None:
    server.fixed_answers["/v2"] = (200, json.dumps({"name": "mlserver", "extensions": []}).encode())
    server.faults.append((500, "UnicodeDecodeError"))
    server.faults.extend([(400, "as json"), (400, "as json")])
    for _ in range(2):
        with pytest.raises(RequestRefusedError, match="as json"):
            inference.infer("m", TENSOR, "y")
    binary, *others = server.sent("/infer")
    assert "data" not in binary.document["inputs"][0]
    assert [len(request.document["inputs"][0]["data"]) for request in others] == [192, 192]


def test_another_server_that_fails_is_not_asked_twice(server: FakeKServe, inference: HttpInference) -> None:
    server.faults.extend([(500, "broken"), (500, "broken")])
    for _ in range(2):
        with pytest.raises(ServerFailedError, match="broken"):
            inference.infer("m", TENSOR, "y")
    assert len(server.sent("/infer")) == 2
    assert len(server.sent("/v2")) == 1
