"""From received bytes to requests: httptools parses the heads, large bodies bypass it."""

from typing import Any, NamedTuple
from urllib.parse import quote

import httptools

from ovms_lite.wire.aligned_body import AlignedBody
from ovms_lite.wire.http_message import Request

MAX_BODY_BYTES = 1024**3
"""Measured on OVMS 2026.2.1: a larger body is answered with 413."""
SCRATCH_BYTES = 32 * 1024
_MAX_HEAD_BYTES = 64 * 1024
_LARGE_BODY_BYTES = 32 * 1024
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~ "
_TAIL_OFFSET_HEADER = b"inference-header-content-length"


class UnreadableRequestError(Exception):
    """What was received is no request that can be answered; `status` says why, the connection is lost."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status


class ReceivedRequest(NamedTuple):
    """A complete request, and whether the connection may be used for another one."""

    request: Request
    keep_alive: bool


class RequestReader:
    """Reads one connection.

    `scratch` takes what is read outside large bodies; it is used up at once, so connections may share it.
    `awaits_continue` is set when the client wants to be told to send the body; whoever tells it resets it.
    """

    def __init__(self, scratch: bytearray) -> None:
        self._scratch = scratch
        self._complete: list[ReceivedRequest] = []
        self.awaits_continue = False
        self._parser: Any = httptools.HttpRequestParser(self)
        self._direct: AlignedBody | None = None
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._large: AlignedBody | None = None
        self._body = bytearray()  # writable: OpenVINO takes no other memory
        self._head_bytes = 0
        self._in_head = True

    @property
    def is_within_request(self) -> bool:
        """Whether a request has begun to arrive and is not complete."""
        return self._head_bytes > 0 or not self._in_head

    @property
    def body_bytes(self) -> int:
        """How much of the body has arrived."""
        return len(self._body) if self._large is None else self._large.filled

    def buffer(self) -> memoryview:
        """Where the next bytes shall be received: the rest of a large body, or the scratch memory."""
        return memoryview(self._scratch) if self._direct is None else self._direct.missing()

    def received(self, count: int) -> list[ReceivedRequest]:
        """`count` bytes were written into `buffer()`: the requests they complete.

        Raises UnreadableRequestError; nothing on the connection can be understood after that.
        """
        self._complete = []
        self._take(count)
        return self._complete

    def _take(self, count: int) -> None:
        if self._direct is not None:
            self._direct.advance(count)
            if self._direct.is_complete:
                self._parser = httptools.HttpRequestParser(self)  # the old one still waits for the body
                self._direct = None
                self.on_message_complete()
            return
        data: memoryview | bytes = memoryview(self._scratch)[:count]
        if not self._head_bytes and self._in_head:
            data = self._with_escaped_target(count)
        if self._in_head:
            self._head_bytes += count
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # the request was taken as plain HTTP/1.1, which is how it is answered
        except httptools.HttpParserError as error:
            cause = error.__context__
            status = cause.status if isinstance(cause, UnreadableRequestError) else 400
            raise UnreadableRequestError(status) from error
        if self._in_head and self._head_bytes > _MAX_HEAD_BYTES:
            raise UnreadableRequestError(431)
        self._direct = self._large

    def _with_escaped_target(self, count: int) -> memoryview | bytes:
        """Percent-encode bytes beyond ASCII in the first line: OVMS takes them, httptools does not."""
        end = self._scratch.find(b"\r\n", 0, count)
        line = self._scratch[: max(end, 0)]
        if line.isascii():
            return memoryview(self._scratch)[:count]
        return quote(bytes(line), safe=_URL_SAFE).encode() + bytes(self._scratch[end:count])

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; of several with one name the last counts."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The body follows: decide where it goes, or refuse it unread."""
        self._in_head = False
        self._method: str = self._parser.get_method().decode("ascii")
        self._keep_alive: bool = self._parser.should_keep_alive()
        length = int(self._headers.get(b"content-length", 0))
        if length > MAX_BODY_BYTES:
            raise UnreadableRequestError(413)
        if length > _LARGE_BODY_BYTES:
            offset = self._headers.get(_TAIL_OFFSET_HEADER, b"")
            self._large = AlignedBody(length, int(offset) % length if offset.isdigit() else 0)
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self.awaits_continue = True

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        if self._large is not None:
            self._large.append(data)
            return
        self._body += data
        if len(self._body) > MAX_BODY_BYTES:
            raise UnreadableRequestError(413)

    def on_message_complete(self) -> None:
        """A whole request is there."""
        body = self._body if self._large is None else self._large.content()
        keep_alive = self._keep_alive
        request = Request(self._method, self._path(), self._headers, body)
        self._begin()
        self._complete.append(ReceivedRequest(request, keep_alive))

    def _path(self) -> str:
        return self._target.partition(b"?")[0].partition(b"#")[0].decode("ascii")
