"""A preflight child in reserve: while files of an upload still arrive, one child already imports OpenVINO.

The import takes longer than most checks do. Nothing is kept in reserve while nobody uploads.
"""

import threading
import time
from contextlib import suppress
from typing import Self

from edge_common.errors import RetryableError

from model_sync.preflight.check import Preflight
from model_sync.preflight.memory import free_memory

_LONGEST_RESERVE = 60.0
_AT_ONCE, _GOOD_SHARE = 2, 1024**3
"""Children that check at the same time, and the memory that each must find free for that."""


class WarmPreflight:
    """Hands out children; at most one is in reserve. Thread-safe."""

    def __init__(self, *, timeout: float, memory: int) -> None:
        free = free_memory()
        self.shares = _AT_ONCE if free is None or free >= _AT_ONCE * _GOOD_SHARE else 1
        """How many children may check at the same time."""
        self._timeout, self._memory = timeout, memory
        self._lock = threading.Lock()
        self._reserve: Preflight | None = None
        self._since = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release(at_once=True)

    def expect_upload(self) -> None:
        """Something is being uploaded: have a child ready."""
        with self._lock:
            if self._reserve is None:
                with suppress(RetryableError):  # whoever needs one is told then
                    self._reserve = self._start()
            self._since = time.monotonic()

    def take(self) -> Preflight:
        """A child to use once; the caller ends it."""
        with self._lock:
            child, self._reserve = self._reserve, None
        if child is not None and child.usable:
            return child
        if child is not None:
            child.close()  # it died in reserve
        return self._start()

    def release(self, *, at_once: bool = False) -> None:
        """End the reserve when it has waited long for an upload that did not come."""
        with self._lock:
            if self._reserve is None or (time.monotonic() - self._since < _LONGEST_RESERVE and not at_once):
                return
            child, self._reserve = self._reserve, None
        child.close()

    def _start(self) -> Preflight:
        return Preflight(timeout=self._timeout, memory=self._memory, shares=self.shares)
