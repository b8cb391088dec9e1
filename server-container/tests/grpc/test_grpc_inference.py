"""Requests as messages, turned into tensors; no server is needed for that."""

from typing import Any

import numpy as np
import pytest
from ovms_lite.errors import Fault, RequestError
from ovms_lite.grpc.inference import input_tensors
from ovms_lite.grpc.messages import message_class

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
