"""An HTTP relay in front of the store that does chosen requests wrong.

    with FaultyStore(store.endpoint) as faulty:
        faulty.fault = (listings, answer(500, "InternalError"))
        ...
        faulty.fault = None

A fault is a pair: which requests it concerns, and what is done to them. All others are passed on unchanged.
`store_faults` has the pairs' parts.
"""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Request:
    """What the sidecar asks for."""

    method: str
    target: str

    @property
    def key(self) -> str:
        """The object's key; empty when the bucket itself is asked."""
        return unquote(urlsplit(self.target).path.lstrip("/").partition("/")[2])

    @property
    def is_listing(self) -> bool:
        """Whether it lists objects."""
        return "list-type" in parse_qs(urlsplit(self.target).query)


@dataclass(frozen=True)
class Reply:
    """What the store answers; `promised` is the length that the head claims."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    promised: int
    pauses: tuple[tuple[int, threading.Event], ...] = field(default=())
    """Offsets at which the rest waits for an event."""
    bytes_per_second: float | None = None


Matches = Callable[[Request], bool]
Change = Callable[[Reply], Reply | None]
"""Makes a wrong answer from the right one; None: the connection ends without any."""


class FaultyStore:
    """Relays to `endpoint` from entering the context until leaving it."""

    def __init__(self, endpoint: str) -> None:
        self.fault: tuple[Matches, Change] | None = None
        self.unheard: frozenset[str] = frozenset()
        """Headers of requests, in lower case, that never reach the store, as if it did not know them."""
        self.struck = 0
        """How often a request met the fault."""
        self._stopping = threading.Event()
        self._server = _Relay(self, endpoint.removeprefix("http://"))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.socket.close()  # not server_close(): it would wait for idle connections

    def change(self, request: Request, reply: Reply) -> Reply | None:
        """The answer that is given instead of `reply`."""
        fault = self.fault
        if fault is None or not fault[0](request):
            return reply
        self.struck += 1
        return fault[1](reply)

    def wait(self, seconds: float, event: threading.Event | None = None) -> None:
        """Until `event` or `seconds`, never longer than the store runs."""
        waited = 0.0
        while waited < seconds and not self._stopping.is_set() and not (event and event.is_set()):
            waited += 0.05
            self._stopping.wait(min(0.05, seconds))


class _Relay(ThreadingHTTPServer):
    """Knows the store it relays to, and whom to ask for changes."""

    daemon_threads = True

    def __init__(self, store: FaultyStore, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = store
        self.target = target


class _Handler(BaseHTTPRequestHandler):
    """One connection of the sidecar."""

    protocol_version = "HTTP/1.1"
    server: _Relay

    def _relay(self) -> None:
        reply = self.server.store.change(Request(self.command, self.path), self._ask())
        if reply is None:
            self.close_connection = True
            return
        try:
            self._answer(reply)
        except OSError:
            self.close_connection = True  # the sidecar gave up, which some faults make it do

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _relay  # noqa: N815 - the names http.server looks for

    def _ask(self) -> Reply:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        connection = http.client.HTTPConnection(self.server.target, timeout=_TIMEOUT)
        try:
            # as it came, with its Host: the signature covers it
            unheard = self.server.store.unheard
            heard = {name: value for name, value in self.headers.items() if name.lower() not in unheard}
            connection.request(self.command, self.path, body, heard)
            right = connection.getresponse()
            content = right.read()
        finally:
            connection.close()
        headers = tuple(pair for pair in right.getheaders() if pair[0].lower() not in _HOP)
        promised = len(content)
        if self.command == "HEAD":
            promised = int(right.getheader("Content-Length") or 0)
        return Reply(right.status, headers, content, promised)

    def _answer(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(reply.promised))
        self.end_headers()
        sent = 0
        for offset, event in reply.pauses:
            self._send(reply.body[sent:offset], reply.bytes_per_second)
            sent = offset
            self.server.store.wait(_TIMEOUT, event)
        self._send(reply.body[sent:], reply.bytes_per_second)
        if self.command != "HEAD" and len(reply.body) < reply.promised:
            self.close_connection = True

    def _send(self, body: bytes, bytes_per_second: float | None) -> None:
        step = len(body) if bytes_per_second is None else max(1, int(bytes_per_second / 10))
        for begin in range(0, len(body), step or 1):
            self.wfile.write(body[begin : begin + step])
            self.wfile.flush()
            if bytes_per_second is not None:
                self.server.store.wait(0.1)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""
