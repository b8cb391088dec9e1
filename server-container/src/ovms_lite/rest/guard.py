"""What stands before the application: refusals of strangers' pages, and a fixed number of workers."""

import asyncio
from collections.abc import Awaitable, Callable

from edge_common.allowed_hosts import AllowedHosts

from ovms_lite.wire.http_message import Request, Response, json_response

App = Callable[[Request], Response | Awaitable[Response]]


class Guarded:
    """An application for clients that know it by a name of its own; `any_origin` takes pages of all sites."""

    def __init__(self, app: App, hosts: AllowedHosts, *, any_origin: bool = False) -> None:
        self._app = app
        self._hosts = hosts
        self._any_origin = any_origin

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        """The application's answer, or the refusal."""
        headers = request.headers
        origin = b"" if self._any_origin else headers.get(b"origin", b"")
        refusal = self._hosts.refusal(
            request.method, headers.get(b"host", b"").decode("latin-1"), origin.decode("latin-1")
        )
        if refusal is None:
            return self._app(request)
        return json_response({"error": refusal.sentence}, refusal.status)


class Workers:
    """Answers like `app`, but no more than `count` requests at a time: status waits behind inference, too.

    Measured on OVMS 2026.2.1: its REST threads do all the work of a request, and probes wait for a free one.
    """

    def __init__(self, app: Callable[[Request], Response | Awaitable[Response]], count: int) -> None:
        self._app = app
        self._free = asyncio.Semaphore(count)

    async def __call__(self, request: Request) -> Response:
        """The answer, once a worker is free."""
        async with self._free:
            answer = self._app(request)
            return answer if isinstance(answer, Response) else await answer
