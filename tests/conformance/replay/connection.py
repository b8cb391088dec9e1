"""One TCP connection that sends the bytes it is given, well-formed or not, and reads answers."""

import contextlib
import io
import select
import socket
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from types import SimpleNamespace
from typing import Self, cast

_CLOSES_WITHIN = 0.3  # the recording run waited as long for the server to close


@dataclass(frozen=True)
class Answer:
    """Header names are in lower case; `closed` is only known where a connection is kept."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float = 0.0
    closed: bool | None = None


class _SharedReader(io.BufferedReader):
    """Outlives each response that is read from it, with the bytes of the next one in its buffer."""

    def close(self) -> None:
        """Stay open: `Connection.close` closes the socket below."""


class Connection:
    """Every wait ends after `timeout` seconds with TimeoutError."""

    def __init__(self, port: int, timeout: float = 60.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._raw = self._socket.makefile("rb", buffering=0)
        reader = _SharedReader(self._raw)
        self._source = cast("socket.socket", SimpleNamespace(makefile=lambda _mode: reader))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._raw.close()
        self._socket.close()

    def ask(self, method: str, request: bytes) -> Answer:
        """Send `request` as it is; ConnectionResetError when the server closes without an answer."""
        begin = time.monotonic()
        with contextlib.suppress(ConnectionError):  # a server may answer and close before it has read all
            self._socket.sendall(request)
        response = HTTPResponse(self._source, method=method)
        try:
            response.begin()
            body = response.read()
        except (HTTPException, ConnectionError) as error:
            raise ConnectionResetError(f"closed without a whole answer: {error!r}") from error
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body, time.monotonic() - begin)

    def is_closed_by_server(self) -> bool:
        """Whether the server closes within the time that the recording run waited."""
        readable, _, _ = select.select([self._socket], [], [], _CLOSES_WITHIN)
        try:
            return bool(readable) and self._socket.recv(1, socket.MSG_PEEK) == b""
        except ConnectionError:
            return True


def ask_once(
    port: int, method: str, path: str, body: bytes | None = None, *, timeout: float = 60.0
) -> Answer:
    """One request on a connection of its own."""
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n"
    with Connection(port, timeout) as connection:
        return connection.ask(method, head.encode() + (body or b""))
