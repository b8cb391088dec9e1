"""A store that only sends notifications of its bucket, as MinIO's ListenBucketNotification does."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

END = None
"""Put in place of an event: the stream ends here."""


def created(key: str) -> bytes:
    """The event of an object that was created; keys are percent-encoded, as MinIO sends them."""
    record = {"eventName": "s3:ObjectCreated:Put", "s3": {"object": {"key": key.replace("/", "%2F")}}}
    return json.dumps({"Records": [record]}).encode() + b"\n"


class EventStore:
    """Sends what is put into `events` on whatever stream is open; counts the streams asked for."""

    def __init__(self, *, status: int = 200) -> None:
        self.events: queue.Queue[bytes | None] = queue.Queue()
        self.asked = 0
        self._status = status
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                store._answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.events.put(END)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        handler.send_response(self._status)
        handler.end_headers()
        if self._status == 200:
            while (event := self.events.get()) is not END:
                handler.wfile.write(event)
                handler.wfile.flush()
