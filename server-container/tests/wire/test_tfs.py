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
from ovms_lite.wire.tfs_tensor import decode_base64


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
        ({"instances": [{"x": [1, 2]}, [3, 4]]}, ONE, "One of named instances is not a JSON object"),
        ({"instances": [[1, 2, 3]]}, ONE, r"Invalid input shape - Expected: \(-1,2\); Actual: \(1,3\)"),
        ({"instances": [[1, 2]]}, TWO, "Inputs inside buffer does not match expected format"),
        ({"instances": [{"a": [1, 2]}]}, TWO, "Invalid number of inputs - Expected: 2; Actual: 1"),
        ({"inputs": {"z": [[1, 2]]}}, ONE, "Required input: x"),
        ({"instances": [[300, 1]]}, [_info("x", "UINT8", 1, 2)], "Could not parse instance content"),
        ({"instances": [[True, False]]}, [_info("x", "BOOL", 1, 2)], "Could not parse instance content"),
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


_PNG = b64encode(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()).decode()
_PICTURE = {"b64": _PNG}
_IMAGE = [_info("img", "UINT8", 1, 4, 4, 3)]
_BESIDE = [_info("img", "UINT8", 1, 4, 4, 3), _info("x", "FP32", 1, 2)]
_TEXTS = [_info("s", "BYTES", -1)]
_TEXT_ROWS = [_info("t", "UINT8", -1, -1)]
_INSTANCE = "Could not parse instance content. Not valid ndarray detected"
_INPUT = "Could not parse input content. Not valid ndarray detected"
_TWO_FP32 = [_info("a", "FP32", -1, 2), _info("b", "FP32", -1, 2)]


@pytest.mark.parametrize(
    ("document", "infos", "text"),
    [
        ({"instances": {"x": [1, 2]}}, ONE, "Invalid JSON structure. Nonamed instance is not an array."),
        ({"instances": 5}, ONE, "Invalid JSON structure. Nonamed instance is not an array."),
        ({"instances": None}, ONE, "Invalid JSON structure. Nonamed instance is not an array."),
        ({"instances": [None]}, ONE, "Could not detect neither named or nonamed format"),
        ({"instances": [True]}, ONE, "Could not detect neither named or nonamed format"),
        ({"instances": [{}]}, ONE, _INSTANCE),
        ({"instances": [{"x": 5}]}, ONE, _INSTANCE),
        ({"instances": [{"x": None}]}, ONE, _INSTANCE),
        ({"instances": [{"x": [[1, 2]]}, {"x": [1, 2]}]}, ONE, _INSTANCE),
        ({"instances": [{"b64": 5}]}, _IMAGE, _INSTANCE),
        ({"instances": [[1, None]]}, ONE, _INSTANCE),
        ({"instances": [[]]}, ONE, _INSTANCE),
        ({"instances": [[1, 2], 3]}, ONE, _INSTANCE),
        ({"instances": [[1, 2], {"x": [1, 2]}]}, ONE, _INSTANCE),
        ({"instances": [{"a": [1, 2], "b": [1, 2]}, {"a": [1, 2]}]}, _TWO_FP32, "different batch sizes"),
        ({"instances": [{"x": [1, 2], "y": [1, 2]}]}, ONE, "Expected: 1; Actual: 2"),
        ({"instances": [{"x": [1, 2], "y": ["a"]}]}, ONE, _INSTANCE),
        (
            {"instances": [1, 2]},
            ONE,
            r"Invalid number of shape dimensions - Expected: \(-1,2\); Actual: \(2\)",
        ),
        ({"inputs": 5}, ONE, "Invalid JSON structure. One of inputs is not a JSON object."),
        ({"inputs": None}, ONE, "Invalid JSON structure. One of inputs is not a JSON object."),
        ({"inputs": "a"}, ONE, "Invalid JSON structure. One of inputs is not a JSON object."),
        ({"inputs": {}}, ONE, "Invalid JSON structure, missing inputs"),
        ({"inputs": []}, ONE, _INPUT),
        ({"inputs": [[1, 2], [3]]}, ONE, _INPUT),
        ({"inputs": {"x": 5}}, ONE, _INPUT),
        ({"inputs": {"x": [[True, False]]}}, ONE, _INPUT),
        ({"inputs": _PICTURE}, _IMAGE, _INPUT),
        ({"inputs": [[1, 2]]}, TWO, "Inputs inside buffer does not match expected format"),
        ({"instances": [_PICTURE, 1]}, _IMAGE, _INSTANCE),
        ({"instances": [_PICTURE, _PICTURE]}, _IMAGE, "batch size - Expected: 1; Actual: 2; input name: img"),
        ({"instances": [[_PICTURE]]}, _IMAGE, "binary input shape dimensions: 1; Actual: 2; input name: img"),
        ({"instances": [1, _PICTURE]}, _IMAGE, "^Invalid input batch size$"),
        ({"instances": [{"img": _PICTURE, "x": [1, 2, 3]}]}, _BESIDE, "Invalid input shape"),
        ({"instances": [{"img": _PICTURE}]}, _BESIDE, "Expected: 2; Actual: 1"),
        ({"instances": [_PICTURE]}, ONE, "Functionality not implemented"),
        ({"instances": [1]}, _TEXTS, _INSTANCE),
        ({"instances": [{"s": "a"}]}, _TEXTS, _INSTANCE),
        (
            {"instances": ["ab", "c"]},
            [_info("t", "UINT8", 2, 2)],
            "Expected batch size: 2; got: 2; Expected max null terminated string length: 2; got: 3",
        ),
    ],
)
def test_texts_and_order_of_the_checks_that_were_derived_from_the_source(
    document: object, infos: list[TensorInfo], text: str
) -> None:
    """Derived from OVMS's source, not recorded from a running server."""
    with pytest.raises(RequestError, match=text):
        _parse(document, infos)


