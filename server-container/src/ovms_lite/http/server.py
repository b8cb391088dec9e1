"""The REST port: listening sockets, the connections on them, and their end."""

import asyncio
import contextlib
import socket
from collections.abc import Sequence

from ovms_lite.errors import StartError
from ovms_lite.http.limits import Bodies, TimeLimits
from ovms_lite.http.protocol import MAX_CONNECTIONS, App, HttpConnection, HttpSettings


def listen(address: str, port: int) -> socket.socket:
    """A listening socket; raises StartError when the address is taken."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(1024)
    except OSError as error:
        raise StartError(
            f"cannot listen on {address}:{port}: {error.strerror}; end what holds it or choose another port"
        ) from error
    return listener


class RestServer:
    """Serves `app` on sockets that listen already; all methods belong to one event loop."""

    def __init__(
        self,
        app: App,
        extra_headers: bytes = b"",
        *,
        limits: TimeLimits | None = None,
        bodies: Bodies | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._http = HttpSettings(
            app, extra_headers, limits or TimeLimits(), bodies or Bodies(), max_connections
        )
        self._listeners: list[asyncio.Server] = []
        self._sweep: asyncio.Task[None] | None = None

    @property
    def requests(self) -> int:
        """Requests that are being answered or wait."""
        return sum(not connection.is_idle for connection in self._http.connections)

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Answer on `sockets`."""
        loop = asyncio.get_running_loop()
        self._listeners = [
            await loop.create_server(lambda: HttpConnection(self._http), sock=listener)
            for listener in sockets
        ]
        self._sweep = loop.create_task(self._end_overdue())

    async def stop(self, grace: float) -> bool:
        """Answer what is under way, for `grace` seconds at most; whether all was answered.

        A connection closed at once could meet the client's next request on its way, and fail it. So each may
        send one more for a while, whose answer says that the connection ends.
        """
        for listener in self._listeners:
            listener.close()
        if self._sweep is not None:
            self._sweep.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                for connection in list(self._http.connections):
                    connection.close_after_answer()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._all_closed(), self._http.limits.farewell)
                for connection in list(self._http.connections):
                    connection.close_when_idle()
                await self._all_closed()
        return not self._http.connections

    async def _all_closed(self) -> None:
        if self._http.connections:
            await self._http.all_closed.wait()

    async def _end_overdue(self) -> None:
        """So that neither lost nor slow clients pile up."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._http.limits.look)
            for connection in list(self._http.connections):
                connection.end_if_overdue(loop.time())
