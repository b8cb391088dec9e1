import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.tensors import join_elements, split_elements, text_rows


@given(st.lists(st.binary(max_size=20)))
def test_joined_elements_are_split_again(elements: list[bytes]) -> None:
    assert [bytes(element) for element in split_elements(memoryview(join_elements(elements)))] == elements


@given(st.binary(max_size=30))
def test_any_bytes_are_split_or_refused(raw: bytes) -> None:
    try:
        elements = split_elements(memoryview(raw))
    except RequestError as error:
        assert error.fault is Fault.BYTES_MALFORMED  # noqa: PT017 - some bytes are elements, most are not
        return
    assert join_elements(bytes(element) for element in elements) == raw


@pytest.mark.parametrize("raw", [b"\x01", b"\x05\x00\x00\x00abcd", b"\xff\xff\xff\xff"])
def test_a_length_that_does_not_fit_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestError, match="does not match expected format"):
        split_elements(memoryview(raw))


def test_text_rows_are_padded_with_zeros_to_one_more_than_the_longest() -> None:
    rows = text_rows([b"ab", b"xyz1"])
    assert rows.dtype == np.uint8
    assert rows.tolist() == [[97, 98, 0, 0, 0], [120, 121, 122, 49, 0]]
    assert text_rows([]).shape == (0, 1)
