"""Which status an error gets, and its body: one JSON object with one sentence."""

from edge_common.errors import EdgeError, RetryableError
from edge_common.pictures.decode import NotAPictureError, PictureTooLargeError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.errors import (
    RequestRefusedError,
    ServerFailedError,
    UnknownModelError,
    UnusableModelError,
)

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


class ErrorDocument(TypedDict):
    """One sentence: what is wrong, and what to do."""

    error: str


class ApiError(Exception):
    """A request that the API itself refuses."""

    def __init__(self, status: int, sentence: str) -> None:
        """`sentence` says what is wrong and what to do."""
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
