"""The body of a TensorFlow Serving `:predict` request, in row or column form. Pure.

Row form, `{"instances": […]}`, has one entry per item of the batch; column form, `{"inputs": …}`, has whole
tensors. Either may leave out the name of an only input. `{"b64": "…"}` stands for an encoded picture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.images import takes_images
from ovms_lite.wire.json_values import Body, parse_json
from ovms_lite.wire.model_inputs import (
    EncodedImages,
    check_batch,
    check_byte_count,
    check_shape,
    inputs_in_order,
    takes_text_rows,
)
from ovms_lite.wire.tensors import Array, TensorInfo, text_rows
from ovms_lite.wire.tfs_tensor import TfsTensor, is_picture

_Tensors = dict[str, TfsTensor]


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
    tensors = {info.name: TfsTensor(info.element) for info in expected}
    if row_form:
        _read_rows(document["instances"], tensors)
    else:
        _read_columns(document["inputs"], tensors)
    given = {name: tensor for name, tensor in tensors.items() if tensor.is_given}
    return PredictRequest(inputs_in_order(expected, given, len(given), _model_input), row_form)


def _read_rows(instances: Any, tensors: _Tensors) -> None:
    if not isinstance(instances, list):
        raise RequestError(Fault.TFS_INSTANCES_NOT_ARRAY)
    if not instances:
        raise RequestError(Fault.TFS_INSTANCES_MISSING)
    first = instances[0]
    if isinstance(first, dict) and not is_picture(first):
        _read_named_rows(instances, tensors)
    elif isinstance(first, list | str | dict) or type(first) in (int, float):
        if not _only(tensors).add(instances, 0):
            raise RequestError(Fault.TFS_NOT_NDARRAY)
    else:
        raise RequestError(Fault.TFS_NEITHER_NAMED)


def _read_named_rows(instances: list[Any], tensors: _Tensors) -> None:
    for instance in instances:
        if not isinstance(instance, dict):
            raise RequestError(Fault.TFS_INSTANCE_NOT_OBJECT)
        if not instance:
            raise RequestError(Fault.TFS_NOT_NDARRAY)
        for name, data in instance.items():
            tensor = tensors.setdefault(name, TfsTensor(None))
            tensor.begin_row()
            if not tensor.add(data, 1):
                raise RequestError(Fault.TFS_NOT_NDARRAY)
    if len({tensor.shape[0] for tensor in tensors.values() if tensor.is_given}) > 1:
        raise RequestError(Fault.TFS_BATCHES_DIFFER)


def _read_columns(inputs: Any, tensors: _Tensors) -> None:
    if isinstance(inputs, list):
        columns: Mapping[TfsTensor, Any] = {_only(tensors): inputs}
    elif not isinstance(inputs, dict):
        raise RequestError(Fault.TFS_INPUTS_NOT_OBJECT)
    elif not inputs:
        raise RequestError(Fault.INPUTS_MISSING)
    else:
        columns = {tensors.setdefault(name, TfsTensor(None)): data for name, data in inputs.items()}
    for tensor, data in columns.items():
        if not tensor.add(data, 0):
            raise RequestError(Fault.INPUT_NOT_NDARRAY)


def _only(tensors: _Tensors) -> TfsTensor:
    if len(tensors) != 1:
        raise RequestError(Fault.BYTES_MALFORMED)
    return next(iter(tensors.values()))


def _model_input(info: TensorInfo, tensor: TfsTensor) -> Array | EncodedImages:
    if not tensor.is_text:
        return _numbers(info, tensor)
    if info.element.is_string:
        check_shape(info, tensor.shape)
        if len(tensor.strings) != tensor.shape[0] or len(tensor.shape) != 1:
            counts = f"Expected: {tensor.shape[0]}; Actual: {len(tensor.strings)}"
            raise RequestError(Fault.INPUT_VALUE_COUNT, f"{counts}; input name: {info.name}")
        return np.array(tensor.strings, dtype=np.object_).reshape(tensor.shape)
    if not takes_text_rows(info) and not takes_images(info):
        raise RequestError(Fault.BYTES_UNSUPPORTED, f"the input {info.name} takes no texts and no pictures")
    if len(tensor.shape) != 1:
        raise RequestError(
            Fault.INPUT_RANK,
            f"Expected number of binary input shape dimensions: 1; Actual: {len(tensor.shape)}; "
            f"input name: {info.name}",
        )
    if tensor.shape[0] != len(tensor.strings):
        raise RequestError(Fault.INPUT_BATCH)
    check_batch(info, len(tensor.strings))
    if takes_images(info):
        return EncodedImages(info, tensor.strings, if_empty=Fault.STRING_EMPTY)
    rows = text_rows(tensor.strings)
    if not all(dimension.admits(size) for dimension, size in zip(info.shape, rows.shape, strict=True)):
        raise RequestError(
            Fault.INPUT_SHAPE,
            f"Expected batch size: {info.shape[0]}; got: {rows.shape[0]}; Expected max null terminated "
            f"string length: {info.shape[1]}; got: {rows.shape[1]}; input name: {info.name}",
        )
    return rows


def _numbers(info: TensorInfo, tensor: TfsTensor) -> Array:
    """Numbers of any kind, converted to the model's type; fractions are cut off for whole-number models."""
    check_shape(info, tensor.shape)
    numbers = tensor.numbers()
    check_byte_count(info, tensor.shape, numbers.size * info.element.numpy.itemsize)
    if not _fits(numbers, info.element.numpy):
        raise RequestError(Fault.TFS_NOT_NDARRAY)
    with np.errstate(over="ignore"):
        return numbers.astype(info.element.numpy).reshape(tensor.shape)


def _fits(array: Array, target: np.dtype[Any]) -> bool:
    if target.kind == "f" or not array.size:
        return True
    limits = np.iinfo(target)
    return bool(limits.min <= array.min() and array.max() <= limits.max)
