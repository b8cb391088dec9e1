import json
from base64 import b64encode

import cv2
import numpy as np
import pytest
from ovms_lite.errors import RequestError
from ovms_lite.wire.model_inputs import EncodedImages
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Array, Dimension, TensorInfo
from ovms_lite.wire.tfs_request import PredictRequest, parse_predict_request
from ovms_lite.wire.tfs_response import predict_response, signature_metadata


def _info(name: str, datatype: str, *shape: int) -> TensorInfo:
    dimensions = tuple(Dimension(size, size) if size >= 0 else Dimension(0, None) for size in shape)
    return TensorInfo(name, BY_KSERVE_NAME[datatype], dimensions, "NHWC" if len(shape) == 4 else "N...")


ONE = [_info("x", "FP32", -1, 2)]
TWO = [_info("b", "INT64", 1, 2), _info("a", "FP32", 1, 2)]


def _parse(document: object, infos: list[TensorInfo]) -> PredictRequest:
    return parse_predict_request(json.dumps(document).encode(), infos)


@pytest.mark.parametrize(
    ("document", "row_form"),
    [
        ({"instances": [[1, 2], [3, 4]]}, True),
        ({"instances": [{"x": [1, 2]}, {"x": [3, 4]}], "signature_name": "any"}, True),
        ({"inputs": [[1, 2], [3, 4]]}, False),
        ({"inputs": {"x": [[1, 2], [3, 4]]}}, False),
    ],
)
def test_row_and_column_form_say_the_same(document: object, row_form: bool) -> None:
    request = _parse(document, ONE)
    assert request.row_form == row_form
    assert np.asarray(request.inputs[0]).tolist() == [[1, 2], [3, 4]]


def test_several_inputs_come_in_the_order_of_the_model() -> None:
    request = _parse({"instances": [{"a": [1.5, 2], "b": [3, 4.9]}]}, TWO)
    assert [np.asarray(array).tolist() for array in request.inputs] == [[[3, 4]], [[1.5, 2]]]


@pytest.mark.parametrize(
    ("document", "infos", "text"),
    [
        ([], ONE, "Request body should be JSON object"),
        ({}, ONE, "Could not detect row or column format"),
        ({"inputs": [], "instances": []}, ONE, "Could not detect row or column format"),
        ({"instances": []}, ONE, "Missing instances in row format"),
        ({"instances": [[1, 2], [3]]}, ONE, "Could not parse instance content. Not valid ndarray"),
        ({"instances": [["a", "b"]]}, ONE, "Could not parse instance content. Not valid ndarray"),
        ({"instances": [[True, False]]}, ONE, "Could not parse instance content. Not valid ndarray"),
        ({"instances": [{"x": [1, 2]}, [3, 4]]}, ONE, "Could not parse instance content. Not valid ndarray"),
        ({"instances": [[1, 2, 3]]}, ONE, r"Invalid input shape - Expected: \(-1,2\); Actual: \(1,3\)"),
        ({"instances": [[1, 2]]}, TWO, "Inputs inside buffer does not match expected format"),
        ({"instances": [{"a": [1, 2]}]}, TWO, "Invalid number of inputs - Expected: 2; Actual: 1"),
        ({"inputs": {"z": [[1, 2]]}}, ONE, "Required input: x"),
        ({"instances": [[300, 1]]}, [_info("x", "UINT8", 1, 2)], "Could not parse instance content"),
        ({"instances": [[True, False]]}, [_info("x", "BOOL", 1, 2)], "Unsupported data precision"),
        (
            {"instances": [{"b64": "!!"}]},
            [_info("x", "UINT8", 1, 4, 4, 3)],
            "Could not parse instance content",
        ),
        ({"inputs": {"x": {"b64": "AA=="}}}, [_info("x", "UINT8", 1, 4, 4, 3)], "dimensions: 1; Actual: 0"),
    ],
)
def test_each_mistake_has_its_text(document: object, infos: list[TensorInfo], text: str) -> None:
    with pytest.raises(RequestError, match=text):
        _parse(document, infos)


def test_a_picture_is_sent_as_base64() -> None:
    encoded = cv2.imencode(".png", np.full((4, 4, 3), 9, np.uint8))[1].tobytes()
    document = {"instances": [{"b64": b64encode(encoded).decode()}]}
    [images] = _parse(document, [_info("x", "UINT8", 1, 4, 4, 3)]).inputs
    assert isinstance(images, EncodedImages)
    assert (images.decode() == 9).all()


def _answer(infos: list[TensorInfo], arrays: list[Array], *, row_form: bool) -> object:
    return json.loads(predict_response(infos, arrays, row_form=row_form).body[0])


def test_an_only_output_has_no_name() -> None:
    array = np.array([[1, 2], [3, 4]], np.float32)
    assert _answer(ONE, [array], row_form=True) == {"predictions": [[1.0, 2.0], [3.0, 4.0]]}
    assert _answer(ONE, [array], row_form=False) == {"outputs": [[1.0, 2.0], [3.0, 4.0]]}


def test_several_outputs_are_rows_of_names_or_named_columns() -> None:
    arrays: list[Array] = [np.array([[1, 2]], np.int64), np.array([[0.5, 1]], np.float16)]
    assert _answer(TWO, arrays, row_form=True) == {"predictions": [{"b": [1, 2], "a": [0.5, 1.0]}]}
    assert _answer(TWO, arrays, row_form=False) == {"outputs": {"b": [[1, 2]], "a": [[0.5, 1.0]]}}


def test_metadata_name_tensorflows_types() -> None:
    metadata = signature_metadata("m", "3", ONE, TWO)
    assert metadata["modelSpec"] == {"name": "m", "signatureName": "", "version": "3"}
    signature = metadata["metadata"]["signature_def"]["signatureDef"]["serving_default"]
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in signature["inputs"]["x"]["tensorShape"]["dim"]] == ["-1", "2"]
