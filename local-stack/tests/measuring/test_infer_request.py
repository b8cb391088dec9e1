import json

import pytest
from edge_common.errors import RejectedError, RetryableError
from edge_stack.measuring.infer_request import request_of_zeros
from hypothesis import given
from hypothesis import strategies as st

DATATYPES = {"UINT8": 1, "FP16": 2, "INT32": 4, "FP32": 4, "INT64": 8}


def metadata(**tensor: object) -> bytes:
    return json.dumps({"name": "car", "inputs": [{"name": "image", **tensor}], "outputs": []}).encode()


@given(st.sampled_from(sorted(DATATYPES)), st.lists(st.integers(-1, 6), max_size=4))
def test_the_body_is_the_header_then_exactly_the_bytes_it_announces(datatype: str, shape: list[int]) -> None:
    request = request_of_zeros(metadata(datatype=datatype, shape=shape))
    length = int(request.headers["Inference-Header-Content-Length"])
    header, payload = json.loads(request.body[:length]), request.body[length:]
    described = header["inputs"][0]
    values = 1
    for size in described["shape"]:
        assert size >= 1
        values *= size
    assert described["parameters"]["binary_data_size"] == len(payload) == values * DATATYPES[datatype]
    assert not any(payload)


def test_an_answer_that_describes_no_model_is_retryable() -> None:
    with pytest.raises(RetryableError, match="Model with requested name is not found"):
        request_of_zeros(b'{"error": "Model with requested name is not found"}')


def test_a_text_input_and_a_huge_input_are_refused_by_name() -> None:
    with pytest.raises(RejectedError, match="input image has datatype BYTES"):
        request_of_zeros(metadata(datatype="BYTES", shape=[1]))
    with pytest.raises(RejectedError, match="input image has 120000000000 bytes"):
        request_of_zeros(metadata(datatype="FP32", shape=[10_000, 3, 1000, 1000]))
