"""The routes: page, API, probes."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from edge_common.errors import EdgeError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from car_client.web.error_answers import (
    ApiError,
    answer_api_error,
    answer_edge_error,
    answer_http_error,
    answer_unexpected,
)
from car_client.web.gateway import MOST_UPLOADS, Gateway
from car_client.web.health import health_routes
from car_client.web.openapi import openapi_document
from car_client.web.recent_routes import recent_routes
from car_client.web.security import SecurityHeaders
from car_client.web.uploads import read_upload

STATIC: Final = Path(__file__).parent / "static"
_ERRORS: Final[Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]]] = {
    ApiError: answer_api_error,
    EdgeError: answer_edge_error,
    HTTPException: answer_http_error,
    Exception: answer_unexpected,
}


def create_app(gateway: Gateway) -> Starlette:
    """The web interface of one running client."""

    async def models(_request: Request) -> Response:
        return _fresh(gateway.models_document())

    async def classify(request: Request) -> Response:
        if gateway.uploads >= MOST_UPLOADS:
            raise ApiError(503, f"{MOST_UPLOADS} pictures are being classified already; try again")
        gateway.uploads += 1
        try:
            upload = await read_upload(request, max_bytes=gateway.limits.max_bytes)
            return _fresh(await gateway.classify(upload))
        finally:
            gateway.uploads -= 1

    async def openapi(_request: Request) -> Response:
        return JSONResponse(openapi_document(gateway.limits))

    return Starlette(
        routes=[
            Route("/", _page("index.html")),
            Route("/docs", _page("docs.html")),
            Route("/openapi.json", openapi),
            Route("/api/models", models),
            Route("/api/classify", classify, methods=["POST"]),
            *recent_routes(gateway.recent, gateway.broadcast),
            *health_routes(gateway.follower, gateway.metrics, alive_within=gateway.alive_within),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(GZipMiddleware, minimum_size=1024)],
        exception_handlers=_ERRORS,
    )


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_request: Request) -> Response:
        return FileResponse(STATIC / name)

    return page


def _fresh(document: dict[str, Any]) -> JSONResponse:
    return JSONResponse(document, headers={"Cache-Control": "no-store"})
