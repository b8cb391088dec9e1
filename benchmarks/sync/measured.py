"""One command, timed, with the memory of its whole process tree."""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import psutil

_SAMPLE_SECONDS = 0.05
_LIMIT_SECONDS = 1800
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Figures:
    """Wall time in seconds and peak resident memory in MiB, summed over the process tree."""

    seconds: float
    peak_mib: float


class TreeMemory:
    """Samples the resident memory of a process and its children while the context is open."""

    def __init__(self, pid: int) -> None:
        """`pid` is the root of the tree."""
        self.peak_mib = 0.0
        self._root = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
                resident = sum(process.memory_info().rss for process in tree)
            except psutil.NoSuchProcess:
                continue
            self.peak_mib = max(self.peak_mib, resident / _MIB)


def run_measured(
    command: Sequence[str], environment: Mapping[str, str], *, accepted: frozenset[int] = frozenset({0})
) -> Figures:
    """Run `command` to its end; SystemExit with its last words when it fails."""
    started = time.monotonic()
    process = subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with TreeMemory(process.pid) as memory:
        _, complaint = process.communicate(timeout=_LIMIT_SECONDS)
    seconds = time.monotonic() - started
    if process.returncode not in accepted:
        raise SystemExit(f"{command[0]} ended with exit code {process.returncode}: {complaint[-500:]}")
    return Figures(seconds, memory.peak_mib)
