"""What the page may have the sidecar change."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.kserve.connection import Connection
from car_client.web.json_requests import read_json
from car_client.web.operator import ByDocument, ask_sidecar, token_of

_MOST_BYTES = 4096
_Version = Annotated[str, Field(pattern=r"^(latest|[1-9][0-9]{0,9})$")]

_Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]


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

    def route(
        path: str, kind: type[ByDocument], method: str = "POST"
    ) -> tuple[str, Callable[[Request], Awaitable[Response]], list[str]]:
        async def change(request: Request) -> Response:
            token = token_of(request)
            asked = await read_json(request, kind, max_bytes=_MOST_BYTES, advice="shorten the reason")
            model = request.path_params.get("model", "")
            target = path.replace("/api", "/v1", 1).replace("{model}", quote(model, safe=""))
            said = await run_in_threadpool(ask_sidecar, sidecar, method, target, asked.model_dump(), token)
            return JSONResponse(DoneDocument(status=said), status_code=202)

        return path, change, [method]

    return [
        Route(path, change, methods=methods)
        for path, change, methods in (
            route("/api/models/{model}/pin", PinRequest),
            route("/api/models/{model}/pin", UnpinRequest, "DELETE"),
            route("/api/models/{model}/retry", RetryRequest),
            route("/api/release", ReleaseRequest),
            route("/api/sync", ByDocument),
        )
    ]
