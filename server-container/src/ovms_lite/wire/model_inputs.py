"""From the tensors of a request to arrays for the model, in its order; without copying binary tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.byte_strings import split_elements, text_rows
from ovms_lite.wire.images import check_image_layout, decode_images, decoding_work, takes_images
from ovms_lite.wire.input_checks import (
    check_batch,
    check_byte_count,
    check_precision,
    check_shape,
    check_value_count,
    inputs_in_order,
)
from ovms_lite.wire.kserve_request import InputTensor
from ovms_lite.wire.tensors import Array, TensorInfo

_TEXT_ROWS_RANK = 2


@dataclass(frozen=True, slots=True)
class EncodedImages:
    """Pictures that still have to be decoded for the input `info`; `decode` is slow."""

    info: TensorInfo
    pictures: Sequence[bytes | memoryview]
    if_empty: Fault = Fault.IMAGE_UNREADABLE
    """What a picture without a byte is."""

    def work(self) -> int:
        """About how many pixels will be drawn; raises RequestError when none can be, or too many."""
        check_image_layout(self.info)
        if not all(len(picture) for picture in self.pictures):
            raise RequestError(self.if_empty)
        return decoding_work(self.pictures)

    def decode(self) -> Array:
        """One tensor; raises RequestError."""
        return decode_images(self.info, self.pictures)


def model_inputs(expected: Sequence[TensorInfo], given: Sequence[InputTensor]) -> list[Array | EncodedImages]:
    """Check the tensors of a request and put them in the model's order; raises RequestError."""
    by_name = {tensor.name: tensor for tensor in given}
    return inputs_in_order(expected, by_name, len(given), _model_input)


def takes_text_rows(info: TensorInfo) -> bool:
    """Whether BYTES sent to this input mean texts, one a row."""
    return len(info.shape) == _TEXT_ROWS_RANK and info.element.kserve == "UINT8"


def _model_input(info: TensorInfo, tensor: InputTensor) -> Array | EncodedImages:
    if tensor.datatype == "BYTES":
        return _from_bytes(info, tensor)
    check_precision(info, tensor.datatype)
    check_shape(info, tensor.shape)
    if tensor.raw is None:
        assert tensor.values is not None  # noqa: S101 - a tensor has values or raw bytes
        check_value_count(info, tensor.shape, tensor.values.size)
        return tensor.values.reshape(tensor.shape)
    check_byte_count(info, tensor.shape, len(tensor.raw))
    return np.frombuffer(tensor.raw, dtype=info.element.numpy).reshape(tensor.shape)


def _from_bytes(info: TensorInfo, tensor: InputTensor) -> Array | EncodedImages:
    """BYTES are text for string models and UINT8 matrices, and encoded pictures for models of rank 4."""
    is_text_rows = takes_text_rows(info)
    if info.element.is_string:
        check_shape(info, tensor.shape)
        elements = _elements(info, tensor)
        return np.array([bytes(e) for e in elements], dtype=np.object_).reshape(tensor.shape)
    if not is_text_rows and not takes_images(info):
        raise RequestError(
            Fault.BYTES_UNSUPPORTED,
            f"the input {info.name} takes {info.element.kserve} values, neither text nor pictures",
        )
    if len(tensor.shape) != 1:
        raise RequestError(
            Fault.INPUT_RANK,
            f"Expected number of input shape dimensions: 1; Actual: {len(tensor.shape)}; "
            f"input name: {info.name}",
        )
    if is_text_rows:
        rows = text_rows(_elements(info, tensor))
        check_shape(info, rows.shape)
        return rows
    check_batch(info, tensor.shape[0])
    return EncodedImages(info, _elements(info, tensor))


def _elements(info: TensorInfo, tensor: InputTensor) -> Sequence[bytes | memoryview]:
    elements: Sequence[bytes | memoryview] = (
        tensor.values.tolist() if tensor.values is not None else split_elements(tensor.raw or memoryview(b""))
    )
    check_value_count(info, tensor.shape, len(elements))
    return elements
