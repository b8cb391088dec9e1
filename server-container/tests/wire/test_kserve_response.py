import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from ovms_lite.wire.kserve_request import InferRequest
from ovms_lite.wire.kserve_response import infer_response, model_metadata
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Array, Dimension, TensorInfo, split_elements


def _info(name: str, datatype: str, rank: int = 1) -> TensorInfo:
    return TensorInfo(name, BY_KSERVE_NAME[datatype], (Dimension(0, None),) * rank)


def _request(*binary: str, request_id: str = "") -> InferRequest:
    return InferRequest(request_id, (), frozenset(binary))


NUMERIC = (
    "FP64",
    "FP32",
    "FP16",
    "INT64",
    "INT32",
    "INT16",
    "INT8",
    "UINT64",
    "UINT32",
    "UINT16",
    "UINT8",
    "BOOL",
)


@given(st.sampled_from(NUMERIC), st.data())
def test_values_survive_the_way_through_json_and_through_bytes(datatype: str, data: st.DataObject) -> None:
    info = _info("y", datatype)
    elements = {"allow_nan": False, "allow_infinity": False} if datatype.startswith("FP") else None
    array = data.draw(st_numpy.arrays(info.element.numpy, st.integers(0, 6), elements=elements))
    as_json = json.loads(infer_response("m", "1", _request(), [info], [array]).body[0])["outputs"][0]
    assert np.array_equal(np.array(as_json["data"], info.element.numpy), array)
    head, tail = infer_response("m", "1", _request("y"), [info], [array]).body
    assert json.loads(head)["outputs"][0]["parameters"]["binary_data_size"] == len(tail)
    assert np.array_equal(np.frombuffer(tail, info.element.numpy), array)


def test_a_value_that_json_does_not_have_is_null() -> None:
    array = np.array([np.nan, np.inf, 0.5], np.float32)
    body = infer_response("m", "1", _request(), [_info("y", "FP32")], [array]).body[0]
    assert json.loads(body)["outputs"][0]["data"] == [None, None, 0.5]


def test_outputs_are_sorted_by_name_and_their_bytes_follow_in_that_order() -> None:
    infos = [_info("z", "UINT8"), _info("a", "UINT8")]
    arrays: list[Array] = [np.array([1], np.uint8), np.array([2], np.uint8)]
    response = infer_response("m", "7", InferRequest("id", (), None), infos, arrays)
    document = json.loads(response.body[0])
    assert [output["name"] for output in document["outputs"]] == ["a", "z"]
    assert response.body[1:] == (b"\x02", b"\x01")
    assert (document["id"], document["model_version"]) == ("id", "7")
    assert response.headers == ((b"inference-header-content-length", str(len(response.body[0])).encode()),)


def test_an_answer_in_bytes_alone_is_the_same_however_it_was_asked_for() -> None:
    infos = [_info("b", "FP32", 2), _info("a", "INT8"), _info("text", "BYTES")]
    arrays: list[Array] = [
        np.ones((1, 2), np.float32),
        np.arange(3, dtype=np.int8),
        np.array([b"x", b"yz"], np.object_),
    ]
    all_of_them = infer_response("m", "1", InferRequest("", (), None), infos, arrays)
    each_by_name = infer_response("m", "1", _request("a", "b", "text"), infos, arrays)
    assert all_of_them == each_by_name == infer_response("m", "1", InferRequest("", (), None), infos, arrays)


def test_strings_are_texts_in_json_and_length_prefixed_as_bytes() -> None:
    array = np.array([b"hello", "ü".encode()])
    info = _info("s", "BYTES")
    document = json.loads(infer_response("m", "1", _request(), [info], [array]).body[0])
    assert document["outputs"][0]["data"] == ["hello", "ü"]
    tail = infer_response("m", "1", _request("s"), [info], [array]).body[1]
    assert [bytes(element) for element in split_elements(memoryview(tail))] == [b"hello", "ü".encode()]


@pytest.mark.parametrize("model_info", [{}, {"labels": "cat dog"}])
def test_rt_info_is_shown_when_there_is_any(model_info: dict[str, object]) -> None:
    info = TensorInfo("x", BY_KSERVE_NAME["FP32"], (Dimension(1, 1), Dimension(0, None), Dimension(2, 5)))
    metadata = model_metadata("m", ["1", "2"], [info], [info], model_info)
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [1, -1, -1]}]
    assert ("rt_info" in metadata) == bool(model_info)
