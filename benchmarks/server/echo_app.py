"""Two applications on ovms-lite's HTTP layer: one answers with the body it got, one also runs a model.

    python echo_app.py PORT [VERSION_FOLDER]

Both are served as ovms-lite is, with its sockets, limits and headers, so that only the application differs.
With a model, OpenVINO runs the raw bytes behind the request's JSON; nothing is looked up, read or checked.
"""

import asyncio
import sys
from pathlib import Path

import uvloop
from ovms_lite.config.entries import ModelConfig
from ovms_lite.http.protocol import App
from ovms_lite.http.server import RestServer, listen
from ovms_lite.models.brief_runner import BriefRunner
from ovms_lite.models.loading import ModelLoader
from ovms_lite.options import Cors
from ovms_lite.rest.inference import JSON_LENGTH_HEADER
from ovms_lite.wire.http_message import Request, Response

_LONGEST_ECHO = 4096
"""No more than a classifier answers, so that both directions carry the same amount."""


def _echo(request: Request) -> Response:
    return Response(200, (bytes(request.body[:_LONGEST_ECHO]),))


def _running(version: Path) -> App:
    config = ModelConfig(version.parent.name, version.parent)
    runner = BriefRunner(ModelLoader().load(config, int(version.name)))

    def run(request: Request) -> Response:
        start = int(request.headers.get(JSON_LENGTH_HEADER, b"0"))
        body = memoryview(request.body)
        outputs = runner.run([body[start:]]) if start else []  # nothing: the look whether it is ready
        return Response(200, (bytes(body[:start]), *[output.tobytes() for output in outputs]))

    return run


async def _serve(port: int, app: App) -> None:
    """Answer until the process is ended."""
    server = RestServer(app, Cors().header_lines())
    await server.start([listen("127.0.0.1", port)])
    await asyncio.Event().wait()


if __name__ == "__main__":
    number, *folders = sys.argv[1:]
    uvloop.run(_serve(int(number), _running(Path(folders[0])) if folders else _echo))
