import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.kserve_request import parse_infer_request


def _input(**changes: object) -> dict[str, Any]:
    return {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]} | changes


def _raw(**changes: object) -> dict[str, Any]:
    entry = _input(**changes)
    del entry["data"]
    return entry


def _body(*inputs: object, **more: object) -> bytes:
    return json.dumps({"inputs": list(inputs)} | more).encode()


def _fault(body: bytes, json_length: str | None = None) -> Fault:
    with pytest.raises(RequestError) as caught:
        parse_infer_request(body, json_length)
    return caught.value.fault


def test_json_inputs_are_values() -> None:
    request = parse_infer_request(_body(_input(), id="a"), None)
    assert request.id == "a"
    values = request.inputs[0].values
    assert values is not None
    assert values.tolist() == [1, 2]


@given(st.lists(st.lists(st.floats(width=32), min_size=1, max_size=5), min_size=1, max_size=4))
def test_the_tail_is_cut_in_the_order_of_the_inputs(tensors: list[list[float]]) -> None:
    arrays = [np.array(values, np.float32) for values in tensors]
    entries = [_raw(name=f"i{n}", shape=[a.size]) for n, a in enumerate(arrays)]
    head = _body(*entries)
    body = head + b"".join(array.tobytes() for array in arrays) + b"surplus"
    request = parse_infer_request(body, str(len(head)))
    assert [bytes(tensor.raw or b"") for tensor in request.inputs] == [array.tobytes() for array in arrays]


def test_a_single_bytes_input_takes_the_whole_tail() -> None:
    head = _body(_raw(shape=[1], datatype="BYTES"))
    raw = parse_infer_request(head + b"12345", str(len(head))).inputs[0].raw
    assert bytes(raw or b"") == b"12345"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ([], Fault.BODY_NOT_OBJECT),
        ({}, Fault.INPUTS_MISSING),
        ({"inputs": []}, Fault.INPUTS_MISSING),
        ({"inputs": None}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [1]}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input(name=1)]}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input(shape="1,2")]}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input(shape=[1, 2.0])]}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input(shape=[1, -2])]}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input(shape=[True, 2])]}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input(shape=[1, 99999999999])]}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input(data=None)]}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input(datatype="FP99")]}, Fault.INPUT_PRECISION_UNSUPPORTED),
        ({"inputs": [_input(parameters={"a": 1.5})]}, Fault.PARAMETERS_NOT_PARSED),
        ({"inputs": [_input(parameters={"binary_data_size": 8})]}, Fault.BINARY_AND_DATA),
        ({"inputs": [_input(), _raw()]}, Fault.BINARY_MIXED),
        ({"inputs": [_raw()]}, Fault.BINARY_TAIL_SHORT),
        ({"inputs": [_raw(parameters={"binary_data_size": -1})]}, Fault.BINARY_SIZE_INVALID),
        ({"inputs": [_raw(parameters={"binary_data_size": "8"})]}, Fault.BINARY_SIZE_INVALID),
        ({"inputs": [_input()], "id": 7}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input()], "parameters": None}, Fault.PARAMETERS_NOT_PARSED),
        ({"inputs": [_input()], "outputs": {}}, Fault.INPUT_NOT_NDARRAY),
        ({"inputs": [_input()], "outputs": [{}]}, Fault.OUTPUT_NOT_PARSED),
    ],
)
def test_each_mistake_has_its_fault(document: object, fault: Fault) -> None:
    assert _fault(json.dumps(document).encode()) is fault


@pytest.mark.parametrize("length", ["abc", "", "-1", "0x50", "9" * 5000, "1e2"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    assert _fault(_body(_input()), length) is Fault.BINARY_HEADER_INVALID


def test_a_length_beyond_the_body_is_refused() -> None:
    assert _fault(b"{}", "3") is Fault.BINARY_HEADER_TOO_LARGE


@pytest.mark.parametrize(
    ("more", "binary"),
    [
        ({}, set()),
        ({"outputs": [{"name": "a"}]}, set()),
        ({"outputs": [{"name": "a", "parameters": {"binary_data": True}}, {"name": "b"}]}, {"a"}),
        ({"outputs": [{"name": "a"}], "parameters": {"binary_data_output": True}}, {"a"}),
        (
            {
                "outputs": [{"name": "a", "parameters": {"binary_data": False}}],
                "parameters": {"binary_data_output": True},
            },
            set(),
        ),
        ({"parameters": {"binary_data_output": True}}, None),
    ],
)
def test_every_output_that_asks_for_it_is_binary(more: dict[str, Any], binary: set[str] | None) -> None:
    assert parse_infer_request(_body(_input(), **more), None).binary_outputs == binary


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("x") | JSON,
        "shape": st.lists(st.integers(0, 3), max_size=3) | JSON,
        "datatype": st.sampled_from(("FP32", "INT8", "BYTES", "BOOL", "BF16", "?")) | JSON,
        "data": JSON,
        "parameters": st.dictionaries(st.just("binary_data_size"), st.integers(0, 9)) | JSON,
    },
)
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={"inputs": st.lists(ENTRY, max_size=3) | JSON, "outputs": JSON, "id": JSON, "parameters": JSON},
)


@given(DOCUMENT | JSON, st.binary(max_size=20), st.one_of(st.none(), st.text(max_size=5), st.just("exact")))
def test_any_body_is_understood_or_refused_with_a_fault(
    document: object, tail: bytes, length: str | None
) -> None:
    head = json.dumps(document).encode()
    try:
        parse_infer_request(head + tail, str(len(head)) if length == "exact" else length)
    except RequestError as error:
        assert 400 <= error.status < 500  # noqa: PT017 - both ends are right, a third is not


def _outcome(head: bytes, tail: bytes) -> object:
    try:
        parsed = parse_infer_request(head + tail, str(len(head)))
    except RequestError as error:
        return error.fault, str(error)
    values = [None if t.values is None else t.values.tolist() for t in parsed.inputs]
    raw = [None if t.raw is None else bytes(t.raw) for t in parsed.inputs]
    named = [(t.name, t.shape, t.datatype) for t in parsed.inputs]
    return parsed.id, named, values, raw, parsed.binary_outputs


@given(DOCUMENT, st.binary(max_size=20))
def test_a_head_that_is_remembered_means_what_a_long_one_means(document: object, tail: bytes) -> None:
    head = json.dumps(document).encode()
    too_long_to_remember = head.ljust(4096)  # blanks behind a document change nothing
    assert _outcome(head, tail) == _outcome(head, tail) == _outcome(too_long_to_remember, tail)
