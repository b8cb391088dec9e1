"""Who may have something changed: whoever knows the sidecar's token, which is passed on and never kept."""

import json
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from edge_common.logs import get_logger
from edge_common.printable import printable
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.requests import Request

from car_client.kserve.connection import Answer, Connection
from car_client.web.messages import ApiError

_log = get_logger()
_LONGEST_TOKEN = 1024
_LONGEST_SENTENCE = 1000
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class ByDocument(BaseModel):
    """Who asks, for the history."""

    model_config = ConfigDict(extra="forbid", strict=True)

    by: Name


def token_of(request: Request) -> str:
    """The operator's token. Raises ApiError 401 without one, 403 for a page that is not this client's."""
    site, origin = request.headers.get("sec-fetch-site", "same-origin"), request.headers.get("origin")
    own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if site not in {"same-origin", "none"} or not own:
        raise ApiError(403, "only this client's own page may ask for changes")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    fits = token.isascii() and token.isprintable() and len(token) <= _LONGEST_TOKEN
    if scheme.lower() != "bearer" or not token or not fits:
        raise ApiError(401, "changes need the sidecar's MODEL_SYNC_API_TOKEN, sent as Authorization: Bearer")
    return token


def known(sidecar: Connection | None) -> Connection:
    """The sidecar. Raises ApiError 503 where no address of one is set."""
    if sidecar is None:
        raise ApiError(503, "no sidecar's address is set; CAR_CLIENT_SIDECAR_URL names it")
    return sidecar


def ask_sidecar(
    sidecar: Connection | None, method: str, path: str, body: Mapping[str, object], token: str
) -> str:
    """What the sidecar says that it does now. Raises ApiError with its own words where it refuses."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = known(sidecar).request(method, path, body=[json.dumps(body).encode()], headers=headers)
    return sentence_of(answer, method, path, body)


def sentence_of(answer: Answer, method: str, path: str, asked: Mapping[str, object]) -> str:
    """What the sidecar's `answer` to what was `asked` says. Raises ApiError with its words for a refusal."""
    said = {key: printable(str(value)) for key, value in asked.items()}
    _log.info("change_passed_on", method=method, path=printable(path), answer=answer.status, **said)
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - the range of success in HTTP
        status = answer.status if 400 <= answer.status < 500 else 502  # noqa: PLR2004 - of client errors
        raise ApiError(status, printable(answer.error_text) or f"the sidecar answers {answer.status}")
    if answer.document is None or "status" not in answer.document:
        raise ApiError(502, "the sidecar's answer cannot be read; see what became of it below")
    return printable(str(answer.document["status"])[:_LONGEST_SENTENCE])


def check_token(sidecar: Connection | None, token: str, by: str) -> None:
    """Have the sidecar say whether `token` is its own. Raises ApiError where it is not, or nobody says."""
    ask_sidecar(sidecar, "POST", "/v1/token", {"by": by}, token)
