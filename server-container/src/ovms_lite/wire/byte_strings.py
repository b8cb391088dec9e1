"""BYTES tensors: elements with a little-endian 32-bit length in front, and text rows for UINT8 models."""

import struct
from collections.abc import Iterable, Sequence

import numpy as np

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.tensors import Array

_LENGTH = struct.Struct("<I")


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
