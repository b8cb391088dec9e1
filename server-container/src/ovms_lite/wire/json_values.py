"""JSON bodies and the numbers in them: parsed, flattened, and turned into arrays of one type. Pure."""

from itertools import chain
from typing import Any

import numpy as np
import orjson
import simdjson

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Array, ElementType

MAX_DATA_DEPTH = 97
"""Nested lists in `data`; OVMS allows a depth of 100 for the whole body, of which three are around `data`."""
Body = bytes | bytearray | memoryview
_NUMBERS = frozenset((int, float))
_WHOLE = frozenset((int,))
_TRUTHS = frozenset((bool,))
_TEXTS = frozenset((str,))
_SMALLEST, _LARGEST = 16 * 1024, 64 * 1024 * 1024
"""Below, nothing is gained; above, the parser's own memory, some times the body's, would be too much."""


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


def parse_numbers(body: Body) -> dict[str, Any] | None:
    """A large request as `parse_json` gives it, but with each `data` a flat array of its entry's datatype.

    So there is no Python object for each number. Only what is right is read here, and as `array_of_values`
    reads it, but for nesting inside `data`, which is not counted.

    None when the body is small, no correct JSON, or has data that are not all numbers of their datatype.
    """
    if not _SMALLEST <= len(body) <= _LARGEST or body[:1] not in (b"{", b" ", b"\n"):  # nor a byte order mark
        return None
    try:
        document: Any = simdjson.Parser().parse(body)
        if not isinstance(document, simdjson.Object) or not isinstance(document["inputs"], simdjson.Array):
            return None
        request = {key: _plain(value) for key, value in _items(document) if key != "inputs"}
        return request | {"inputs": [_entry(entry) for entry in document["inputs"]]}
    except (
        KeyError,
        OverflowError,
        RuntimeError,
        TypeError,
        ValueError,
    ):  # what the parser raises, and _Unclear
        return None


def _items(holder: Any) -> list[tuple[str, Any]]:
    """Keys and values; raises ValueError for a key that occurs twice: this parser gives the first."""
    if not isinstance(holder, simdjson.Object):
        raise TypeError("no object")
    keys = list(holder.keys())
    if len(set(keys)) != len(keys):
        raise ValueError("a key occurs twice")
    return [(key, holder[key]) for key in keys]


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return {key: _plain(item) for key, item in _items(value)}
    return [_plain(item) for item in value] if isinstance(value, simdjson.Array) else value


def _entry(entry: Any) -> dict[str, Any]:
    """An input; its data are not made into Python objects on the way."""
    values = dict(_items(entry))
    data = values.pop("data")
    plain = {key: _plain(value) for key, value in values.items()}
    return plain | {"data": _array(data, BY_KSERVE_NAME[plain["datatype"]])}


def _array(data: Any, element: ElementType) -> Array:
    """Raises TypeError or ValueError when `data` are not all numbers of the type."""
    wanted: np.dtype[Any] = element.numpy
    if not isinstance(data, simdjson.Array) or wanted.kind not in "fiu" or not element.in_json:
        raise TypeError("no list of numbers")
    if wanted.kind == "f":
        with np.errstate(over="ignore"):  # a number beyond FP32 becomes infinity, as in json_values
            return np.frombuffer(data.as_buffer(of_type="d"), np.float64).astype(wanted)
    numbers: Array = (
        np.frombuffer(data.as_buffer(of_type="i"), np.int64)
        if wanted.kind == "i"
        else np.frombuffer(data.as_buffer(of_type="u"), np.uint64)
    )
    limits = np.iinfo(wanted)
    if numbers.size and not limits.min <= numbers.min() <= numbers.max() <= limits.max:
        raise ValueError("a number does not fit its type")
    return numbers.astype(wanted)
