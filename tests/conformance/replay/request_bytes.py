"""The bytes of a request, from its description in a recording."""

import base64
import gzip
import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Description = Mapping[str, Any]

_STRUCT_CODES = {
    "BOOL": "?", "FP16": "e", "FP32": "f", "FP64": "d",
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
}  # fmt: skip


def request_bytes(request: Description) -> tuple[str, bytes]:
    """The method, and all that goes over the wire; nothing is added but Host and Content-Length."""
    if "raw" in request:
        return request.get("method", "GET"), request["raw"].encode("latin-1")
    parts = _body_parts(request)
    body = b"".join(parts)
    if request.get("gzip"):
        body = gzip.compress(body, mtime=0)
    first = str(len(parts[0]) if parts else 0)
    headers = {"Host": "localhost"}
    headers |= {name: value.replace("{part0}", first) for name, value in request.get("headers", {}).items()}
    if "chunks" in request:
        headers["Transfer-Encoding"] = "chunked"
        body = b"".join(_chunked(body, request["chunks"]))
    elif parts and not {"content-length", "transfer-encoding"} & {name.lower() for name in headers}:
        headers["Content-Length"] = str(len(body))
    lines = [f"{request['method']} {request['path']} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return request["method"], "\r\n".join([*lines, "", ""]).encode() + body


def _body_parts(request: Description) -> list[bytes]:
    if "body_parts" in request:
        return [_part(part) for part in request["body_parts"]]
    whole: dict[str, Callable[[Any], bytes]] = {
        "body": str.encode,
        "body_b64": base64.b64decode,
        "json": lambda value: json.dumps(value).encode(),
    }
    return [make(request[key]) for key, make in whole.items() if key in request]


def _part(part: Description) -> bytes:
    match part:
        case {"text": str() as text}:
            return text.encode()
        case {"json": value}:
            return json.dumps(value).encode()
        case {"b64": str() as text}:
            return base64.b64decode(text)
        case {"repeat": str() as text, "times": int() as times}:
            return text.encode() * times
        case {"dtype": str() as datatype, "values": list() as values}:
            values = values * part.get("times", 1)
            return struct.pack(f"<{len(values)}{_STRUCT_CODES[datatype]}", *values)
        case {"elements": list() as elements}:  # a BYTES tensor: each element after its length
            return b"".join(struct.pack("<I", len(data)) + data for data in map(_part, elements))
    raise ValueError(f"a body part of an unknown kind: {sorted(part)}")


def _chunked(body: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """HTTP chunks of these sizes, then one with the rest."""
    begin = 0
    for size in [*sizes, len(body)]:
        if chunk := body[begin : begin + size]:
            yield f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
        begin += size
    yield b"0\r\n\r\n"
