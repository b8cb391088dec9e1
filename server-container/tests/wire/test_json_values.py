import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.json_values import array_of_values, flatten, parse_json
from ovms_lite.wire.tensors import BY_KSERVE_NAME

FAULT = Fault.INPUT_NOT_NDARRAY


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"hello", b"{", b"[1,]", b"{'a': 1}", b"NaN", b"[Infinity]", b"1e999", b"[01]", b"[+1]",
     b"[1.]", b'["\t"]', b'"\\x"', b"\xef\xbb\xbf{}", b"{}x", b"{}\x00"],
)  # fmt: skip
def test_what_is_not_json_is_a_412_that_tells_where(body: bytes) -> None:
    with pytest.raises(RequestError, match=r"The file is not valid json - Error: .*Offset: \d+") as caught:
        parse_json(body)
    assert caught.value.status == 412


@given(st.binary())
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    try:
        parse_json(body)
    except RequestError as error:
        assert error.fault is Fault.JSON_INVALID  # noqa: PT017 - most bytes are refused, some are JSON


NESTED = st.recursive(st.integers(-9, 9), lambda inner: st.lists(inner, max_size=4), max_leaves=20)


@given(st.lists(NESTED))
def test_only_the_order_of_the_leaves_counts(data: list[Any]) -> None:
    flat, _ = flatten(data)
    digits = json.dumps(data).replace("[", " ").replace("]", " ").replace(",", " ").split()
    assert flat == [int(digit) for digit in digits]


def _nested(depth: int) -> list[Any]:
    data: list[Any] = [1]
    for _ in range(depth - 1):
        data = [data]
    return data


def test_nesting_is_bounded() -> None:
    assert flatten(_nested(90))[0] == [1]
    with pytest.raises(RequestError, match="nesting depth"):
        flatten(_nested(200))


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("FP32", ["1"]), ("FP32", [True]), ("FP32", [None]), ("FP32", [{}]), ("INT32", [1.5]),
        ("INT32", [1.0]),
        ("INT8", [300]), ("UINT8", [-1]), ("INT64", [2**63]), ("BOOL", [1]), ("BYTES", [1]),
    ],
)  # fmt: skip
def test_values_of_another_kind_or_beyond_the_type_are_refused(datatype: str, data: list[Any]) -> None:
    with pytest.raises(RequestError) as caught:
        array_of_values(data, BY_KSERVE_NAME[datatype], FAULT)
    assert caught.value.fault is FAULT


def test_whole_numbers_may_stand_for_floats_and_64_bits_are_kept() -> None:
    assert array_of_values([1, 2.5], BY_KSERVE_NAME["FP32"], FAULT).tolist() == [1.0, 2.5]
    assert array_of_values([3_000_000_000], BY_KSERVE_NAME["INT64"], FAULT).tolist() == [3_000_000_000]
    assert array_of_values(["ü"], BY_KSERVE_NAME["BYTES"], FAULT).tolist() == ["ü".encode()]


def test_a_number_beyond_fp32_becomes_infinity() -> None:
    assert np.isinf(array_of_values([1e39], BY_KSERVE_NAME["FP32"], FAULT)).all()
