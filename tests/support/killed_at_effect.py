"""Runs `model-sync` and kills it, or refuses it room, at a chosen change on its volume.

    python -m killed_at_effect ORDER TRACE -- run

`ORDER` is a file that may be written and replaced at any time: `kill 7` ends the process with SIGKILL just
before its 7th change from then on; `refuse 7` lets the 7th and every later change that needs room fail as on
a full volume, until the file is removed; `refuse 1 config.json` only those with the third word in their path.
What was hit is appended to `TRACE`.
"""

import errno
import os
import signal
import sys
import threading
from pathlib import Path

from durable_effects import Effect, watch_effects
from model_sync.cli import main

_NOT_A_KILL_POINT = "os.fsync"
"""A killed process loses nothing that it has written: only the power going off makes fsync matter."""


_WITH_PATH = 3


def _is_probe(effect: Effect) -> bool:
    """Whether it belongs to the look at what the volume can do, which every start makes anew from nothing."""
    return any(part.lstrip(".") == "probe" for part in effect.path.parts)


class Fate:
    """Counts changes and carries out the order."""

    def __init__(self, order: Path, trace: Path) -> None:
        self._order = order
        self._trace = trace
        self._lock = threading.Lock()
        self._current: tuple[int, int] | None = None
        self._count = 0

    def before(self, effect: Effect) -> None:
        """Live on, die, or raise OSError."""
        with self._lock:
            words = self._read_order()
            if words is None:
                return
            action, local_version = words[0], int(words[1])
            if _is_probe(effect):
                return
            if action == "kill" and effect.name != _NOT_A_KILL_POINT:
                self._count += 1
                if self._count == local_version:
                    self._tell(effect)
                    os.kill(os.getpid(), signal.SIGKILL)
            elif action == "refuse" and effect.needs_room and _concerns(words, effect):
                self._count += 1
                if self._count >= local_version:
                    self._tell(effect)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(effect.path))

    def _read_order(self) -> list[str] | None:
        try:
            facts = self._order.stat()
            words = self._order.read_text().split()
        except FileNotFoundError:
            self._current = None
            return None
        identity = (facts.st_ino, facts.st_mtime_ns)
        if identity != self._current:
            self._current, self._count = identity, 0
        return words

    def _tell(self, effect: Effect) -> None:
        with self._trace.open("a") as trace:
            trace.write(f"{effect.name} {effect.path}\n")


def _concerns(words: list[str], effect: Effect) -> bool:
    return len(words) < _WITH_PATH or words[2] in str(effect.path)


if __name__ == "__main__":
    fate = Fate(Path(sys.argv[1]), Path(sys.argv[2]))
    watch_effects(Path(os.environ["MODEL_SYNC_MODELS_DIR"]), fate.before)
    sys.argv = ["model-sync", *sys.argv[4:]]
    main()
