"""One model server, or sidecar, over kept-alive HTTP connections, with every wait and size bounded.

urllib3 alone, not tritonclient: its pool is thread-safe, tells a lost connection from one that was never
made, and lets one deadline span connecting, reading and the retry. tritonclient's HTTP client is bound to
gevent, must not be shared between threads, and has no bound on the size of an answer.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from car_client.errors import (
    ConnectionLostError,
    RequestRefusedError,
    ServerFailedError,
    ServerUnreachableError,
)

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A class vector has kilobytes; an answer beyond this is not one."""
_CHUNK = 256 * 1024
_CONNECT_SECONDS = 3.0
_CONNECTIONS = 16
"""Kept alive; more threads than this may ask, their connections are closed afterwards."""
_TEXT_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and the whole body of an answer, whatever the status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any] | None:
        """The JSON object that the body is; None for anything else."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):  # the latter: nested more deeply than anybody means it
            return None
        return document if isinstance(document, dict) else None

    @property
    def error_text(self) -> str:
        """The server's `error` sentence, else the start of the body; at most 300 characters."""
        text = (self.document or {}).get("error")
        return str(text or self.body[:_TEXT_LIMIT].decode("utf-8", "replace")).strip()[:_TEXT_LIMIT]

    def checked(self, what: str) -> "Answer":
        """This answer if its status is 2xx; raises RequestRefusedError on 4xx, else ServerFailedError."""
        if 200 <= self.status < 300:  # noqa: PLR2004 - the range of success in HTTP
            return self
        if 400 <= self.status < 500:  # noqa: PLR2004 - the range of client errors in HTTP
            raise RequestRefusedError(what, self.status, self.error_text)
        raise ServerFailedError(
            f"the server failed on {what} with status {self.status}: {self.error_text or 'no reason given'}"
        )


class Connection:
    """Requests to one base address; safe to share between threads."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        on_retry: Callable[[str], None] = lambda _reason: None,
        joins: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Every request has `timeout` seconds in all, its retry included. Connects on the first one.

        An answer with more than `max_answer_bytes`, unpacked, is not read to its end. Only one that stalls
        halfway may take as long again. `on_retry` is told `connection_lost` or `retired` before a request is
        sent again. `joins` tells further headers of each request, such as `traceparent`.
        """
        self.base_url = base_url
        self._timeout = timeout
        self._max_answer_bytes = max_answer_bytes
        self._on_retry = on_retry
        self._joins = joins
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS, retries=False, headers={"Accept-Encoding": "gzip"}
        )

    def get(self, path: str) -> Answer:
        """`GET` of `path`, sent again once when the connection is lost. Raises ServerUnreachableError."""
        return self.request("GET", path)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Sequence[bytes | memoryview] = (),
        headers: Mapping[str, str] | None = None,
        again_if: Callable[[Answer], bool] = lambda _answer: False,
    ) -> Answer:
        """Send a request that may safely arrive twice; at most two are sent, within one time limit.

        The parts of `body` are sent one after the other as they are, so that a tensor is not copied.
        The second is sent when the connection was lost, or when `again_if` says so of the first answer.
        Raises ServerUnreachableError when there is no answer and ServerFailedError when it is too large.
        """
        deadline = time.monotonic() + self._timeout
        try:
            answer = self._send(method, path, body, headers, deadline)
            if not again_if(answer):
                return answer
            self._on_retry("retired")
        except ConnectionLostError:
            if time.monotonic() >= deadline:
                raise
            self._on_retry("connection_lost")
        return self._send(method, path, body, headers, deadline)

    def send_once(
        self, path: str, body: Iterable[bytes], *, size: int, headers: Mapping[str, str], timeout: float
    ) -> Answer:
        """`POST` the `size` bytes of `body` as they come, once, within `timeout` seconds.

        Raises as `request` does, and what `body` raises.
        """
        length = {"Content-Length": str(size)}
        return self._send("POST", path, body, {**headers, **length}, time.monotonic() + timeout)

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

    def _send(
        self,
        method: str,
        path: str,
        body: Iterable[bytes | memoryview],
        headers: Mapping[str, str] | None,
        deadline: float,
    ) -> Answer:
        length = {"Content-Length": str(sum(map(len, body)))} if isinstance(body, Sequence) and body else {}
        remaining = max(deadline - time.monotonic(), 0.001)
        try:
            response = self._pool.request(
                method,
                self.base_url + path,
                body=body or None,  # type: ignore[arg-type]  # urllib3's stub knows no buffers, its code does
                headers={**self._pool.headers, **self._joins(), **(headers or {}), **length},
                timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, remaining), read=remaining),
                preload_content=False,
                redirect=False,
            )
            return self._read(response, deadline)
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise ServerUnreachableError(
                f"nothing answers at {self.base_url}; check that the server runs and the address is right"
            ) from error
        except ReadTimeoutError as error:
            raise self._too_slow() from error
        except ProtocolError as error:
            raise ConnectionLostError(
                f"the connection to {self.base_url} was lost before the answer to {method} {path}; "
                "the server may be restarting"
            ) from error
        except HTTPError as error:
            raise ServerUnreachableError(f"cannot talk to {self.base_url}: {error}") from error

    def _read(self, response: urllib3.BaseHTTPResponse, deadline: float) -> Answer:
        chunks: list[bytes] = []
        size = 0
        complete = False
        try:
            # read1 hands over what has arrived, so that an answer that drips cannot outlast the time limit
            while chunk := response.read1(_CHUNK, decode_content=True):
                chunks.append(chunk)
                size += len(chunk)
                if size > self._max_answer_bytes:
                    raise ServerFailedError(
                        f"{self.base_url} answers with more than {self._max_answer_bytes} bytes; "
                        "check that the address is right"
                    )
                if time.monotonic() > deadline:
                    raise self._too_slow()
            complete = True
        finally:
            if complete:
                response.release_conn()
            else:
                response.close()
        return Answer(response.status, response.headers, b"".join(chunks))

    def _too_slow(self) -> ServerUnreachableError:
        return ServerUnreachableError(
            f"{self.base_url} did not answer within {self._timeout:g} s; it may be overloaded, "
            f"or the time limit is too short"
        )
