"""The body of a TensorFlow Serving `:predict` request, in row or column form. Pure.

Row form, `{"instances": […]}`, has one entry per item of the batch; column form, `{"inputs": …}`, has whole
tensors. Either may leave out the name of an only input. `{"b64": "…"}` stands for an encoded picture.
"""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.images import check_image_count, takes_images
from ovms_lite.wire.input_checks import check_input_names, check_shape
from ovms_lite.wire.json_values import Body, flatten, parse_json
from ovms_lite.wire.model_inputs import EncodedImages
from ovms_lite.wire.tensors import Array, TensorInfo

_PICTURE_KEYS = frozenset(("b64",))


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """Inputs in the model's order, and whether the answer is to be in row form."""

    inputs: list[Array | EncodedImages]
    row_form: bool


def parse_predict_request(body: Body, expected: Sequence[TensorInfo]) -> PredictRequest:
    """Understand and check a body; raises RequestError with the fault that OVMS names."""
    document = parse_json(body)
    if not isinstance(document, dict):
        raise RequestError(Fault.BODY_NOT_OBJECT)
    if ("instances" in document) == ("inputs" in document):
        raise RequestError(Fault.TFS_FORMAT_UNKNOWN)
    row_form = "instances" in document
    columns = _columns(document["instances"]) if row_form else document["inputs"]
    if not isinstance(columns, dict) or set(columns) == _PICTURE_KEYS:
        if len(expected) != 1:
            raise RequestError(Fault.BYTES_MALFORMED)
        columns = {expected[0].name: columns}
    check_input_names(expected, columns, len(columns))
    return PredictRequest([_tensor(info, columns[info.name]) for info in expected], row_form)


def _columns(instances: Any) -> Any:
    """Rows turned into columns: one list, or one list per input name."""
    if not isinstance(instances, list) or not instances:
        raise RequestError(Fault.TFS_INSTANCES_MISSING)
    named = [isinstance(row, dict) and set(row) != _PICTURE_KEYS for row in instances]
    if not any(named):
        return instances
    if not all(named) or any(set(row) != set(instances[0]) for row in instances):
        raise RequestError(Fault.TFS_NOT_NDARRAY)
    return {name: [row[name] for row in instances] for name in instances[0]}


def _tensor(info: TensorInfo, data: Any) -> Array | EncodedImages:
    if _is_picture(data):
        raise RequestError(
            Fault.INPUT_RANK,
            f"Expected number of binary input shape dimensions: 1; Actual: 0; input name: {info.name}",
        )
    if isinstance(data, list) and data and all(_is_picture(item) for item in data):
        return _pictures(info, data)
    if info.element.is_string:
        return _strings(data)
    array = _numbers(info, data)
    check_shape(info, array.shape)
    return array


def _is_picture(item: Any) -> bool:
    return isinstance(item, dict) and set(item) == _PICTURE_KEYS


def _pictures(info: TensorInfo, data: list[dict[str, Any]]) -> EncodedImages:
    if not takes_images(info):
        raise RequestError(Fault.BYTES_UNSUPPORTED, f"the input {info.name} takes no pictures")
    check_image_count(info, len(data))
    try:
        return EncodedImages(info, [b64decode(item["b64"], validate=True) for item in data])
    except (binascii.Error, TypeError, ValueError) as error:
        raise RequestError(Fault.TFS_NOT_NDARRAY) from error


def _strings(data: Any) -> Array:
    if not isinstance(data, list) or not all(isinstance(item, str) for item in data):
        raise RequestError(Fault.TFS_NOT_NDARRAY)
    return np.array([item.encode("utf-8") for item in data], dtype=np.object_)


def _numbers(info: TensorInfo, data: Any) -> Array:
    """Numbers of any kind, converted to the model's type; fractions are cut off for whole-number models."""
    if info.element.numpy.kind == "b" or not info.element.in_json:
        raise RequestError(Fault.TFS_PRECISION_UNSUPPORTED)
    if isinstance(data, list) and flatten(data)[1] <= {int, float}:
        try:
            array = np.array(data)
        except ValueError as error:  # ragged
            raise RequestError(Fault.TFS_NOT_NDARRAY) from error
    elif type(data) in (int, float):
        array = np.array(data)
    else:
        raise RequestError(Fault.TFS_NOT_NDARRAY)
    if array.dtype.kind == "O" or not _fits(array, info.element.numpy):
        raise RequestError(Fault.TFS_NOT_NDARRAY)
    with np.errstate(over="ignore"):
        return array.astype(info.element.numpy)


def _fits(array: Array, target: np.dtype[Any]) -> bool:
    if target.kind == "f" or not array.size:
        return True
    limits = np.iinfo(target)
    return bool(limits.min <= array.min() and array.max() <= limits.max)
