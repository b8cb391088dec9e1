"""An application that answers every request with the bytes behind its JSON part: HTTP and nothing else."""

import asyncio
import sys

import uvloop
from ovms_lite.http.protocol import HttpConnection, HttpSettings
from ovms_lite.rest.inference import JSON_LENGTH_HEADER
from ovms_lite.wire.http_message import Request, Response

_LONGEST_ECHO = 4096


def answer(request: Request) -> Response:
    """At most as much as a classifier answers, so that both directions carry the same amount."""
    start = int(request.headers.get(JSON_LENGTH_HEADER, b"0"))
    return Response(200, (bytes(request.body[start : start + _LONGEST_ECHO]),))


async def serve(port: int) -> None:
    """Answer until the process is ended."""
    settings = HttpSettings(answer)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpConnection(settings), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
