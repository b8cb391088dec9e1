"""How fast this process may read from the store: one token bucket that all transfers share."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

_SLICE_SECONDS = 0.25
"""Bytes of this long are read at a time, so that nobody waits long before looking at a cancellation."""
_SMALLEST_SLICE = 1024


class _Readable(Protocol):
    def read(self, amt: int | None = None, /) -> bytes: ...


class TokenBucket:
    """Grants bytes at `rate` a second, in the order of asking. Thread-safe."""

    def __init__(
        self,
        rate: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`rate` in bytes per second, above 0; time and sleep can be replaced for tests."""
        self.slice = max(_SMALLEST_SLICE, int(rate * _SLICE_SECONDS))
        self._rate = rate
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = monotonic()

    def take(self, count: int) -> None:
        """Account for `count` bytes that were read; returns when the rate allows them.

        Time in which nobody read is not saved up: after a pause the rate is what it was before.
        """
        with self._lock:
            now = self._monotonic()
            self._free_at = max(self._free_at, now) + count / self._rate
            pause = self._free_at - now
        self._sleep(pause)


class ThrottledStream:
    """A stream that is read no faster than its bucket grants."""

    def __init__(self, stream: _Readable, bucket: TokenBucket) -> None:
        """`bucket` is shared with every other stream of the process."""
        self._stream = stream
        self._bucket = bucket

    def read(self, amt: int | None = None, /) -> bytes:
        """At most `amt` bytes, and at most a slice of the bucket; empty at the end."""
        wanted = self._bucket.slice if amt is None else min(amt, self._bucket.slice)
        chunk = self._stream.read(wanted)
        self._bucket.take(len(chunk))
        return chunk
