"""An application on ovms-lite's HTTP layer that answers with the body it got: `python echo_app.py PORT`.

It is served as ovms-lite is, with its sockets, limits and headers, so that only the application differs.
"""

import asyncio
import sys

from ovms_lite.http.server import RestServer, listen
from ovms_lite.options import Cors
from ovms_lite.wire.http_message import Request, Response

_LONGEST_ECHO = 4096
"""No more than a classifier answers, so that both directions carry the same amount."""


def _echo(request: Request) -> Response:
    return Response(200, (bytes(request.body[:_LONGEST_ECHO]),))


async def _serve(port: int) -> None:
    """Answer until the process is ended."""
    server = RestServer(_echo, Cors().header_lines())
    await server.start([listen("127.0.0.1", port)])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
