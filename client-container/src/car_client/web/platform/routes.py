"""The routes of the operator's place."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from car_client.web.platform.platform import Platform


def platform_routes(platform: Platform) -> list[BaseRoute]:
    """What the page "Models" reads."""

    def overview(_request: Request) -> Response:  # in a worker thread, as it may ask the sidecar
        return JSONResponse(platform.document(), headers={"Cache-Control": "no-store"})

    return [Route("/api/platform", overview)]
