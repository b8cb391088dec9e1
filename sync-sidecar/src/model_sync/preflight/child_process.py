"""The child process of preflight: started early, asked once, watched all the while, ended for sure."""

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from edge_common.errors import RejectedError, RetryableError
from edge_common.quantities import format_duration, format_size

from model_sync.download.object_download import CancelledError
from model_sync.preflight.confinement import harmless_environment

_POLL = 0.1
_CHUNK = 64 * 1024
_MAX_ANSWER = 1024 * 1024
_LINES = 2
"""An empty one when the child has read the request, then its answer."""
_HEAVY_BYTES, _HEAVY_SECONDS = 64 * 1024**2, 2.0
"""From here on a check may be what ends this container: memory beyond an idle child's, processor time."""
CHILD = (sys.executable, "-P", "-m", "model_sync.preflight.child")


class GivesWayError(RetryableError):
    """The check takes long and others wait; it is made again behind them, with more time."""


@dataclass(frozen=True)
class Supervision:
    """What whoever waits for a check wants to say or hear meanwhile."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    gives_way: Callable[[float], bool] = lambda _seconds: False
    """Asked with the seconds since the check began: whether it has to make room for others."""
    heavy: Callable[[], None] = lambda: None
    """Called once when the check takes noticeable memory or processor time."""


class ChildProcess:
    """One child in a session of its own; a context that ends it when left."""

    def __init__(self, command: Sequence[str] = CHILD) -> None:
        """Start it; it imports what it needs before it is asked. Raises RetryableError when it cannot."""
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=harmless_environment(os.environ),
                start_new_session=True,  # a group of its own: ours to end, and out of reach of our signals
            )
        except OSError as error:
            reason = error.strerror or error
            raise RetryableError(f"no preflight child can be started: {reason}; it is tried again") from error
        if self._child.stdin is None or self._child.stdout is None:
            raise RetryableError("the preflight child has no pipes; it is tried again")
        self._to_child, self._from_child = self._child.stdin, self._child.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child and whatever it started, without waiting for what they hold open."""
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._from_child.close()
        with suppress(BrokenPipeError):  # what it did not read any more
            self._to_child.close()

    @property
    def usable(self) -> bool:
        """Whether the child still lives."""
        return self._child.poll() is None

    def exit_code(self) -> int:
        """How it ended, as `subprocess` tells it; waits for the end."""
        return self._child.wait()

    def exchange(
        self, request: bytes, *, timeout: float, memory: int, watched: Supervision, pictures: int = 0
    ) -> bytes:
        """Send one line; return the child's two lines, or what it had said when it ended.

        `pictures` is how many the model is tried with, for messages.

        Raises:
            RejectedError: it took longer than `timeout` seconds, or `memory` bytes more than an idle one.
            RetryableError: it did not even begin within `timeout`.
            GivesWayError: `watched` wants it to make room.
            CancelledError: `watched` was cancelled.
        """
        with suppress(BrokenPipeError):  # it has died already; the missing answer tells
            self._to_child.write(request)
            self._to_child.flush()
        began, idle, heavy = time.monotonic(), None, False
        received = b""
        # Only lines are read, never to the end of the pipe: a process that the child leaves behind would keep
        # the pipe open.
        with selectors.DefaultSelector() as ready:
            ready.register(self._from_child, selectors.EVENT_READ)
            while received.count(b"\n") < _LINES and len(received) < _MAX_ANSWER:
                ended = self._child.poll() is not None  # asked first: what it wrote before that can be read
                if ready.select(0 if ended else _POLL):
                    data = os.read(self._from_child.fileno(), _CHUNK)
                    if not data:
                        break
                    received += data
                elif ended:
                    break
                if watched.cancelled.is_set():
                    raise CancelledError("the preflight was stopped")
                took = time.monotonic() - began
                _check_time(took, timeout, pictures, begun=b"\n" in received)
                if watched.gives_way(took):
                    raise GivesWayError("others wait for preflight; it is checked again behind them")
                if b"\n" not in received:
                    continue
                now = self._usage()
                idle = idle or now
                more, spent = now[0] - idle[0], now[1] - idle[1]
                if more > memory:
                    raise RejectedError(too_little_memory(memory))
                if not heavy and (more > _HEAVY_BYTES or spent > _HEAVY_SECONDS):
                    heavy = True
                    watched.heavy()
        return received

    def _usage(self) -> tuple[int, float]:
        """Bytes of memory that the child has, and seconds of processor time that it took."""
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            process = Path(f"/proc/{self._child.pid}")
            resident = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            times = (process / "stat").read_text().rpartition(")")[2].split()  # its name may have blanks
            return resident, (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
        return 0, 0.0


def _check_time(took: float, timeout: float, pictures: int, *, begun: bool) -> None:
    if took <= timeout:
        return
    if not begun:
        raise RetryableError(
            f"the preflight child did not start within {format_duration(timeout)}; it is tried again"
        )
    tried = f" it and trying {pictures} acceptance pictures" if pictures else ""
    raise RejectedError(
        f"loading{tried} took longer than {format_duration(timeout)} in preflight; "
        "make the model smaller, or raise MODEL_SYNC_PREFLIGHT_TIMEOUT"
    )


def too_little_memory(allowed: int) -> str:
    """The sentence for a model that needs more than `allowed` bytes."""
    return (
        f"loading it needs more than the {format_size(allowed)} of memory that preflight may take here; make "
        "the model smaller, or the container's memory limit or MODEL_SYNC_PREFLIGHT_MEMORY larger"
    )
