"""Large bodies, which another parser reads, mean what small ones mean."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.errors import RequestError
from ovms_lite.wire.json_values import parse_json, parse_numbers
from ovms_lite.wire.kserve_request import parse_infer_request
from ovms_lite.wire.tensors import BY_KSERVE_NAME

LARGE = b" " * 16 * 1024
FINITE = st.floats(allow_nan=False, allow_infinity=False)
LIMITS = {"FP64": 1e308, "FP32": 2.0**127, "FP16": 65504.0} | {
    f"{sign}INT{bits}": 2 ** (bits if sign else bits - 1) - 1
    for sign in ("", "U")
    for bits in (8, 16, 32, 64)
}

_numbers = st.one_of(st.integers(-(2**70), 2**70), st.integers(-300, 300), FINITE)
_others = st.one_of(st.booleans(), st.none(), st.text(max_size=2))
_data = st.recursive(
    st.lists(st.integers(0, 100), max_size=5) | st.lists(_numbers | _others, max_size=5),
    lambda inner: st.lists(inner, max_size=3),
)


def _meaning(body: bytes) -> Any:
    """What a body means, so that two can be compared."""
    try:
        request = parse_infer_request(body, None)
    except RequestError as error:
        return error.fault, str(error)
    return (
        request.id,
        request.binary_outputs,
        [
            (tensor.name, tensor.shape, tensor.datatype, str(tensor.values.dtype), tensor.values.tobytes())
            for tensor in request.inputs
            if tensor.values is not None and tensor.values.dtype != object
        ],
    )


@given(st.sampled_from(sorted(BY_KSERVE_NAME)), st.lists(_data, min_size=1, max_size=3), st.text(max_size=3))
def test_a_large_body_means_what_a_small_one_means(datatype: str, datas: list[Any], request_id: str) -> None:
    inputs = [
        {"name": f"i{n}", "shape": [1], "datatype": datatype, "data": data, "parameters": {"a": n}}
        for n, data in enumerate(datas)
    ]
    body = json.dumps({"id": request_id, "inputs": inputs, "outputs": [{"name": "y"}]}).encode()
    assert _meaning(body + LARGE) == _meaning(body)


@pytest.mark.parametrize(("datatype", "greatest"), LIMITS.items())
def test_numbers_of_every_type_take_the_short_way(datatype: str, greatest: float) -> None:
    least = 0 if datatype.startswith("U") else -greatest
    entry = {"name": "x", "shape": [2, 2], "datatype": datatype, "data": [[least, 0], [greatest, 1]]}
    request = parse_numbers(json.dumps({"inputs": [entry]}).encode() + LARGE)
    assert request is not None
    [sent] = request["inputs"]
    assert sent["data"].dtype == BY_KSERVE_NAME[datatype].numpy
    assert sent["data"].tolist() == [least, 0, greatest, 1]


def _large(data: str, datatype: str = "FP32", more: str = "") -> bytes:
    return (
        f'{{"inputs":[{{"name":"x","shape":[1],"datatype":"{datatype}","data":{data}}}]{more}}}'.encode()
        + LARGE
    )


@pytest.mark.parametrize(
    "body",
    [
        _large("[1]")[: -len(LARGE)],
        b"\xef\xbb\xbf" + _large("[1]"),
        _large("[1]") + b"\0",
        _large("[1]") + b"x",
        _large("[1,]"),
        _large("[true]"),
        _large('["1"]'),
        _large("[1.5]", "INT32"),
        _large("[300]", "INT8"),
        _large("[-1]", "UINT8"),
        _large("[1]", "BOOL"),
        _large("[1]", "BYTES"),
        _large("[1]", "BF16"),
        _large("[1]", "FP99"),
        _large("7"),
        _large("[1]", more=',"inputs":[]'),
        _large("[1]", more=',"parameters":{"a":1,"a":2}'),
        b"[" + LARGE + b"]",
        b'{"inputs":{}}' + LARGE,
        b'{"inputs":[{}]}' + LARGE,
        b'{"inputs":[1]}' + LARGE,
        b"{}" + LARGE,
        b"{" * 100_000,
        b'{"inputs":' + b"[" * 100_000,
        b'{"inputs":[{"name":"\xff","data":[]}]}' + LARGE,
    ],
)
def test_what_is_unclear_or_wrong_is_left_to_the_other_parser(body: bytes) -> None:
    assert parse_numbers(body) is None


def test_a_number_beyond_fp32_becomes_infinity() -> None:
    request = parse_infer_request(_large("[1e39, -1e39]"), None)
    assert request.inputs[0].values is not None
    assert request.inputs[0].values.tolist() == [math.inf, -math.inf]


def test_a_request_without_numbers_is_as_the_other_parser_gives_it() -> None:
    body = (
        b'{"id":"a","inputs":[],"outputs":[{"name":"y","parameters":{"binary_data":true}}],"b":null}' + LARGE
    )
    assert parse_numbers(body) == parse_json(body)
