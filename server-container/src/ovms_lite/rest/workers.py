"""A fixed number of REST workers, each held by a request until it is answered, as OVMS has them."""

import asyncio
from collections.abc import Awaitable, Callable

from ovms_lite.wire.http_message import Request, Response


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
