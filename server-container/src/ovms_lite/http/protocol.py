"""HTTP/1.1 on one connection: requests to the application one after the other, answers to the client.

Why this is not a library server: docs/decisions/0003-http-server-of-ovms-lite.md.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import cast

from edge_common.logs import get_logger

from ovms_lite.http.limits import Bodies, TimeLimits
from ovms_lite.http.request_reader import ReceivedRequest, RequestReader, UnreadableRequestError
from ovms_lite.wire.http_message import REASONS, Request, Response, json_response

_MAX_PIPELINED = 16
MAX_CONNECTIONS = 10_000
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_log = get_logger()

App = Callable[[Request], Response | Awaitable[Response]]


@dataclass(slots=True)
class HttpSettings:
    """What all connections share; `extra_headers` are complete lines, sent with every answer."""

    app: App
    extra_headers: bytes = b""
    limits: TimeLimits = field(default_factory=TimeLimits)
    bodies: Bodies = field(default_factory=Bodies)
    max_connections: int = MAX_CONNECTIONS
    connections: "set[HttpConnection]" = field(default_factory=set)
    all_closed: asyncio.Event = field(default_factory=asyncio.Event)


class HttpConnection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._reader = RequestReader(settings.bodies)
        self._transport: asyncio.Transport | None = None
        self._queue: deque[ReceivedRequest] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._may_write = True
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._idle_since = self._loop.time()
        self._request_since: float | None = None
        self._has_spoken = False
        self._blocked_since = 0.0
        self._unsent_bytes = 0

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered or waits."""
        return self._answering is None and not self._queue

    @property
    def idle_since(self) -> float | None:
        """Since when nothing has been asked, in the loop's time; None while something is."""
        return self._idle_since if self.is_idle and self._request_since is None else None

    def close_after_answer(self) -> None:
        """End the connection with the next answer."""
        self._closing = True

    def close_when_idle(self) -> None:
        """End the connection after the answers that are under way, at once when there are none."""
        self._closing = True
        if self.is_idle and self._transport is not None:
            self._transport.close()

    def end_if_overdue(self, now: float) -> None:
        """End the connection of a client that is slower than the limits allow; `now` is the loop's time."""
        limits = self._settings.limits
        if self._transport is None:
            return
        if not self._may_write:
            unsent = self._transport.get_write_buffer_size()
            if unsent < self._unsent_bytes:
                self._blocked_since = now
            self._unsent_bytes = unsent
            if now - self._blocked_since > limits.answer:
                self._transport.abort()
        elif self.is_idle and self._request_since is not None:
            arrives = limits.allows_request(now - self._request_since, self._reader.body_bytes)
            if not arrives or now - self._idle_since > limits.silent:
                self._closing = True
                self._send(Response(408), keep_alive=False)
        elif self.is_idle and now - self._idle_since > (limits.idle if self._has_spoken else limits.silent):
            self.close_when_idle()

    def _make_room(self) -> None:
        """End the connection that has been idle for longest, or this one when none is."""
        idle = [(one.idle_since, one) for one in self._settings.connections if one.idle_since is not None]
        _, longest = min(idle, key=itemgetter(0), default=(0.0, self))
        longest.close_when_idle()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self._settings.connections) >= self._settings.max_connections:
            self._make_room()
        self._settings.connections.add(self)
        self._settings.all_closed.clear()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason changes nothing
        """The client is gone; what waits for it is given up, and what is being computed goes nowhere."""
        self._transport = None
        self._forget_queue()
        self._reader.abandon()
        if self._answering is not None:
            self._answering.cancel()
        self._settings.connections.discard(self)
        if not self._settings.connections:
            self._settings.all_closed.set()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        self._idle_since = self._loop.time()
        self._has_spoken = True
        try:
            complete = self._reader.received(data)
        except UnreadableRequestError as error:
            self._closing = True
            self._send(Response(error.status), keep_alive=False)
            return
        self._queue.extend(complete)
        if not self._reader.is_within_request:
            self._request_since = None
        elif complete or self._request_since is None:
            self._request_since = self._idle_since
        if self._transport is None:
            return
        if self._reader.awaits_continue:
            self._reader.awaits_continue = False
            self._transport.write(_CONTINUE)
        if len(self._queue) >= _MAX_PIPELINED:
            self._transport.pause_reading()
        self._answer_queued()

    def eof_received(self) -> bool:
        """The client has closed its side, as one does that waits no longer: it is gone, as for OVMS."""
        return False

    def pause_writing(self) -> None:
        """The client reads too slowly; answer no further request."""
        self._may_write = False
        self._blocked_since = self._loop.time()
        self._unsent_bytes = 0

    def resume_writing(self) -> None:
        """The client caught up."""
        self._may_write = True
        self._answer_queued()

    def _answer_queued(self) -> None:
        while self._queue and self._answering is None and self._may_write and self._transport is not None:
            received = self._queue.popleft()
            try:
                answer = self._settings.app(received.request)
            except Exception as error:  # noqa: BLE001 - see _unexpected
                answer = _unexpected(received, error)
            if isinstance(answer, Response):
                received.release()
                self._finish(received, answer)
            else:
                self._answering = self._loop.create_task(self._answer_later(received, answer))
                self._answering.add_done_callback(partial(_release, received))

    async def _answer_later(self, received: ReceivedRequest, answer: Awaitable[Response]) -> None:
        try:
            response = await answer
        except Exception as error:  # noqa: BLE001 - see _unexpected
            response = _unexpected(received, error)
        self._answering = None
        self._finish(received, response)
        self._answer_queued()

    def _finish(self, received: ReceivedRequest, response: Response) -> None:
        keep_alive = received.keep_alive and not (self._closing and not self._queue)
        self._send(response, keep_alive=keep_alive, head_only=received.request.method == "HEAD")
        self._idle_since = self._loop.time()
        if self._request_since is not None:
            self._request_since = (
                self._idle_since
            )  # what came meanwhile could not be read: our fault, not theirs
        if self._transport is not None and keep_alive and len(self._queue) < _MAX_PIPELINED:
            self._transport.resume_reading()

    def _send(self, response: Response, *, keep_alive: bool, head_only: bool = False) -> None:
        if self._transport is None:
            return
        head = [
            b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n"
            % (
                response.status,
                REASONS[response.status],
                response.content_type,
                sum(map(len, response.body)),
            ),
            self._settings.extra_headers,
        ]
        head += (b"%s: %s\r\n" % header for header in response.headers)
        head.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        self._transport.write(b"".join(head if head_only else [*head, *response.body]))
        if not keep_alive:
            self._forget_queue()
            self._transport.close()

    def _forget_queue(self) -> None:
        for received in self._queue:
            received.release()
        self._queue.clear()


def _release(received: ReceivedRequest, _answered: object) -> None:
    """Also for an answer that was given up before it was begun."""
    received.release()


def _unexpected(received: ReceivedRequest, error: Exception) -> Response:
    """The answer to a defect of ours: the client is not left waiting, and the log asks for a report."""
    _log.error("request_crashed", target=received.request.target, exc_info=error)
    return json_response({"error": "Internal server error"}, 500)
