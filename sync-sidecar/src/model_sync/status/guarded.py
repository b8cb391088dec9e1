"""What every change over HTTP begins and ends with: who asks is checked, and an error becomes a sentence."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from edge_common.errors import EdgeError, FatalError, RejectedError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from model_sync.status.request_checks import FROM_A_PAGE, RefusedError, comes_from_a_page, is_known
from model_sync.status.status import CHANGES_OFF


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
        raise RefusedError(
            HTTPStatus.UNAUTHORIZED, "send the header 'Authorization: Bearer' with MODEL_SYNC_API_TOKEN"
        )
