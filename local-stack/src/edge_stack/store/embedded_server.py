"""The embedded store as a program: moto's S3 server, which also keeps its objects in a file.

    python -m edge_stack.store.embedded_server --port 9000 --objects data/embedded.sqlite

A change is in the file before the request that made it is answered, so that it outlives the program's death.
"""

import argparse
import gc
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edge_common.errors import FatalError
from edge_common.stopping import leave_now
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

from edge_stack.processes.ports import HOST
from edge_stack.store.kept_objects import KeptObjects

_CHANGING = frozenset({"PUT", "POST", "DELETE"})
_NOT_KEPT = b"<Error><Code>InternalError</Code><Message>the change could not be kept</Message></Error>"

_Start = Callable[..., Any]
_Application = Callable[[dict[str, Any], _Start], Iterable[bytes]]


def keeping(application: _Application, save: Callable[[], None]) -> _Application:
    """`application`, whose answers to changes go out once `save` has returned; 500 when it raises OSError."""

    def answer(environ: dict[str, Any], start_response: _Start) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in _CHANGING:
            return application(environ, start_response)
        started: list[tuple[Any, ...]] = []
        body = application(environ, lambda *arguments: started.append(arguments))
        try:
            save()
        except OSError as error:
            sys.stderr.write(f"a change could not be kept: {error}; make room or correct its permissions\n")
            start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
            return [_NOT_KEPT]
        gc.collect()  # moto's requests refer to themselves: megabytes of an upload would stay for minutes
        for arguments in started:
            start_response(*arguments)
        return body

    return answer


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="moto's S3 server, which keeps its objects in a file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--objects", type=Path, required=True)
    asked = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        kept = KeptObjects(asked.objects)
        kept.load()
    except FatalError as error:
        sys.stderr.write(f"{error}\n")
        leave_now(error.exit_code)
    application = DomainDispatcherApplication(create_backend_app)
    gc.freeze()
    run_simple(
        HOST,
        asked.port,
        keeping(application, kept.save),
        threaded=True,
        request_handler=MotoRequestHandler,
    )


if __name__ == "__main__":
    main()
