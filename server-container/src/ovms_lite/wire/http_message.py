"""HTTP requests and answers as the application sees them: no sockets, no framework."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.json_values import Body

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"
REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


@dataclass(slots=True)
class Request:
    """One request. `target` is the raw path without the query; header names are in lower case.

    `refusal` is the answer where the body was not kept although one is wanted.
    """

    method: str
    target: str
    headers: dict[bytes, bytes]
    body: Body
    refusal: RequestError | None = None


@dataclass(slots=True)
class Response:
    """One answer; the parts of `body` are sent one after the other, without being joined first."""

    status: int
    body: tuple[bytes, ...] = ()
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


EMPTY = Response(200)


def json_response(document: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, (orjson.dumps(document),))


def error_response(error: RequestError) -> Response:
    """`{"error": …}` with the error's status; one that passes by itself says when to ask again."""
    response = json_response({"error": str(error)}, error.status)
    if error.fault is Fault.OVERLOADED:
        response.headers = ((b"retry-after", b"1"),)
    return response
