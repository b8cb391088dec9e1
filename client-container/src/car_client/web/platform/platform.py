"""The platform as this client sees it, looked at again and again, and told to open pages when it changes."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from car_client.kserve.connection import Connection
from car_client.models.follower import ModelFollower
from car_client.output.documents import table_document
from car_client.sidecar.follower import SidecarFollower
from car_client.web.messages import FRESH
from car_client.web.platform.changes import change_routes, sending_route
from car_client.web.platform.line import Known, ServerFacts, line, seen_since
from car_client.web.platform.overview import OverviewDocument, overview

_LOOK_SECONDS = 0.5
"""Pause between two looks at the sidecar: what it tells is on the page within a second."""


class Platform:
    """Keeps the overview; threads may share it."""

    def __init__(
        self,
        sidecar: SidecarFollower,
        server: ModelFollower,
        *,
        server_url: str,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_change` is called after a look that found something else than the one before."""
        self._sidecar = sidecar
        self._server = server
        self._server_url = server_url
        self._on_change = on_change
        self._lock = threading.Lock()
        self._known: Known = {}
        self._told: OverviewDocument | None = None

    def document(self) -> OverviewDocument:
        """What is known now; asks the sidecar if nobody did lately."""
        self._sidecar.refresh(max_age=_LOOK_SECONDS)
        return self._document()

    def look(self) -> None:
        """Look once, and tell if something has changed."""
        document = self.document()
        with self._lock:
            changed = document != self._told
            self._told = document
        if changed:
            self._on_change()

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set."""
        while not stop.is_set():
            self.look()
            stop.wait(_LOOK_SECONDS)

    def _document(self) -> OverviewDocument:
        view, seen = self._sidecar.view, self._server.view
        facts = ServerFacts(
            self._server_url, seen.error, self._server.has_seen_the_server, len(seen.table.usable)
        )
        nodes = line(view, facts)
        with self._lock:
            self._known = seen_since(self._known, nodes, datetime.now(UTC))
            known = self._known
        return overview(view, nodes, known, table_document(self._server_url, seen.table)["models"])


def platform_routes(platform: Platform, sidecar: Connection | None) -> list[BaseRoute]:
    """What the page "Models" reads, and what it may ask of `sidecar`."""

    def overview(_request: Request) -> Response:  # in a worker thread, as it may ask the sidecar
        return JSONResponse(platform.document(), headers=FRESH)

    return [Route("/api/platform", overview), *change_routes(sidecar), sending_route(sidecar)]
