"""From received bytes to requests; httptools parses them."""

from typing import Any, NamedTuple
from urllib.parse import quote

import httptools

from ovms_lite.http.limits import Bodies, HeldBody
from ovms_lite.wire.http_message import Request

MAX_HEAD_BYTES = 64 * 1024
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~ "


class UnreadableRequestError(Exception):
    """What was received is no request that can be answered; `status` says why, the connection is lost."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status


class ReceivedRequest(NamedTuple):
    """A complete request, whether the connection may be used for another one, and what it keeps in memory."""

    request: Request
    keep_alive: bool
    held: HeldBody | None

    def release(self) -> None:
        """It is answered, or will not be."""
        if self.held is not None:
            self.held.release()


class RequestReader:
    """Reads one connection.

    `body_bytes` is how much of a body has arrived.
    `is_within_request` tells whether a request has begun to arrive and is not complete.
    `awaits_continue` is set when the client wants to be told to send the body; whoever tells it resets it.
    """

    def __init__(self, bodies: Bodies | None = None) -> None:
        self._bodies = bodies or Bodies()
        self._complete: list[ReceivedRequest] = []
        self.is_within_request = False
        self.awaits_continue = False
        self._parser: Any = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._body = bytearray()  # writable: OpenVINO takes no other memory
        self._held: HeldBody | None = None
        self.body_bytes = 0
        self._unfinished_head_bytes = 0
        self._in_head = True
        self.is_within_request = False

    def abandon(self) -> None:
        """Forget a request that will not arrive whole."""
        if self._held is not None:
            self._held.release()

    def received(self, data: bytes) -> list[ReceivedRequest]:
        """The requests that `data` complete.

        Raises UnreadableRequestError; nothing on the connection can be understood after that.
        """
        self._complete = []
        if not self.is_within_request:
            data = _with_escaped_target(data)
        if self._in_head:
            self._unfinished_head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return self._complete  # the request was taken as plain HTTP/1.1, which is how it is answered
        except httptools.HttpParserError as error:
            cause = error.__context__
            status = cause.status if isinstance(cause, UnreadableRequestError) else 400
            raise UnreadableRequestError(status) from error
        if self._in_head and self._unfinished_head_bytes > MAX_HEAD_BYTES:
            raise UnreadableRequestError(431)
        return self._complete

    # What the parser calls.

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self.is_within_request = True

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; of several with one name the last counts."""
        self._headers[name.lower()] = value
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEAD_BYTES:
            raise UnreadableRequestError(431)

    def on_headers_complete(self) -> None:
        """The body follows; one that says it is too large is refused unread."""
        self._in_head = False
        self._method: str = self._parser.get_method().decode("ascii")
        self._keep_alive: bool = self._parser.should_keep_alive()
        if int(self._headers.get(b"content-length", 0)) > self._bodies.max_body:
            raise UnreadableRequestError(413)
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self.awaits_continue = True

    def on_body(self, data: bytes) -> None:
        """A part of the body; what is not kept is only counted."""
        self.body_bytes += len(data)
        if self.body_bytes > self._bodies.max_body:
            raise UnreadableRequestError(413)
        if self._held is None:
            self._held = self._bodies.begin(self._method, self._path())
        if self._held.keeps(len(data)):
            self._body += data
        elif self._body:
            self._body = bytearray()

    def on_message_complete(self) -> None:
        """A whole request is there."""
        held = self._held
        refusal = None if held is None else held.refusal
        request = Request(self._method, self._path(), self._headers, self._body, refusal)
        keep_alive = self._keep_alive
        self._begin()
        self._complete.append(ReceivedRequest(request, keep_alive, held))

    def _path(self) -> str:
        return self._target.partition(b"?")[0].partition(b"#")[0].decode("ascii")


def _with_escaped_target(data: bytes) -> bytes:
    """Percent-encode bytes beyond ASCII in the first line: OVMS takes them, httptools does not."""
    end = data.find(b"\r\n")
    line = data[: max(end, 0)]
    return data if line.isascii() else quote(line, safe=_URL_SAFE).encode() + data[end:]
