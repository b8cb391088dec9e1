"""What happened lately: the list, its thumbnails, and the stream of what happens next."""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from car_client.recent import RecentInferences
from car_client.web.broadcast import Broadcast
from car_client.web.error_answers import ApiError

_MOST_LISTED: Final = 100
_FOR_A_DAY: Final = {"Cache-Control": "max-age=86400, immutable"}
_UNBUFFERED: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def recent_routes(recent: RecentInferences, broadcast: Broadcast) -> list[BaseRoute]:
    """`/api/inferences`, `/api/thumbnails/...` and `/api/events`."""

    async def inferences(request: Request) -> Response:
        wanted = request.query_params.get("limit", "50")
        if not (wanted.isdecimal() and 1 <= int(wanted) <= _MOST_LISTED):
            raise ApiError(400, f"limit is {wanted[:20]!r}; it must be from 1 to {_MOST_LISTED}")
        listed = {"inferences": recent.latest(int(wanted))}
        return JSONResponse(listed, headers={"Cache-Control": "no-store"})

    async def thumbnail(request: Request) -> Response:
        file = recent.thumbnail(request.path_params["key"])
        if file is None:
            raise ApiError(404, "this picture is not among the recent ones any more")
        return Response(file, media_type="image/jpeg", headers=_FOR_A_DAY)

    async def events(_request: Request) -> Response:
        if broadcast.is_full:
            raise ApiError(503, "too many pages are open; close some")
        return StreamingResponse(broadcast.listen(), media_type="text/event-stream", headers=_UNBUFFERED)

    return [
        Route("/api/inferences", inferences),
        Route("/api/thumbnails/{key}.jpg", thumbnail),
        Route("/api/events", events),
    ]
