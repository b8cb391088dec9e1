"""What is asked of a request before it may change anything: who sends it, from where, and what it holds.

An error becomes an answer with a sentence.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from edge_common.errors import EdgeError, FatalError, RejectedError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from model_sync.bucket.keys import quoted
from model_sync.bucket.pins import MAX_NAME, MAX_REASON, one_line
from model_sync.status.status import CHANGES_OFF

_MAX_BODY = 4096
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
FROM_A_PAGE = "no page in a browser may ask for this here; use the client's page, or model-sync"


def comes_from_a_page(request: Request) -> bool:
    """Whether a browser says that one of its pages asks; such a page may be anybody's, under any name."""
    return "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none"


class RefusedError(Exception):
    """An answer other than success."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        """`sentence` is what the answer says."""
        super().__init__(sentence)
        self.status = status


def is_known(request: Request, token: str) -> bool:
    """Whether the request carries the bearer `token`; never for an empty one."""
    return bool(token) and hmac.compare_digest(token_of(request).encode(), token.encode())


def refuse_strangers(request: Request, *tokens: str, otherwise: str) -> None:
    """Raise RefusedError unless a program of this host asks, or one that has any of `tokens`."""
    if comes_from_a_page(request):
        raise RefusedError(HTTPStatus.FORBIDDEN, FROM_A_PAGE)
    if any(is_known(request, token) for token in tokens):
        return
    if token_of(request):
        sentence = "the token is neither MODEL_SYNC_API_TOKEN nor MODEL_SYNC_SYNC_TOKEN"
        raise RefusedError(HTTPStatus.UNAUTHORIZED, sentence)
    if request.client is None or request.client.host not in _LOOPBACK:
        raise RefusedError(HTTPStatus.FORBIDDEN, otherwise)


def token_of(request: Request) -> str:
    """The bearer token that the request carries; empty without one."""
    return request.headers.get("authorization", "").removeprefix("Bearer").strip()


async def read_body(request: Request, most: int = _MAX_BODY) -> dict[str, Any]:
    """The JSON object of the request, of `most` bytes; an empty one for no body. Raises RefusedError."""
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > most:
                sentence = f"the body may have {most} bytes at most"
                raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
    except ClientDisconnect as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the request broke off") from error
    if not content:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON, as Content-Type: application/json")
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is no JSON") from error
    if not isinstance(asked, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, 'the body is no JSON object, such as {"by": "Anna"}')
    return asked


def read_name(value: Any) -> str:
    """Who asks, as the history tells it. Raises RefusedError."""
    name = _one_line("by", value)
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        sentence = f"say who asks, as by, in 1 to {MAX_NAME} characters, for the history"
        raise RefusedError(HTTPStatus.BAD_REQUEST, sentence)
    return name


def read_reason(value: Any) -> str:
    """Why, as the history tells it; may be empty. Raises RefusedError."""
    reason = _one_line("reason", value)
    if not isinstance(reason, str) or len(reason) > MAX_REASON:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"reason may have {MAX_REASON} characters at most")
    return reason


def _one_line(what: str, value: Any) -> Any:
    try:
        return one_line(value)
    except ValueError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{what} {error}") from error


def refuse_others(asked: Mapping[str, Any], *known: str) -> None:
    """Raise RefusedError when `asked` has a key that nobody reads."""
    for key in asked.keys() - set(known):
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"unknown key {quoted(str(key))}; remove it")


def guarded(
    token: str, needs: str, change: Callable[[Request], Awaitable[Mapping[str, Any]]]
) -> Callable[[Request], Awaitable[Response]]:
    """The handler that answers 202 with what `change` returns, for whoever sends `token`.

    `needs` says which rights the sidecar lacks when the store refuses to be written.
    """

    async def handle(request: Request) -> Response:
        try:
            _check(request, token)
            return JSONResponse(await change(request), status_code=HTTPStatus.ACCEPTED)
        except RefusedError as error:
            return refusal(error.status, str(error))
        except RejectedError as error:
            return refusal(HTTPStatus.BAD_REQUEST, str(error))
        except FatalError as error:
            return refusal(HTTPStatus.FORBIDDEN, f"{error}. {needs}")
        except EdgeError as error:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    return handle


def refusal(status: HTTPStatus, sentence: str) -> Response:
    """The answer with `error` as its only key."""
    headers = {"www-authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)


def _check(request: Request, token: str) -> None:
    if not token:
        raise RefusedError(HTTPStatus.FORBIDDEN, CHANGES_OFF)
    if comes_from_a_page(request):
        raise RefusedError(HTTPStatus.FORBIDDEN, FROM_A_PAGE)
    if not is_known(request, token):
        sentence = "send the header 'Authorization: Bearer' with MODEL_SYNC_API_TOKEN"
        raise RefusedError(HTTPStatus.UNAUTHORIZED, sentence)
