"""The routes: page, API, probes."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from edge_common.errors import EdgeError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from car_client.output.documents import InferencesDocument
from car_client.web.cameras import camera_routes
from car_client.web.gateway import MOST_UPLOADS, Gateway
from car_client.web.health import health_routes
from car_client.web.history import history_routes
from car_client.web.messages import FRESH, ApiError, SecurityHeaders, answer_raised, limit_of
from car_client.web.openapi import openapi_document
from car_client.web.platform.platform import platform_routes
from car_client.web.review import ReviewRoutes
from car_client.web.uploads import Upload, fetch_upload, read_upload

STATIC = Path(__file__).parent / "static"
_LISTED, _MOST_LISTED = 50, 100
_FOR_A_DAY = {"Cache-Control": "max-age=86400, immutable"}
_UNBUFFERED = {**FRESH, "X-Accel-Buffering": "no"}


def create_app(gateway: Gateway) -> Starlette:
    """The web interface of one running client."""
    return Starlette(
        routes=[
            Route("/", _page("index.html")),
            Route("/models", _page("models.html")),
            Route("/cameras", _page("cameras.html")),
            Route("/docs", _page("docs.html")),
            *_classify_routes(gateway),
            *_recent_routes(gateway),
            *platform_routes(gateway.platform, gateway.sidecar),
            *camera_routes(gateway.sources),
            *history_routes(gateway.history),
            *_review(gateway).routes(),
            *health_routes(gateway.follower, gateway.metrics, alive_within=gateway.alive_within),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(GZipMiddleware, minimum_size=1024)],
        exception_handlers=dict.fromkeys((ApiError, EdgeError, HTTPException, Exception), answer_raised),
    )


def _review(gateway: Gateway) -> ReviewRoutes:
    return ReviewRoutes(
        gateway.review,
        gateway.sources,
        gateway.sidecar,
        changes=lambda: gateway.platform.document()["changes"],
        tell=lambda: gateway.broadcast.publish("review", {}),
    )


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_request: Request) -> Response:
        return FileResponse(STATIC / name)

    return page


def _classify_routes(gateway: Gateway) -> list[BaseRoute]:
    async def openapi(_request: Request) -> Response:
        return JSONResponse(openapi_document(gateway.limits))

    async def models(_request: Request) -> Response:
        return JSONResponse(gateway.models_document(), headers=FRESH)

    async def classify(request: Request) -> Response:
        return await answer(lambda: read_upload(request, max_bytes=gateway.limits.max_bytes))

    async def classify_address(request: Request) -> Response:
        max_bytes = gateway.limits.max_bytes
        return await answer(lambda: fetch_upload(request, gateway.addresses, max_bytes=max_bytes))

    async def answer(upload: Callable[[], Awaitable[Upload]]) -> Response:
        if gateway.uploads >= MOST_UPLOADS:
            raise ApiError(503, f"{MOST_UPLOADS} pictures are being classified already; try again")
        gateway.uploads += 1
        try:
            return JSONResponse(await gateway.classify(await upload()), headers=FRESH)
        finally:
            gateway.uploads -= 1

    return [
        Route("/openapi.json", openapi),
        Route("/api/models", models),
        Route("/api/classify", classify, methods=["POST"]),
        Route("/api/classify-address", classify_address, methods=["POST"]),
    ]


def _recent_routes(gateway: Gateway) -> list[BaseRoute]:
    async def inferences(request: Request) -> Response:
        latest = gateway.recent.latest(limit_of(request, _LISTED, _MOST_LISTED))
        return JSONResponse(InferencesDocument(inferences=latest), headers=FRESH)

    async def thumbnail(request: Request) -> Response:
        file = gateway.recent.thumbnail(request.path_params["key"])
        if file is None:
            raise ApiError(404, "this picture is not among the recent ones any more")
        return Response(file, media_type="image/jpeg", headers=_FOR_A_DAY)

    async def events(_request: Request) -> Response:
        if gateway.broadcast.is_full:
            raise ApiError(503, "too many pages are open; close some")
        stream = gateway.broadcast.listen()
        return StreamingResponse(stream, media_type="text/event-stream", headers=_UNBUFFERED)

    return [
        Route("/api/inferences", inferences),
        Route("/api/thumbnails/{key}.jpg", thumbnail),
        Route("/api/events", events),
    ]
