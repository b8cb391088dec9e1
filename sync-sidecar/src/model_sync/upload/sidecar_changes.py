"""What is asked of a sidecar over HTTP beside its status: changes, with its token, and its history."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import urllib3
from edge_common.errors import EdgeError, FatalError, RejectedError, RetryableError
from urllib3.exceptions import HTTPError

_TIMEOUT = 60.0
_ERRORS: Mapping[int, type[EdgeError]] = {
    HTTPStatus.UNAUTHORIZED: FatalError,
    HTTPStatus.FORBIDDEN: FatalError,
    HTTPStatus.SERVICE_UNAVAILABLE: RetryableError,
}


def ask_sidecar(
    address: str, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str = ""
) -> Mapping[str, Any]:
    """The JSON object that the sidecar at `address` answers with.

    Raises FatalError when it does not answer or the token is not the right one, RetryableError when its store
    is away, RejectedError for what else it refuses; the sentence is the sidecar's.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{address.rstrip('/').removesuffix('/v1/status')}{path}"
    try:
        pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)
        answer = pool.request(method, url, json=body, headers=headers)
        told = answer.json()
    except HTTPError as error:
        raise FatalError(
            f"the sidecar does not answer at {address} ({type(error).__name__}); give its address with "
            "--status-url"
        ) from error
    except ValueError as error:
        raise FatalError(
            f"{address} does not answer as a sidecar does; give its address with --status-url"
        ) from error
    if not isinstance(told, dict) or answer.status >= HTTPStatus.BAD_REQUEST:
        sentence = told.get("error") if isinstance(told, dict) else None
        raise _ERRORS.get(answer.status, RejectedError)(sentence or f"{url} answers {answer.status}")
    return told
