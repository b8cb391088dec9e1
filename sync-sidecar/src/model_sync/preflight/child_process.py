"""Preflight: a version is loaded and run once in a child process before the server ever sees it.

A model file is data until proven otherwise. What it does to OpenVINO (an exception, a crash, a hang, all the
memory) it does to the child, and becomes a sentence for the uploader.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_common.errors import RejectedError, RetryableError
from edge_common.quantities import format_duration, format_size

from model_sync.bucket.completeness import IncompleteError
from model_sync.cards.sample_picture import SamplePicture
from model_sync.download.object_download import CancelledError
from model_sync.preflight.confinement import harmless_environment

_POLL = 0.1
_CHUNK = 64 * 1024
_MAX_ANSWER = 1024 * 1024
_LINES = 2
"""An empty one when the child has read the request, then its answer."""
CHILD = (sys.executable, "-P", "-m", "model_sync.preflight.child")


@dataclass(frozen=True)
class ModelFacts:
    """What the child found: shapes of inputs and outputs by name, -1 for a dynamic dimension."""

    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]

    @property
    def classes(self) -> int | None:
        """Length of the last dimension of a single output; None when there is no such fixed number."""
        if len(self.outputs) != 1:
            return None
        (shape,) = self.outputs.values()
        return shape[-1] if shape and shape[-1] > 0 else None


class Preflight:
    """One child, started early so that it imports OpenVINO while the files are still on their way."""

    def __init__(self, *, timeout: float, memory: int, command: Sequence[str] = CHILD) -> None:
        """`timeout` in seconds for the check itself, `memory` in bytes of address space of the child."""
        self._timeout = timeout
        self._memory = memory
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=harmless_environment(os.environ),
            start_new_session=True,  # a group of its own: ours to end, and out of reach of our own signals
        )
        if self._child.stdin is None or self._child.stdout is None:
            raise RetryableError("the preflight child has no pipes; it is tried again")
        self._to_child, self._from_child = self._child.stdin, self._child.stdout

    def __enter__(self) -> Self:
        """The child belongs to this context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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

    def check(
        self,
        tree: Path,
        settings: Mapping[str, Any],
        *,
        cancelled: threading.Event,
        sample: SamplePicture | None = None,
    ) -> ModelFacts:
        """Load the version in `tree` with the serving `settings`, and run it on the `sample` or on zeros.

        Raises:
            IncompleteError: a file that the model names is not there.
            RejectedError: it cannot be loaded or run; the sentence says why.
            RetryableError: the child could not be used.
            CancelledError: `cancelled` was set.
        """
        request = {
            "folder": str(tree),
            "settings": dict(settings),
            "memory": self._memory,
            "cpu_seconds": int(self._timeout * 4) + 1,
            "sample": sample.as_request() if sample is not None else None,
        }
        answer = self._ask(json.dumps(request).encode() + b"\n", cancelled)
        if answer is None:
            raise RejectedError(self._cause_of_death())
        if "missing" in answer:
            raise IncompleteError(str(answer["missing"]))
        if "rejection" in answer:
            raise RejectedError(str(answer["rejection"]))
        return ModelFacts(
            inputs={name: tuple(shape) for name, shape in answer["inputs"].items()},
            outputs={name: tuple(shape) for name, shape in answer["outputs"].items()},
        )

    def _ask(self, request: bytes, cancelled: threading.Event) -> dict[str, Any] | None:
        """The child's answer; None when it ended without one."""
        _, found, line = self._exchange(request, cancelled).partition(b"\n")
        if not found:
            self._child.wait()
            raise RetryableError(
                f"the preflight child ended ({_ending(self._child.returncode)}) before it read the request, "
                "so the model is not at fault; it is tried again. Does this container have memory for it?"
            )
        try:
            answer = json.loads(line)
        except ValueError:
            self._child.wait()
            return None
        if not isinstance(answer, dict):
            raise RetryableError("the preflight child did not answer as expected; it is tried again")
        return answer

    def _exchange(self, request: bytes, cancelled: threading.Event) -> bytes:
        # Only a line is read, never to the end of the pipe: a process that the child leaves behind would keep
        # the pipe open.
        with suppress(BrokenPipeError):  # it has died already; the missing answer tells
            self._to_child.write(request)
            self._to_child.flush()
        deadline = time.monotonic() + self._timeout
        received = b""
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
                if cancelled.is_set():
                    raise CancelledError("the preflight was stopped")
                if time.monotonic() > deadline and b"\n" not in received:
                    raise RetryableError(
                        f"the preflight child did not start within {format_duration(self._timeout)}; "
                        "it is tried again"
                    )
                if time.monotonic() > deadline:
                    raise RejectedError(
                        f"loading took longer than {format_duration(self._timeout)} in preflight; "
                        "make the model smaller, or raise MODEL_SYNC_PREFLIGHT_TIMEOUT"
                    )
        return received

    def _cause_of_death(self) -> str:
        code = self._child.returncode
        if code == -signal.SIGKILL:
            return (
                "loading it needed more memory than this machine could give (the child was killed); "
                "make the model smaller or the memory limit larger"
            )
        if code == -signal.SIGXCPU:
            return "loading it used more processor time than preflight allows; it would block the server"
        if code is not None and code < 0:
            return (
                f"it crashes OpenVINO while loading ({signal.Signals(-code).name}); "
                "it would have taken the server down. Export the model again"
            )
        return (
            f"it could not be loaded within {format_size(self._memory)} of memory (exit code {code}); "
            "make the model smaller, or raise MODEL_SYNC_PREFLIGHT_MEMORY"
        )


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