@pytest.mark.parametrize(
    ("document", "infos", "values"),
    [
        ({"instances": ["a", "b\0c"]}, _TEXTS, [b"a", b"b"]),
        ({"instances": [{"b64": "YQ"}, "c"]}, _TEXTS, [b"a", b"c"]),
        ({"inputs": {"s": ["\u00fc"]}}, _TEXTS, ["\u00fc".encode()]),
        ({"instances": [{"s": ["a"]}]}, [_info("s", "BYTES", -1, -1)], None),
        ({"instances": ["ab", "c"]}, _TEXT_ROWS, [[97, 98, 0], [99, 0, 0]]),
        ({"instances": [{"t": "ab"}, {"t": "c"}]}, _TEXT_ROWS, [[97, 98, 0], [99, 0, 0]]),
        ({"instances": [[1, 2], [3, 4]]}, _TEXT_ROWS, [[1, 2], [3, 4]]),
    ],
)
def test_texts_in_rows_and_columns(document: object, infos: list[TensorInfo], values: object) -> None:
    """Derived from OVMS's source, not recorded from a running server."""
    if values is None:
        with pytest.raises(RequestError, match="Invalid number of values in tensor proto container"):
            _parse(document, infos)
    else:
        assert np.asarray(_parse(document, infos).inputs[0]).tolist() == values


def test_named_pictures_beside_numbers() -> None:
    """Derived from OVMS's source, not recorded from a running server."""
    images, numbers = _parse({"instances": [{"img": _PICTURE, "x": [1, 2]}]}, _BESIDE).inputs
    assert isinstance(images, EncodedImages)
    assert images.decode().shape == (1, 4, 4, 3)
    assert np.asarray(numbers).tolist() == [[1, 2]]


def test_an_empty_picture_has_its_own_text() -> None:
    """Derived from OVMS's source, not recorded from a running server."""
    [images] = _parse({"instances": [{"b64": ""}]}, _IMAGE).inputs
    assert isinstance(images, EncodedImages)
    with pytest.raises(RequestError, match="String val is empty"):
        images.work()


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("YWI=", b"ab"),
        ("YWI", b"ab"),
        (" YW\nI= ", b"ab"),
        ("YWI.", b"ab"),
        ("", b""),
        ("YWI==", None),
        ("Y", None),
        ("YW-_", None),
        ("YW=I", None),
    ],
)
def test_base64_is_read_as_abseil_reads_it(text: str, content: bytes | None) -> None:
    """Derived from the source of abseil, which OVMS uses, not recorded from a running server."""
    assert decode_base64(text) == content
