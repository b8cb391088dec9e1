"""A request that is answered without being read gets what the same request got when it was read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.wire.known_requests import KnownRequests
from ovms_lite.wire.kserve_request import parse_infer_request
from ovms_lite.wire.kserve_response import infer_response
from ovms_lite.wire.model_inputs import model_inputs
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Array, Dimension, TensorInfo

NUMERIC = sorted(name for name, element in BY_KSERVE_NAME.items() if not element.is_string)
ALL_BINARY = {"parameters": {"binary_data_output": True}}


def _info(name: str, datatype: str, shape: tuple[int, ...]) -> TensorInfo:
    return TensorInfo(name, BY_KSERVE_NAME[datatype], tuple(Dimension(size, size) for size in shape))


X, Y = _info("x", "FP32", (1, 2)), _info("y", "FP32", (1, 2))


def _entry(info: TensorInfo, *, says_size: bool = True) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": info.name,
        "shape": info.static_shape,
        "datatype": info.element.kserve,
    }
    if says_size:
        entry["parameters"] = {
            "binary_data_size": np.zeros(info.static_shape or (), info.element.numpy).nbytes
        }
    return entry


def _json(*entries: object, **more: object) -> bytes:
    return json.dumps({"inputs": entries} | more).encode()


def _length(text: bytes) -> bytes:
    return str(len(text)).encode()


_shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
_infos = st.lists(st.tuples(st.sampled_from(NUMERIC), _shapes), min_size=1, max_size=3).map(
    lambda rows: [_info(f"{'zyx'[n]}{n}", datatype, shape) for n, (datatype, shape) in enumerate(rows)]
)


@given(
    inputs=_infos, outputs=_infos, order=st.randoms(), says_size=st.booleans(), surplus=st.binary(max_size=4)
)
def test_inputs_and_answer_are_those_of_a_request_that_is_read(
    inputs: list[TensorInfo], outputs: list[TensorInfo], order: Any, says_size: bool, surplus: bytes
) -> None:
    sent = order.sample(inputs, len(inputs))
    text = _json(*(_entry(info, says_size=says_size) for info in sent), **ALL_BINARY)
    size = sum(np.zeros(info.static_shape or (), info.element.numpy).nbytes for info in sent)
    requests = KnownRequests("m", "3", inputs, outputs)
    for first in (0, 7):  # the second body is answered by what was learned from the first
        body = text + bytes((first + n) % 251 for n in range(size)) + surplus
        known = requests.find(body, _length(text))
        assert known is not None
        read = parse_infer_request(body, str(len(text)))
        arrays = model_inputs(inputs, read.inputs)
        assert [bytes(raw) for raw in known.inputs(body)] == [np.asarray(a).tobytes() for a in arrays]
        results: list[Array] = [np.ones(info.static_shape or (), info.element.numpy) for info in outputs]
        assert known.answer(results) == infer_response("m", "3", read, outputs, results)


def test_a_body_that_is_too_short_is_read_so_that_the_answer_says_so() -> None:
    requests = KnownRequests("m", "1", [X], [Y])
    text = _json(_entry(X), **ALL_BINARY)
    assert requests.find(text + bytes(7), _length(text)) is None
    assert requests.find(text + bytes(8), _length(text)) is not None
    assert requests.find(text + bytes(7), _length(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        _json(_entry(X)),  # the answer's numbers go into the JSON
        _json(_entry(X), id="1", **ALL_BINARY),
        _json(_entry(X), outputs=[{"name": "y"}]),
        _json(_entry(X) | {"datatype": "INT64"}, **ALL_BINARY),
        _json(_entry(X) | {"name": "other"}, **ALL_BINARY),
        _json({"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}, **ALL_BINARY),
        b"{",
    ],
)
def test_what_depends_on_more_than_the_tensors_or_is_wrong_is_read(text: bytes) -> None:
    requests = KnownRequests("m", "1", [X], [Y])
    for _ in range(2):
        assert requests.find(text + bytes(8), _length(text)) is None


@pytest.mark.parametrize("length", [b"", b"-1", b"+5", b" 5 ", b"1e2", b"9" * 5000, "\u0661".encode()])
def test_a_length_that_is_no_plain_number_is_left_to_the_reader(length: bytes) -> None:
    assert KnownRequests("m", "1", [X], [Y]).find(bytes(8), length) is None


def test_pictures_and_texts_are_read() -> None:
    picture = _info("x", "UINT8", (1, 2, 2, 3))
    text = _json({"name": "x", "shape": [1], "datatype": "BYTES"}, **ALL_BINARY)
    assert KnownRequests("m", "1", [picture], [Y]).find(text + bytes(8), _length(text)) is None


def test_many_kinds_of_requests_do_not_pile_up() -> None:
    requests = KnownRequests("m", "1", [X], [Y])
    for number in range(1000):
        text = _json(_entry(X), client=number, **ALL_BINARY)
        assert requests.find(text + bytes(8), _length(text)) is not None
    assert len(requests) <= 256
