"""The body of a KServe v2 inference request: JSON, optionally followed by a tail of raw tensors. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.json_values import Body, array_of_values, parse_json, parse_numbers
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Array

_MAX_INT32 = 2**31 - 1
_BINARY_SIZE = "binary_data_size"


class InputTensor(NamedTuple):
    """One input as sent: `values` from JSON, or `raw` bytes from the tail; never both."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    values: Array | None
    raw: memoryview | None


class InferRequest(NamedTuple):
    """A parsed request. `binary_outputs` names outputs to send as raw bytes; None: all of them."""

    id: str
    inputs: tuple[InputTensor, ...]
    binary_outputs: frozenset[str] | None


def parse_infer_request(body: Body, json_length: str | None) -> InferRequest:
    """Understand a body; `json_length` is the text of `Inference-Header-Content-Length`, None when not sent.

    Raises RequestError with the fault that OVMS names; the model is not looked at here.
    """
    size = len(body) if json_length is None else _json_size(json_length, len(body))
    whole = memoryview(body)
    document = parse_numbers(whole[:size]) or parse_json(whole[:size])
    if not isinstance(document, dict):
        raise RequestError(Fault.BODY_NOT_OBJECT)
    request_id = document.get("id", "")
    if not isinstance(request_id, str):
        raise RequestError(Fault.INPUT_NOT_NDARRAY)
    parameters = _parameters(document)
    return InferRequest(
        request_id,
        _inputs(document, whole[size:]),
        _binary_outputs(document, default=parameters.get("binary_data_output") is True),
    )


def _json_size(text: str, body_size: int) -> int:
    stripped = text.strip()
    try:
        size = int(stripped) if stripped.lstrip("+").isdecimal() else -1
    except ValueError:  # more digits than Python converts
        size = -1
    if not 0 <= size <= _MAX_INT32:
        raise RequestError(Fault.BINARY_HEADER_INVALID)
    if size > body_size:
        raise RequestError(Fault.BINARY_HEADER_TOO_LARGE)
    return size


def _parameters(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """`parameters` of a request, input or output: texts, truths and 32-bit whole numbers."""
    parameters = holder.get("parameters")
    if parameters is None and "parameters" not in holder:
        return {}
    if not isinstance(parameters, dict):
        raise RequestError(Fault.PARAMETERS_NOT_PARSED)
    for value in parameters.values():
        if not isinstance(value, str | int) or (isinstance(value, int) and abs(value) > _MAX_INT32):
            raise RequestError(Fault.PARAMETERS_NOT_PARSED)
    return parameters


def _inputs(document: Mapping[str, Any], tail: memoryview) -> tuple[InputTensor, ...]:
    entries = document.get("inputs", [])
    if not isinstance(entries, list):
        raise RequestError(Fault.INPUT_NOT_NDARRAY)
    if not entries:
        raise RequestError(Fault.INPUTS_MISSING)
    if any("data" in entry for entry in entries if isinstance(entry, dict)):
        return tuple(_json_input(entry) for entry in entries)
    tensors = []
    for entry in entries:
        tensor, size = _raw_input(entry, tail, is_only=len(entries) == 1)
        tensors.append(tensor)
        tail = tail[size:]
    return tuple(tensors)


def _head(entry: Any) -> tuple[str, tuple[int, ...], str]:
    """Name, shape and datatype of an input."""
    if not isinstance(entry, dict):
        raise RequestError(Fault.INPUT_NOT_NDARRAY)
    name, shape, datatype = entry.get("name"), entry.get("shape"), entry.get("datatype")
    if not isinstance(name, str) or not isinstance(shape, list) or not isinstance(datatype, str):
        raise RequestError(Fault.INPUT_NOT_NDARRAY)
    for size in shape:
        if type(size) is not int or not 0 <= size <= _MAX_INT32:
            raise RequestError(Fault.INPUT_NOT_NDARRAY)
    return name, tuple(shape), datatype


def _json_input(entry: Any) -> InputTensor:
    name, shape, datatype = _head(entry)
    parameters = _parameters(entry)
    if "data" not in entry:
        raise RequestError(
            Fault.BINARY_MIXED, f"every input needs data in JSON once one has it; {name} has none"
        )
    if _BINARY_SIZE in parameters:
        raise RequestError(Fault.BINARY_AND_DATA)
    data = entry["data"]
    if isinstance(data, np.ndarray):
        return InputTensor(name, shape, datatype, data, None)
    if not isinstance(data, list):
        raise RequestError(Fault.INPUT_NOT_NDARRAY)
    element = BY_KSERVE_NAME.get(datatype)
    if element is None or not element.in_json:
        raise RequestError(Fault.INPUT_PRECISION_UNSUPPORTED)
    return InputTensor(name, shape, datatype, array_of_values(data, element, Fault.INPUT_NOT_NDARRAY), None)


def _raw_input(entry: Any, tail: memoryview, *, is_only: bool) -> tuple[InputTensor, int]:
    """An input whose bytes are in front of `tail`, and how many they are."""
    name, shape, datatype = _head(entry)
    size = _parameters(entry).get(_BINARY_SIZE)
    if size is None:
        size = _expected_size(shape, datatype, tail, is_only=is_only)
    elif type(size) is not int or size < 0:
        raise RequestError(Fault.BINARY_SIZE_INVALID)
    if size > len(tail):
        raise RequestError(Fault.BINARY_TAIL_SHORT)
    return InputTensor(name, shape, datatype, None, tail[:size]), size


def _expected_size(shape: Sequence[int], datatype: str, tail: memoryview, *, is_only: bool) -> int:
    element = BY_KSERVE_NAME.get(datatype)
    if element is None:
        return len(tail)  # the model's check then names the datatype
    if element.is_string:
        if not is_only or tuple(shape) != (1,):  # OVMS cannot tell where the texts end either
            raise RequestError(Fault.INPUT_NOT_NDARRAY)
        return len(tail)
    size = element.numpy.itemsize
    for dimension in shape:
        size *= dimension
    return size


def _binary_outputs(document: Mapping[str, Any], *, default: bool) -> frozenset[str] | None:
    """Each listed output is looked at; OVMS remembers the last only, and none without a list."""
    if "outputs" not in document:
        return None if default else frozenset()
    entries = document["outputs"]
    if not isinstance(entries, list):
        raise RequestError(Fault.INPUT_NOT_NDARRAY)
    binary = set()
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise RequestError(Fault.OUTPUT_NOT_PARSED)
        wish = _parameters(entry).get("binary_data")
        if wish is True or (default and wish is not False):
            binary.add(entry["name"])
    return frozenset(binary)
