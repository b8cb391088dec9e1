"""What OpenCV, FFmpeg and other libraries write to standard error by themselves becomes lines of the log."""

import io
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge_common.logs import get_logger
from edge_common.printable import printable

_log = get_logger()
_STANDARD_ERROR = 2
_LONGEST_LINE = 2000
_MOST_LINES = 20
"""In a window of ten seconds; a damaged stream makes hundreds."""
_WINDOW_SECONDS = 10.0
_CREDENTIALS = re.compile(r"//[^/@\s]+@")


@contextmanager
def logged_library_lines() -> Iterator[None]:
    """While inside, native code that writes to standard error writes `library_line` lines of the log.

    What Python writes goes where it went before. Call it before the log is configured. Does nothing where
    standard error is no file of the process, as in tests.
    """
    try:
        if sys.stderr.fileno() != _STANDARD_ERROR:
            raise io.UnsupportedOperation
    except (OSError, ValueError, AttributeError):
        yield
        return
    before = sys.stderr
    own = os.dup(_STANDARD_ERROR)
    reading, writing = os.pipe()
    os.dup2(writing, _STANDARD_ERROR)
    os.close(writing)
    sys.stderr = open(own, "w", encoding=before.encoding, errors="backslashreplace", buffering=1)  # noqa: SIM115, PTH123 - stays open after, the log may hold it
    reader = threading.Thread(target=_read, args=(reading,), name="library lines", daemon=True)
    reader.start()
    try:
        yield
    finally:
        os.dup2(own, _STANDARD_ERROR)  # the pipe has no writer any more, so that the reader ends
        reader.join(timeout=1)
        sys.stderr.flush()


def _read(reading: int) -> None:
    lines = LibraryLines()
    rest = b""
    while chunk := os.read(reading, 65536):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            lines.take(line)
        rest = rest[:_LONGEST_LINE]
    lines.take(rest)
    os.close(reading)


class LibraryLines:
    """Logs lines as they come, a bounded number in a while; the rest is counted."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._window_ends = float("-inf")
        self._taken = 0

    def take(self, line: bytes) -> None:
        """Log one line, without credentials in its addresses."""
        text = line[:_LONGEST_LINE].decode("utf-8", "replace").strip()
        if not text:
            return
        now = self._monotonic()
        if now >= self._window_ends:
            if self._taken > _MOST_LINES:
                _log.warning("library_lines_left_out", count=self._taken - _MOST_LINES)
            self._window_ends, self._taken = now + _WINDOW_SECONDS, 0
        self._taken += 1
        if self._taken <= _MOST_LINES:
            _log.warning("library_line", text=printable(_CREDENTIALS.sub("//***@", text)))
