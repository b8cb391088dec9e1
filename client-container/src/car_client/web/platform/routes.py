"""The routes of the operator's place."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from car_client.kserve.connection import Connection
from car_client.web.platform.changes import change_routes
from car_client.web.platform.platform import Platform
from car_client.web.platform.sending import sending_route


def platform_routes(platform: Platform, sidecar: Connection | None) -> list[BaseRoute]:
    """What the page "Models" reads, and what it may ask of `sidecar`."""

    def overview(_request: Request) -> Response:  # in a worker thread, as it may ask the sidecar
        return JSONResponse(platform.document(), headers={"Cache-Control": "no-store"})

    return [Route("/api/platform", overview), *change_routes(sidecar), sending_route(sidecar)]
