"""Digests of what is published, taken again beside the loop: the only way to see a bit that has flipped.

A pass over everything begins a minute after the start and once a day, slowly, so that the models' own reads
and the server are not in its way. A version that somebody doubts goes first and at full speed.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from model_sync.planning.state import StoredVersion
from model_sync.volume.volume import Volume

FIRST_PASS_AFTER, PASS_EVERY = 60.0, 86400.0
"""Seconds."""
_BYTES_PER_SECOND = 8 * 1024**2
"""Of a slow pass; hashing them takes about one hundredth of a core."""
_CHUNK = 1024**2
_AT_A_TIME, _BYTES_AT_A_TIME = 64, 32 * 1024**2

Key = tuple[str, int]
"""Model and local version."""


@dataclass(frozen=True)
class Altered:
    """A version whose files are not what was published; `digests`: path -> digest of what is there now."""

    key: Key
    version: StoredVersion
    digests: Mapping[str, str]


@dataclass
class DigestChecks:
    """Compares published files with their recorded digests. Used by one thread."""

    volume: Volume
    work_done: Callable[[], None]
    """Called from another thread when something altered was found."""
    pool: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "digests"))
    _doubted: dict[Key, StoredVersion] = field(default_factory=dict)
    _left: list[tuple[Key, StoredVersion]] = field(default_factory=list)
    """Of the pass that runs."""
    _pass_at: float | None = None
    _running: Future[list[Altered]] | None = None
    _hurry: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def doubt(self, key: Key, version: StoredVersion) -> None:
        """Check `version` soon, and without pauses."""
        self._doubted[key] = version
        self._hurry.set()

    def go_on(self, stored: Iterable[tuple[Key, StoredVersion]], now: float) -> list[Altered]:
        """What was found since the last call; begins what is due. `now` is monotonic."""
        found: list[Altered] = []
        if self._running is not None:
            if not self._running.done():
                return found
            found = self._running.result()
            self._running = None
        if self._pass_at is None:
            self._pass_at = now + FIRST_PASS_AFTER
        if now >= self._pass_at and not self._left:
            self._left, self._pass_at = list(stored), now + PASS_EVERY
        if self._doubted:
            doubted = list(self._doubted.items())
            self._doubted.clear()
            self._begin(doubted)
        elif self._left:
            self._hurry.clear()
            self._begin(self._next_few())
        return found

    def close(self) -> None:
        """End what runs."""
        self._stopping.set()
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _next_few(self) -> list[tuple[Key, StoredVersion]]:
        few: list[tuple[Key, StoredVersion]] = []
        size = 0
        while self._left and len(few) < _AT_A_TIME and size < _BYTES_AT_A_TIME:
            few.append(self._left.pop())
            size += few[-1][1].size
        return few

    def _begin(self, versions: list[tuple[Key, StoredVersion]]) -> None:
        self._running = self.pool.submit(self._check, versions)

        def wake(done: Future[list[Altered]]) -> None:
            if not done.cancelled() and (done.exception() is not None or done.result()):
                self.work_done()

        self._running.add_done_callback(wake)

    def _check(self, versions: list[tuple[Key, StoredVersion]]) -> list[Altered]:
        altered = []
        for key, version in versions:
            folder = self.volume.version_folder(*key)
            digests = {}
            for file in version.files:
                try:
                    digest = self._digest(folder / file.path) if file.sha256 else ""
                except OSError:
                    continue  # whether it is there and may be read, the cheap looks find out
                if digest not in {file.sha256, ""}:
                    digests[file.path] = digest
            if digests:
                altered.append(Altered(key, version, digests))
        return altered

    def _digest(self, path: Path) -> str:
        """The digest of a file; empty when the process ends meanwhile."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                if self._stopping.is_set():
                    return ""
                if not self._hurry.is_set():
                    self._hurry.wait(len(chunk) / _BYTES_PER_SECOND)
        return digest.hexdigest()
