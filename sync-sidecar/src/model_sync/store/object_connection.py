"""One connection to the store, over which objects are pulled one after another."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pycurl

from model_sync.store.curl_handle import (
    ERRORS_FROM,
    OK,
    Signer,
    TimeLimits,
    header_lines,
    new_handle,
    parsed_head,
)
from model_sync.store.s3_refusal import MAX_ERROR_BYTES, S3RefusalError

_READ_BYTES = 256 * 1024
_ANSWER_AFTER = 0.25
"""Seconds after which `read` hands out what it has, so that a caller can stop a slow transfer."""
_NO_DESCRIPTOR_PAUSE = 0.001


class ObjectConnection:
    """One libcurl handle with a connection of its own, used by one transfer at a time."""

    def __init__(self, ca_file: str, limits: TimeLimits) -> None:
        """Nothing is asked yet."""
        self._silence = limits.silence
        self._multi = pycurl.CurlMulti()
        self._easy = new_handle(ca_file, limits)
        self._easy.setopt(pycurl.WRITEFUNCTION, self._take_body)
        self._head: list[bytes] = []
        self._easy.setopt(pycurl.HEADERFUNCTION, self._head.append)
        self._begin()

    def _begin(self) -> None:
        self._head.clear()
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._ended = False
        self._failure: OSError | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer, by lower-case name."""
        return parsed_head(self._head)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str], signer: Signer) -> Iterator[None]:
        """Send a request and wait for the answer's head; the body is read inside the block."""
        self._begin()
        easy = self._easy
        easy.setopt(pycurl.URL, url)
        easy.setopt(pycurl.HTTPHEADER, header_lines(headers))
        signer.sign(easy)
        self._multi.add_handle(easy)
        try:
            self._pump(1)
            status = easy.getinfo(pycurl.RESPONSE_CODE)
            if not OK <= status < ERRORS_FROM:
                self._pump(MAX_ERROR_BYTES)
                self._raise_failure()
                raise S3RefusalError(status, self._taken(MAX_ERROR_BYTES))
            yield
        finally:
            self._multi.remove_handle(easy)  # an unfinished answer's connection is closed by this

    def read(self, amt: int | None = None, /) -> bytes:
        """At most `amt` bytes, all for None; empty at the end. Raises OSError."""
        if amt is None:
            return b"".join(iter(lambda: self.read(_READ_BYTES), b""))
        self._pump(amt)
        if not self._buffered:
            self._raise_failure()
        return self._taken(amt)

    def close(self) -> None:
        """End the connection."""
        self._easy.close()
        self._multi.close()

    def _pump(self, wanted: int) -> None:
        """Receive until `wanted` bytes are there or the answer has ended; something, once time is up."""
        begun = time.monotonic()
        while self._buffered < wanted and not self._ended:
            _, running = self._multi.perform()
            if running == 0:
                self._end()
            elif self._buffered < wanted:
                waited = time.monotonic() - begun
                if self._buffered and waited >= _ANSWER_AFTER:
                    return
                if waited >= self._silence:
                    raise TimeoutError(f"nothing arrived for {self._silence:g} s")
                if self._multi.select(_ANSWER_AFTER) < 0:
                    time.sleep(_NO_DESCRIPTOR_PAUSE)  # libcurl is between two sockets, or resolves a name

    def _end(self) -> None:
        self._ended = True
        _, _, failed = self._multi.info_read()
        for _, _, reason in failed:
            self._failure = ConnectionError(reason)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _taken(self, amt: int) -> bytes:
        taken: list[bytes] = []
        left = amt
        while left and self._chunks:
            chunk = self._chunks.popleft()
            if len(chunk) > left:
                self._chunks.appendleft(chunk[left:])
                chunk = chunk[:left]
            taken.append(chunk)
            left -= len(chunk)
        self._buffered -= amt - left
        return b"".join(taken)

    def _take_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._buffered += len(chunk)
