"""What the page may have the sidecar change, and versions that are sent: passed on as they come."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Annotated
from urllib.parse import quote, urlencode

from edge_common.http_server import read_rest
from pydantic import Field, StringConstraints, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.kserve.connection import Connection
from car_client.web.messages import ApiError, content_type, read_json
from car_client.web.operator import ByDocument, ask_sidecar, check_token, known, sentence_of, token_of

_MOST_ASKED_BYTES = 4096
_Version = Annotated[str, Field(pattern=r"^(latest|[1-9][0-9]{0,9})$")]
_Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]
_LONGEST_SECONDS = 3600.0
_SILENCE = 60.0
"""Seconds without a byte after which an upload counts as broken off."""
_MOST_SENT_BYTES = 2 * 1024**3
"""As the sidecar has it; more is not even read."""
_BROKE_OFF = "the upload broke off; nothing of it is kept"


class PinRequest(ByDocument):
    """Which version a model is held to, and why."""

    version: _Version
    reason: _Reason = ""


class UnpinRequest(ByDocument):
    """Why the pin goes."""

    reason: _Reason = ""


class ReleaseRequest(ByDocument):
    """Of which model what is missing is believed; empty: of all."""

    model: Annotated[str, StringConstraints(max_length=63)] = ""


class RetryRequest(ByDocument):
    """Which version is tried again."""

    version: _Version


class DoneDocument(TypedDict):
    """What the sidecar says that it does now."""

    status: str


def change_routes(sidecar: Connection | None) -> list[BaseRoute]:
    """Pin, unpin and retry of a model, and a listing of the bucket now."""

    def route(path: str, kind: type[ByDocument], method: str = "POST") -> Route:
        async def change(request: Request) -> Response:
            token = token_of(request)
            asked = await read_json(request, kind, max_bytes=_MOST_ASKED_BYTES, advice="shorten the reason")
            model = request.path_params.get("model", "")
            target = path.replace("/api", "/v1", 1).replace("{model}", quote(model, safe=""))
            said = await run_in_threadpool(ask_sidecar, sidecar, method, target, asked.model_dump(), token)
            return JSONResponse(DoneDocument(status=said), status_code=202)

        return Route(path, change, methods=[method])

    return [
        route("/api/models/{model}/pin", PinRequest),
        route("/api/models/{model}/pin", UnpinRequest, "DELETE"),
        route("/api/models/{model}/retry", RetryRequest),
        route("/api/release", ReleaseRequest),
        route("/api/sync", ByDocument),
    ]


class UploadQuery(ByDocument):
    """The query of an upload: which model and version it is to be, and who sends it."""

    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    version: Annotated[str, Field(pattern=r"^(next|latest|[1-9][0-9]{0,9})$")] = "next"


def sending_route(sidecar: Connection | None) -> Route:
    """`POST /api/uploads` with a zip as its body; one at a time."""
    under_way = asyncio.Semaphore()

    async def send(request: Request) -> Response:
        try:
            return await pass_on(request)
        finally:
            await read_rest(request, _MOST_SENT_BYTES, _SILENCE)

    async def pass_on(request: Request) -> Response:
        token = token_of(request)
        asked, size = _query(request), _size(request)
        if under_way.locked():
            raise ApiError(409, "another upload is under way; send it when that is done")
        async with under_way:
            await run_in_threadpool(check_token, sidecar, token, asked.by)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/zip"}
            body = _chunks(request, asyncio.get_running_loop())
            said = await run_in_threadpool(_pass_on, sidecar, asked, size, headers, body)
        return JSONResponse(DoneDocument(status=said), status_code=202)

    return Route("/api/uploads", send, methods=["POST"])


def _pass_on(
    sidecar: Connection | None,
    asked: UploadQuery,
    size: int,
    headers: Mapping[str, str],
    body: Iterator[bytes],
) -> str:
    query = asked.model_dump()
    path = f"/v1/uploads?{urlencode(query)}"
    answer = known(sidecar).send_once(path, body, size=size, headers=headers, timeout=_LONGEST_SECONDS)
    return sentence_of(answer, "POST", "/v1/uploads", query)


def _chunks(request: Request, loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
    """The body, read by a worker thread from the event loop. Raises ApiError when it breaks off."""
    stream = request.stream()

    async def following() -> bytes:
        try:
            async with asyncio.timeout(_SILENCE):
                return await anext(stream, b"")
        except (ClientDisconnect, TimeoutError) as error:
            raise ApiError(400, _BROKE_OFF) from error

    while chunk := asyncio.run_coroutine_threadsafe(following(), loop).result():
        yield chunk


def _query(request: Request) -> UploadQuery:
    try:
        return UploadQuery.model_validate(dict(request.query_params))
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        advice = "name a model by letters, digits, '_', '.' and '-', a version by a whole number, or next"
        raise ApiError(400, f"{place[:20]} cannot be used; {advice}, and say who sends it") from error


def _size(request: Request) -> int:
    if content_type(request) != "application/zip":
        raise ApiError(415, "send a zip, as Content-Type: application/zip")
    told = request.headers.get("content-length", "")
    if not (told.isascii() and told.isdecimal()):
        raise ApiError(411, "say how many bytes the zip has, as Content-Length")
    if int(told[:20]) > _MOST_SENT_BYTES:
        raise ApiError(413, "the zip has more than 2 GiB; send it with model-sync push")
    return int(told)
