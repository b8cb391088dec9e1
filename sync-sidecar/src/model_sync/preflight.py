"""Preflight: a version is loaded and run once in a child process before the server ever sees it.

A model file is data until proven otherwise. What it does to OpenVINO (an exception, a crash, a hang, all the
memory) it does to the child, and becomes a sentence for the uploader.
"""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_common.errors import RejectedError, RetryableError
from edge_common.quantities import format_duration, format_size

from model_sync.transfer import CancelledError

_POLL = 0.1
_MAX_ANSWER = 1024 * 1024


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

    def __init__(self, *, timeout: float, memory: int) -> None:
        """`timeout` in seconds for the check itself, `memory` in bytes of address space."""
        self._timeout = timeout
        self._memory = memory
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "model_sync.preflight_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a signal meant for the sidecar's group is not meant for the child
        )

    def __enter__(self) -> Self:
        """The child belongs to this context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child, whatever it does."""
        self._child.kill()
        self._child.communicate()

    @property
    def usable(self) -> bool:
        """Whether the child still lives."""
        return self._child.poll() is None

    def check(self, tree: Path, settings: Mapping[str, Any], *, cancelled: threading.Event) -> ModelFacts:
        """Load the version in `tree` with the serving `settings` and run it once on zeros.

        Raises:
            RejectedError: it cannot be loaded or run; the sentence says why.
            RetryableError: the child could not be used.
            CancelledError: `cancelled` was set.
        """
        request = {
            "folder": str(tree),
            "settings": dict(settings),
            "memory": self._memory,
            "cpu_seconds": int(self._timeout * 4) + 1,
        }
        answer = self._ask(json.dumps(request).encode() + b"\n", cancelled)
        if answer is None:
            raise RejectedError(self._cause_of_death())
        if "problem" in answer:
            raise RejectedError(str(answer["problem"]))
        return ModelFacts(
            inputs={name: tuple(shape) for name, shape in answer["inputs"].items()},
            outputs={name: tuple(shape) for name, shape in answer["outputs"].items()},
        )

    def _ask(self, request: bytes, cancelled: threading.Event) -> dict[str, Any] | None:
        data: bytes | None = request
        waited = 0.0
        while True:
            try:
                out, _ = self._child.communicate(data, timeout=_POLL)
                break
            except subprocess.TimeoutExpired:
                data = None
                waited += _POLL
            except BrokenPipeError:
                return None
            if cancelled.is_set():
                raise CancelledError("the preflight was stopped")
            if waited > self._timeout:
                raise RejectedError(
                    f"loading took longer than {format_duration(self._timeout)} in preflight; "
                    "make the model smaller, or raise MODEL_SYNC_PREFLIGHT_TIMEOUT"
                )
        try:
            answer = json.loads(out[:_MAX_ANSWER])
        except ValueError:
            return None
        if not isinstance(answer, dict):
            raise RetryableError("the preflight child did not answer as expected; it is tried again")
        return answer

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
