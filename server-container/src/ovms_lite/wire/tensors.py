"""Element types, dimensions and tensor descriptions: the vocabulary of metadata, requests and answers.

The element table is the only place that knows how OpenVINO, KServe, OVMS's messages, TensorFlow Serving and
numpy call one type.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ovms_lite.errors import Fault, RequestError

Array = npt.NDArray[np.generic]
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class ElementType:
    """One element type under all its names.

    `message_name` is what OVMS writes after "Expected:"; `numpy` is the storage (BF16 travels as its two raw
    bytes); `in_json` tells whether values may be written as JSON.
    """

    kserve: str
    openvino: str
    message_name: str
    tensorflow: str
    numpy: np.dtype[np.generic]
    in_json: bool = True

    @property
    def is_string(self) -> bool:
        """Whether elements are byte strings of any length."""
        return self.kserve == "BYTES"


def _row(names: str, numpy: type[np.generic], *, in_json: bool = True) -> ElementType:
    """A row; `names` are those of KServe, OpenVINO, OVMS's messages and TensorFlow."""
    kserve, openvino, message, tensorflow = names.split()
    return ElementType(kserve, openvino, message, tensorflow, np.dtype(numpy), in_json)


ELEMENT_TYPES = (
    _row("FP64 f64 FP64 DT_DOUBLE", np.float64),
    _row("FP32 f32 FP32 DT_FLOAT", np.float32),
    _row("FP16 f16 FP16 DT_HALF", np.float16),
    _row("BF16 bf16 BF16 DT_BFLOAT16", np.uint16, in_json=False),
    _row("INT64 i64 I64 DT_INT64", np.int64),
    _row("INT32 i32 I32 DT_INT32", np.int32),
    _row("INT16 i16 I16 DT_INT16", np.int16),
    _row("INT8 i8 I8 DT_INT8", np.int8),
    _row("UINT64 u64 U64 DT_UINT64", np.uint64),
    _row("UINT32 u32 U32 DT_UINT32", np.uint32),
    _row("UINT16 u16 U16 DT_UINT16", np.uint16),
    _row("UINT8 u8 U8 DT_UINT8", np.uint8),
    _row("BOOL boolean BOOL DT_BOOL", np.bool_),
    _row("BYTES string STRING DT_STRING", np.object_),
)
BY_KSERVE_NAME = {element.kserve: element for element in ELEMENT_TYPES}
BY_OPENVINO_NAME = {element.openvino: element for element in ELEMENT_TYPES}


@dataclass(frozen=True, slots=True)
class Dimension:
    """The sizes one dimension may have: `low` to `high`, both included; `high` None is unbounded."""

    low: int
    high: int | None

    @property
    def is_static(self) -> bool:
        """Whether there is exactly one size."""
        return self.low == self.high

    @property
    def is_unbounded(self) -> bool:
        """Whether any size fits."""
        return self.high is None

    def admits(self, size: int) -> bool:
        """Whether a tensor may have `size` here."""
        return self.low <= size and (self.high is None or size <= self.high)

    def as_metadata(self) -> int:
        """The size, or -1 when it is not fixed."""
        return self.low if self.is_static else -1

    def __str__(self) -> str:
        if self.high is None:
            return "-1"
        return str(self.low) if self.is_static else f"[{self.low}~{self.high}]"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output of a model, as clients see it.

    `layout` names the dimensions (`NHWC`); `N...` stands for "batch first, nothing else known".
    """

    name: str
    element: ElementType
    shape: tuple[Dimension, ...]
    layout: str = "N..."

    def with_sizes(self, sizes: Sequence[int]) -> "TensorInfo":
        """The same tensor with every size fixed."""
        return replace(self, shape=tuple(Dimension(size, size) for size in sizes))


def shape_text(shape: Sequence[Dimension | int]) -> str:
    """A shape as OVMS writes it in messages: `(1,10)`, `(-1,4)`, `([1~3],[2~5])`."""
    return "(" + ",".join(str(dimension) for dimension in shape) + ")"


def split_elements(raw: memoryview) -> list[memoryview]:
    """The elements of a raw BYTES tensor; raises RequestError when a length does not fit what follows."""
    elements = []
    position = 0
    while position < len(raw):
        start = position + _LENGTH.size
        if start > len(raw):
            raise RequestError(Fault.BYTES_MALFORMED)
        position = start + _LENGTH.unpack_from(raw, position)[0]
        if position > len(raw):
            raise RequestError(Fault.BYTES_MALFORMED)
        elements.append(raw[start:position])
    return elements


def join_elements(elements: Iterable[bytes]) -> bytes:
    """The raw form of a BYTES tensor."""
    return b"".join(_LENGTH.pack(len(element)) + element for element in elements)


def text_rows(elements: Sequence[bytes | memoryview]) -> Array:
    """A UINT8 matrix with one text a row, padded with zeros; one column more than the longest text."""
    width = max((len(element) for element in elements), default=0) + 1
    rows = np.zeros((len(elements), width), dtype=np.uint8)
    for row, element in zip(rows, elements, strict=True):
        row[: len(element)] = np.frombuffer(element, dtype=np.uint8)
    return rows
