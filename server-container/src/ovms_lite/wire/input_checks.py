"""Whether the tensors of a request fit a model: the checks of OVMS, in its order, with its texts. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.tensors import TensorInfo, shape_text

_Given = TypeVar("_Given")
_Checked = TypeVar("_Checked")
_MAX_ELEMENTS = 2**30
"""No request can hold more. Checked without its zeros, a shape such as (0, 2^31, 2^31) is no memory either,
but more than can be addressed."""


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
