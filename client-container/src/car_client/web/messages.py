"""What all routes have alike: JSON bodies of requests, errors as answers, and what browsers are told."""

from typing import TypeVar

from edge_common.errors import EdgeError, RetryableError
from edge_common.pictures.decode import NotAPictureError, PictureTooLargeError
from edge_common.printable import printable
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.errors import RequestRefusedError, ServerFailedError, UnknownModelError, UnusableModelError

_STATUS: tuple[tuple[type[EdgeError], int], ...] = (
    (PictureTooLargeError, 413),
    (NotAPictureError, 415),
    (UnknownModelError, 404),
    (UnusableModelError, 422),
    (RequestRefusedError, 502),
    (ServerFailedError, 502),
    (RetryableError, 503),
)
_RETRY_SECONDS = "1"
FRESH = {"Cache-Control": "no-store"}
_Asked = TypeVar("_Asked", bound=BaseModel)
_LONGEST_PLACE = 100
_OWN = "Value error, "
"""What pydantic writes before sentences that are not its own."""
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ErrorDocument(TypedDict):
    """One sentence: what is wrong, and what to do."""

    error: str


class ApiError(Exception):
    """A request that the API itself refuses."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def status_of(error: EdgeError) -> int:
    """The HTTP status for `error`: 4xx when the request is at fault, 5xx when the model server is."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def answer_error(status: int, sentence: str) -> JSONResponse:
    """The answer with `error` as its only key."""
    headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else None  # noqa: PLR2004 - HTTP's own number
    return JSONResponse(ErrorDocument(error=sentence), status_code=status, headers=headers)


async def answer_raised(request: Request, error: Exception) -> Response:
    """The answer for what a route raised; starlette raises the unforeseen again, so that the log has it."""
    match error:
        case ApiError():
            return answer_error(error.status, str(error))
        case EdgeError():
            return answer_error(status_of(error), str(error))
        case HTTPException(status_code=404):
            return answer_error(404, f"there is nothing at {request.url.path}; see /docs for what there is")
        case HTTPException():
            return answer_error(
                error.status_code, f"{request.method} {request.url.path}: {error.detail.lower()}"
            )
    return answer_error(500, "this failed in a way nobody foresaw; the client's log says more")


def content_type(request: Request) -> str:
    """The media type of the body, in lower case; empty where none is told."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def whole_number(name: str, given: str, most: int) -> int:
    """What is `given` as the parameter `name`, from 1 to `most`. Raises ApiError 400."""
    # digits are counted first, because Python refuses to read more than some thousand
    if not (given.isdecimal() and len(given) <= len(str(most)) and 1 <= int(given) <= most):
        raise ApiError(400, f"{name} is {given[:20]!r}; it must be a whole number from 1 to {most}")
    return int(given)


def limit_of(request: Request, usual: int, most: int) -> int:
    """How many are asked for: `limit` of the query, else the `usual` number. Raises ApiError 400."""
    return whole_number("limit", request.query_params.get("limit") or str(usual), most)


async def read_json(request: Request, kind: type[_Asked], *, max_bytes: int, advice: str) -> _Asked:
    """The body as `kind`; `advice` is what to do about one beyond `max_bytes`.

    Raises ApiError 415 for another type, 413 for too many bytes, 400 for another shape.
    """
    if content_type(request) != "application/json":
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


class SecurityHeaders:
    """ASGI middleware: the headers on every answer, and no writes from pages of other sites."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["method"] == "POST" and Headers(scope=scope).get("sec-fetch-site") == "cross-site":
            refusal = answer_error(403, "pages of other sites may not send pictures here")
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)
