"""A small HTTP server in a thread of its own: health, metrics and status beside a program's real work."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_common.allowed_hosts import AllowedHosts
from edge_common.errors import FatalError


def metrics_route(registry: CollectorRegistry) -> Route:
    """`GET /metrics` in the Prometheus text format."""

    def metrics(_request: object) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics)


async def read_rest(request: Request, most: int, seconds: float) -> None:
    """Read what is left of a body of at most `most` bytes, for at most so long, and forget it.

    A sender that is answered before it has sent all may see a lost connection in place of the answer.
    """
    told = request.headers.get("content-length", "")
    if told.isascii() and told.isdecimal() and int(told[:20]) <= most:
        with suppress(ClientDisconnect, TimeoutError, RuntimeError):  # RuntimeError: all of it was read
            async with asyncio.timeout(seconds):
                async for _ in request.stream():
                    pass


class _Guarded:
    """ASGI middleware: 421 for a name that is not this service's, 403 for writes from pages of others."""

    def __init__(self, app: ASGIApp, hosts: AllowedHosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._hosts.refusal(scope["method"], headers.get("host", ""), headers.get("origin", ""))
            if refusal is not None:
                await JSONResponse({"error": refusal.sentence}, refusal.status)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class ThreadedHttpServer:
    """Serves an ASGI app from entering the context until leaving it, within 3 seconds of drain.

    `port` 0 takes a free one; `port` then tells which. `allowed_hosts` are names that it answers to besides
    addresses and local ones. Raises FatalError when the address is taken.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, allowed_hosts: Iterable[str] = ()) -> None:
        self._config = uvicorn.Config(
            _Guarded(app, AllowedHosts((host, *allowed_hosts))),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
            lifespan="off",
            server_header=False,
        )
        self._server = uvicorn.Server(self._config)
        self._host = host
        self.port = port
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Bind, start and wait until requests are answered."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self.port))
        except OSError as error:
            listener.close()
            raise FatalError(
                f"cannot listen on {self._host}:{self.port}: {error.strerror}; "
                "end what holds it or choose another port"
            ) from error
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop accepting, finish what is being answered, and end the thread."""
        if self._thread is not None and self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join(timeout=5)
