"""One command, timed, with the memory of its whole process tree."""

import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

_SAMPLE_SECONDS = 0.05
_LIMIT_SECONDS = 1800


@dataclass(frozen=True)
class Figures:
    """Of the whole process tree."""

    seconds: float
    memory: "PeakMemory"
    cpu_seconds: float | None = None
    """Processor time; None: not measured."""


@dataclass(frozen=True)
class PeakMemory:
    """The most at any time, in MiB."""

    resident: float
    """Summed over the processes, so that what two of them share counts twice."""
    proportional: float
    """What several processes share counts once (PSS)."""


class TreeMemory:
    """Samples the memory of a process and its children while the context is open."""

    def __init__(self, pid: int) -> None:
        """`pid` is the root of the tree."""
        self.peak = PeakMemory(0.0, 0.0)
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
                sizes = [_sizes(process.pid) for process in tree]
            except (psutil.NoSuchProcess, OSError):
                continue  # one has just ended
            resident, proportional = (sum(column) / 1024 for column in zip(*sizes, strict=True))
            self.peak = PeakMemory(
                max(self.peak.resident, resident), max(self.peak.proportional, proportional)
            )


def _sizes(pid: int) -> tuple[int, int]:
    """Resident and proportional size of a process in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    values = {name: value for name, _, value in (line.partition(":") for line in lines)}
    resident, proportional = (int(values[name].split()[0]) for name in ("Rss", "Pss"))
    return resident, proportional


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_measured(
    command: Sequence[str], environment: Mapping[str, str], *, accepted: frozenset[int] = frozenset({0})
) -> Figures:
    """Run `command` to its end; SystemExit with its last words when it fails."""
    started, cpu_before = time.monotonic(), _cpu_of_children()
    process = subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with TreeMemory(process.pid) as memory:
        _, complaint = process.communicate(timeout=_LIMIT_SECONDS)
    seconds = time.monotonic() - started
    if process.returncode not in accepted:
        raise SystemExit(f"{command[0]} ended with exit code {process.returncode}: {complaint[-500:]}")
    return Figures(seconds, memory.peak, _cpu_of_children() - cpu_before)
