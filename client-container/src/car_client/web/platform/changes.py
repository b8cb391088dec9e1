"""What the page may have changed: passed on to the sidecar with the operator's token, which is not kept."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated
from urllib.parse import quote, urlsplit

from edge_common.logs import get_logger
from edge_common.printable import printable
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.kserve.connection import Connection
from car_client.web.error_answers import ApiError
from car_client.web.json_requests import read_json

_log = get_logger()
_MOST_BYTES = 4096
_LONGEST_TOKEN = 1024
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
_Version = Annotated[str, Field(pattern=r"^(latest|[1-9][0-9]{0,9})$")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ByDocument(_Asked):
    """Who asks, for the history."""

    by: _Name


class PinRequest(ByDocument):
    """Which version a model is held to, and why."""

    version: _Version
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] = ""


class RetryRequest(ByDocument):
    """Which version is tried again."""

    version: _Version


class DoneDocument(TypedDict):
    """What the sidecar says that it does now."""

    status: str


def change_routes(sidecar: Connection | None) -> list[BaseRoute]:
    """Pin, unpin and retry of a model, and a listing of the bucket now."""

    def route(
        path: str, kind: type[ByDocument], method: str = "POST"
    ) -> tuple[str, Callable[[Request], Awaitable[Response]], list[str]]:
        async def change(request: Request) -> Response:
            token = _token(request)
            asked = await read_json(request, kind, max_bytes=_MOST_BYTES, advice="shorten the reason")
            model = request.path_params.get("model", "")
            target = path.replace("/api", "/v1", 1).replace("{model}", quote(model, safe=""))
            return await run_in_threadpool(_pass_on, sidecar, method, target, asked.model_dump(), token)

        return path, change, [method]

    return [
        Route(path, change, methods=methods)
        for path, change, methods in (
            route("/api/models/{model}/pin", PinRequest),
            route("/api/models/{model}/pin", ByDocument, "DELETE"),
            route("/api/models/{model}/retry", RetryRequest),
            route("/api/sync", ByDocument),
        )
    ]


def _pass_on(
    sidecar: Connection | None, method: str, path: str, body: Mapping[str, object], token: str
) -> Response:
    if sidecar is None:
        raise ApiError(503, "no sidecar's address is set; CAR_CLIENT_SIDECAR_URL names it")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = sidecar.request(method, path, body=[json.dumps(body).encode()], headers=headers)
    said = {key: printable(str(value)) for key, value in body.items()}
    _log.info("change_passed_on", method=method, path=printable(path), answer=answer.status, **said)
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - the range of success in HTTP
        status = answer.status if 400 <= answer.status < 500 else 502  # noqa: PLR2004 - of client errors
        raise ApiError(status, printable(answer.error_text) or f"the sidecar answers {answer.status}")
    try:
        sentence = str(json.loads(answer.body)["status"])
    except (ValueError, LookupError, TypeError) as error:
        raise ApiError(502, "the sidecar's answer cannot be read; see what became of it below") from error
    return JSONResponse(DoneDocument(status=printable(sentence[:1000])), status_code=202)


def _token(request: Request) -> str:
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
