"""Bodies of requests that are JSON of a known shape."""

from typing import TypeVar

from edge_common.printable import printable
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from car_client.web.error_answers import ApiError

_Asked = TypeVar("_Asked", bound=BaseModel)
_LONGEST_PLACE = 100
_OWN = "Value error, "
"""What pydantic writes before sentences that are not its own."""


async def read_json(request: Request, kind: type[_Asked], *, max_bytes: int, advice: str) -> _Asked:
    """The body as `kind`; `advice` is what to do about one beyond `max_bytes`.

    Raises ApiError 415 for another type, 413 for too many bytes, 400 for another shape.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "send JSON, with Content-Type application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise ApiError(413, f"the request has more than {max_bytes} bytes; {advice}")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise ApiError(
            400, f"{printable(place[:_LONGEST_PLACE])}: {first['msg'].removeprefix(_OWN)}"
        ) from error
