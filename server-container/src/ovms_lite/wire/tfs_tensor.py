"""One tensor of a TensorFlow Serving request as OVMS 2026.2.1 reads it, value by value. Pure.

Read in its source: sizes come from the nesting, the type from the model, and one text or picture makes the
whole tensor one of texts. So what is refused, and when, follows from the order of the values.
"""

import binascii
import re
from base64 import b64decode
from typing import Any

import numpy as np

from ovms_lite.wire.json_values import flatten
from ovms_lite.wire.tensors import Array, ElementType

_NUMBERS = frozenset((int, float))
_WHITE_SPACE = re.compile(r"[ \t\n\v\f\r]+")
_INT32 = 2**31


def is_picture(value: Any) -> bool:
    """Whether a JSON value is `{"b64": "…"}`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


class TfsTensor:
    """`shape` and `strings` or numbers; `element` None for a name that the model does not have."""

    def __init__(self, element: ElementType | None) -> None:
        self.shape: list[int] = []
        self.strings: list[bytes] = []
        self.is_text = element is not None and element.is_string
        self._element = element
        self._blocks: list[Array] = []

    @property
    def is_given(self) -> bool:
        """Whether the request has it."""
        return bool(self.shape or self.strings)

    def numbers(self) -> Array:
        """All numbers, in order; empty when there are none."""
        return np.concatenate(self._blocks) if self._blocks else np.empty(0)

    def begin_row(self) -> None:
        """Count one more item of the batch."""
        self.shape = [self.shape[0] + 1, *self.shape[1:]] if self.shape else [1]

    def add(self, data: Any, depth: int) -> bool:
        """Take nested values whose outermost list is dimension `depth`; False when they do not fit."""
        block = _block_of_numbers(data) if isinstance(data, list) else None
        if block is not None and self._element is not None:
            return self._add_block(block, depth)
        return self._add_nested(data, depth)

    def _add_nested(self, data: Any, depth: int) -> bool:
        """As `add`, value by value: for what is not all numbers, and to find what is wrong."""
        if is_picture(data) or (isinstance(data, str) and self._is_uint8):
            return self._add_value(data)
        if not isinstance(data, list) or not data or not self._set_size(depth, len(data)):
            return False
        if isinstance(data[0], list):
            return all(self._add_nested(item, depth + 1) for item in data)
        return self._knows_type_of(data[0]) and all(self._add_value(value) for value in data)

    @property
    def _is_uint8(self) -> bool:
        return self._element is not None and self._element.kserve == "UINT8"

    @property
    def _takes_numbers(self) -> bool:
        if self.is_text or self._element is None:
            return not self.is_text
        return self._element.in_json and self._element.numpy.kind in "fiu"

    def _knows_type_of(self, value: Any) -> bool:
        """A name that the model does not have takes what its first value is: a float, or 32 bits."""
        if self._element is not None:
            return True
        return type(value) is float or (type(value) is int and -_INT32 <= value < _INT32)

    def _add_block(self, block: Array, depth: int) -> bool:
        if not self._takes_numbers or not all(
            self._set_size(depth + place, size) for place, size in enumerate(block.shape)
        ):
            return False
        self._blocks.append(block.reshape(-1))
        return True

    def _set_size(self, depth: int, size: int) -> bool:
        if len(self.shape) > depth:
            return self.shape[depth] == size
        self.shape += [0] * (depth - len(self.shape)) + [size]
        return True

    def _add_value(self, value: Any) -> bool:
        if is_picture(value):
            decoded = decode_base64(value["b64"])
            if decoded is None:
                return False
            self.strings.append(decoded)
            self.is_text = True
            return True
        if isinstance(value, str) and (self.is_text or self._is_uint8):
            self.strings.append(value.partition("\0")[0].encode("utf-8"))
            self.is_text = True
            return True
        if type(value) not in _NUMBERS or not self._takes_numbers:
            return False
        self._blocks.append(np.array([value]))
        return True


def _block_of_numbers(data: list[Any]) -> Array | None:
    """Nested lists of numbers that are all of one length at each depth, else None."""
    leaves, types = flatten(data)
    if not types <= _NUMBERS or not leaves:
        return None
    try:
        block: Array = np.array(data)
    except ValueError:  # lists of different lengths
        return None
    return None if block.dtype.kind == "O" else block


def decode_base64(text: str) -> bytes | None:
    """The bytes, or None: white space is skipped, and the padding may be left out, as abseil has it."""
    packed = _WHITE_SPACE.sub("", text)
    digits = packed.rstrip("=.")
    missing = -len(digits) % 4
    if len(packed) - len(digits) not in (0, missing):
        return None
    try:
        return b64decode(digits + "=" * missing, validate=True)
    except (binascii.Error, ValueError):
        return None
