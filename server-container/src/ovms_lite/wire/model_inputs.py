"""From the tensors of a request to arrays for the model, in its order; without copying binary tensors.

The checks are those of OVMS, in its order, with its texts. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.images import check_image_layout, decode_images, decoding_work, takes_images
from ovms_lite.wire.kserve_request import InputTensor
from ovms_lite.wire.tensors import Array, TensorInfo, shape_text, split_elements, text_rows

_Given = TypeVar("_Given")
_Checked = TypeVar("_Checked")
_MAX_ELEMENTS = 2**30
"""No request can hold more. Checked without its zeros, a shape such as (0, 2^31, 2^31) is no memory either,
but more than can be addressed."""
_TEXT_ROWS_RANK = 2


def inputs_in_order(
    expected: Sequence[TensorInfo],
    given: Mapping[str, _Given],
    count: int,
    check: Callable[[TensorInfo, _Given], _Checked],
) -> list[_Checked]:
    """What `check` makes of each input, in the model's order; `count` inputs were sent.

    Refuses too few or too many, and then looks at one after the other by name: whether it is there, and
    whether it fits.
    """
    if count != len(expected):
        raise RequestError(Fault.INPUT_COUNT, f"Expected: {len(expected)}; Actual: {count}")
    checked: dict[str, _Checked] = {}
    for info in sorted(expected, key=lambda info: info.name):
        if info.name not in given:
            raise RequestError(Fault.INPUT_MISSING, f"Required input: {info.name}")
        checked[info.name] = check(info, given[info.name])
    return [checked[info.name] for info in expected]


def check_precision(info: TensorInfo, datatype: str) -> None:
    """Refuse another datatype than the model's."""
    if datatype != info.element.kserve:
        raise RequestError(
            Fault.INPUT_PRECISION,
            f"Expected: {info.element.message_name}; Actual: {datatype}; input name: {info.name}",
        )


def check_shape(info: TensorInfo, shape: Sequence[int]) -> None:
    """Refuse a shape the model does not take: rank, then batch, then the rest."""
    for size, dimension in zip(shape, info.shape, strict=False):
        if not dimension.admits(size):
            break
    else:
        if len(shape) == len(info.shape) and _product([max(1, size) for size in shape]) <= _MAX_ELEMENTS:
            return
    both = f"Expected: {shape_text(info.shape)}; Actual: {shape_text(shape)}; input name: {info.name}"
    if len(shape) != len(info.shape):
        raise RequestError(Fault.INPUT_RANK, both)
    if info.layout.startswith("N") and not info.shape[0].admits(shape[0]):
        check_batch(info, shape[0])
    raise RequestError(Fault.INPUT_SHAPE, both)


def check_batch(info: TensorInfo, size: int) -> None:
    """Refuse a number of items that the first dimension does not take."""
    if not info.shape[0].admits(size):
        raise RequestError(
            Fault.INPUT_BATCH, f"Expected: {info.shape[0]}; Actual: {size}; input name: {info.name}"
        )


def check_value_count(info: TensorInfo, shape: Sequence[int], count: int) -> None:
    """Refuse JSON values whose number is not the product of the shape."""
    expected = _product(shape)
    if count != expected:
        raise RequestError(
            Fault.INPUT_VALUE_COUNT,
            f"Expected: {expected} values; Actual: {count} values; input name: {info.name}",
        )


def check_byte_count(info: TensorInfo, shape: Sequence[int], count: int) -> None:
    """Refuse raw bytes whose number is not that of the shape and datatype."""
    expected = _product(shape) * info.element.numpy.itemsize
    if count != expected:
        raise RequestError(
            Fault.INPUT_BYTE_COUNT,
            f"Expected: {expected} bytes; Actual: {count} bytes; input name: {info.name}",
        )


def _product(shape: Sequence[int]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


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
