"""JSON bodies and the numbers in them: parsing, flattening, and turning lists into arrays of one type."""

from itertools import chain
from typing import Any

import numpy as np
import orjson

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.tensors import Array, ElementType

MAX_DATA_DEPTH = 97
"""Nested lists in `data`; OVMS allows a depth of 100 for the whole body, of which three are around `data`."""

Body = bytes | bytearray | memoryview
_NUMBERS = frozenset((int, float))
_WHOLE = frozenset((int,))
_TRUTHS = frozenset((bool,))
_TEXTS = frozenset((str,))


def parse_json(body: Body) -> Any:
    """The value of a JSON body; raises RequestError (412) that says what is wrong and where."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(Fault.JSON_INVALID, f"Error: {error.msg}. Offset: {error.pos}") from error


def flatten(data: list[Any]) -> tuple[list[Any], set[type]]:
    """The leaves of nested lists in order, and their types; how they are nested does not matter.

    Raises RequestError when the nesting is deeper than MAX_DATA_DEPTH.
    """
    flat = data
    for _ in range(MAX_DATA_DEPTH):
        types = set(map(type, flat))
        if list not in types:
            return flat, types
        level = flat if len(types) == 1 else (item if type(item) is list else (item,) for item in flat)
        flat = list(chain.from_iterable(level))
    raise RequestError(Fault.JSON_TOO_DEEP)


def array_of_values(data: list[Any], element: ElementType, fault: Fault) -> Array:
    """The leaves of `data` as a flat array; raises RequestError with `fault` when one is not of the type.

    Whole numbers must be written as such and fit the type. OVMS lets 300 become 44 in an INT8 tensor and
    refuses INT64 values beyond 32 bits; neither is done here.
    """
    flat, types = flatten(data)
    if not types <= _allowed(element):
        raise RequestError(fault)
    if element.is_string:
        return np.array([text.encode("utf-8") for text in flat], dtype=np.object_)
    try:
        with np.errstate(over="ignore"):  # a number beyond FP32 becomes infinity, as on OVMS
            return np.array(flat, dtype=element.numpy)
    except (OverflowError, ValueError) as error:
        raise RequestError(fault) from error


def _allowed(element: ElementType) -> frozenset[type]:
    match element.numpy.kind:
        case "f":
            return _NUMBERS
        case "b":
            return _TRUTHS
        case "O":
            return _TEXTS
        case _:
            return _WHOLE
