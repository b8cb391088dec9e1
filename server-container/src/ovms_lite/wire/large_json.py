"""Large KServe bodies of numbers, parsed straight into arrays, without a Python object for each number. Pure.

Only what is right is read here, and as `json_values` reads it. Everything else is None, and for that module
to read again and to say what is wrong. One difference: nesting inside `data` is not counted.
"""

from typing import Any

import numpy as np
import simdjson

from ovms_lite.wire.json_values import Body
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Array, ElementType

_SMALLEST, _LARGEST = 16 * 1024, 64 * 1024 * 1024
"""Below, nothing is gained; above, the parser's own memory, some times the body's, would be too much."""


def parse_numbers(body: Body) -> dict[str, Any] | None:
    """A request as `parse_json` gives it, but with each `data` a flat array of its entry's datatype.

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
