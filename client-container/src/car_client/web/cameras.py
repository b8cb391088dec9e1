"""What the page "Cameras" reads: every source with its last picture, and when to read it again."""

import threading
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from car_client.output.source_record import SourceDocument, SourceRecord
from car_client.web.broadcast import Broadcast
from car_client.web.messages import FRESH, ApiError

_TELL_SECONDS = 0.5
"""Pause between two looks for changes; however fast pictures arrive, pages read twice a second."""


class CamerasDocument(TypedDict):
    """The sources, in the order of the settings."""

    sources: list[SourceDocument]


def camera_routes(sources: Sequence[SourceRecord]) -> list[BaseRoute]:
    """The list of sources, and the last picture of each."""

    async def cameras(_request: Request) -> Response:
        document = CamerasDocument(sources=[source.document() for source in sources])
        return JSONResponse(document, headers=FRESH)

    async def picture(request: Request) -> Response:
        number = request.path_params["number"]
        known = {str(source.number): source for source in sources}
        file = known[number].picture() if number in known else None
        if file is None:
            raise ApiError(404, "there is no such source, or no picture of it yet; see /api/cameras")
        return Response(file, media_type="image/jpeg", headers=FRESH)

    return [Route("/api/cameras", cameras), Route("/api/cameras/{number}.jpg", picture)]


def tell_changes(sources: Sequence[SourceRecord], broadcast: Broadcast, stop: threading.Event) -> None:
    """Publish `cameras` when something of a source has changed, until `stop` is set."""
    told: list[int] = []
    while not stop.wait(_TELL_SECONDS):
        changes = [source.changes for source in sources]
        if changes != told:
            broadcast.publish("cameras", {})
        told = changes
