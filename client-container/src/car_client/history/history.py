"""The running history: answers are handed over and written by one thread, which is never waited for."""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from edge_common.logs import get_logger

from car_client.history.database import HistoryDatabase
from car_client.history.entries import NewAnswer, new_answer, time_text
from car_client.history.file import DamagedError, ForeignError, is_damage, move_aside
from car_client.metrics import ClientMetrics
from car_client.output.recent import Thumbnail
from car_client.pipeline.classifier import Classification
from car_client.settings import Settings

_log = get_logger()
_MOST_QUEUED = 1000
_MOST_TOGETHER = 200
_GATHER_SECONDS = 0.5
"""Answers of this time are written together, which spares cards and disks."""
_BOUNDS_SECONDS = 60.0
"""Pause between two looks at the bounds while nothing is written."""
_AGAIN_SECONDS = 10.0
"""Pause before a file that could not be written is tried again."""
_END_SECONDS = 5.0


class History:
    """Keeps answers in the file `path` from entering the context until leaving it. Threads may share it.

    Nothing is raised: a file that is away or full is tried again, a broken one is kept aside and begun anew,
    and `sentence` says so.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        max_age: float,
        thumbnails: bool = True,
        most_queued: int = _MOST_QUEUED,
        count: Callable[[str, int], None] = lambda _result, _answers: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`max_age` is in seconds; without `thumbnails` no small picture is kept.

        `count` is told how many answers were `kept` or `dropped`.
        """
        self.path = path
        self._thumbnails = thumbnails
        self._max_bytes, self._max_age = max_bytes, max_age
        self._count, self._now = count, now
        self._queue: queue.Queue[NewAnswer] = queue.Queue(most_queued)
        self._ending = threading.Event()
        self._doubted = threading.Event()
        self._lock = threading.Lock()
        self.dropped = 0
        """Answers that were not kept since the start."""
        self._trouble = ""
        self._started_anew = ""
        self._database: HistoryDatabase | None = None
        self._bounds_at = time.monotonic()
        self._again_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Write what is queued, within five seconds."""
        self._ending.set()
        self._thread.join(timeout=_END_SECONDS)

    def add(self, source: str, result: Classification, thumbnail: Thumbnail | None = None) -> None:
        """Keep `result` of a picture that came from `source`; never waits, and drops it when too many do."""
        try:
            small = thumbnail if self._thumbnails else None
            self._queue.put_nowait(new_answer(source, result, self._now_ms(), small))
        except queue.Full:
            self._drop(1)

    def doubt(self) -> None:
        """Have the file looked through, because somebody could not read it."""
        self._doubted.set()

    @property
    def sentence(self) -> str:
        """How it is now, for people; empty while there is nothing to say."""
        with self._lock:
            lost = f"Answers not kept since the start: {self.dropped}." if self.dropped else ""
            return " ".join(filter(None, (self._trouble, self._started_anew, lost)))

    def _run(self) -> None:
        is_last = False
        while not is_last:
            rows = self._gather()
            ending = self._ending.is_set()
            if time.monotonic() < self._again_at and not ending:
                self._drop(len(rows))
            else:
                self._write(rows)
            is_last = ending and self._queue.empty()
        if self._database is not None:
            self._database.close()

    def _gather(self) -> list[NewAnswer]:
        """What was added lately; nothing when nothing was for a while."""
        rows: list[NewAnswer] = []
        self._ending.wait(_GATHER_SECONDS)
        while len(rows) < _MOST_TOGETHER:
            try:
                rows.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return rows

    def _write(self, rows: list[NewAnswer], *, anew: bool = False) -> None:
        try:
            doubted = self._doubted.is_set()
            self._doubted.clear()
            if doubted:
                self._close()  # what is in memory says nothing of the file
            database = self._opened()
            if doubted:
                database.check()
            if rows:
                database.append(rows)
                self._count("kept", len(rows))
            is_due, rows = bool(rows), []
            elapsed = time.monotonic() - self._bounds_at
            if is_due or elapsed >= _BOUNDS_SECONDS:
                database.keep_bounds(self._now_ms(), elapsed)
                self._bounds_at += elapsed
        except (sqlite3.Error, DamagedError, ForeignError, OSError) as error:
            self._close()
            if is_damage(error) and not anew and self._begin_anew(error):
                self._write(rows, anew=True)
                return
            self._drop(len(rows))
            self._tell_trouble(error)
        else:
            if self._trouble:
                _log.info("history_returned", path=str(self.path), dropped=self.dropped)
            with self._lock:
                self._trouble = ""

    def _opened(self) -> HistoryDatabase:
        if self._database is not None and self._database.is_moved():
            self._close()
        if self._database is None:
            self._database = HistoryDatabase(
                self.path, max_bytes=self._max_bytes, max_age=self._max_age, now=self._now_ms()
            )
        return self._database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _begin_anew(self, error: Exception) -> bool:
        """Keep the broken file aside; whether a new one can be begun."""
        try:
            aside = move_aside(self.path)
        except OSError as trouble:
            self._tell_trouble(trouble)
            return False
        _log.warning("history_started_anew", path=str(self.path), reason=str(error), kept_as=str(aside))
        with self._lock:
            self._started_anew = (
                f"The history could not be read ({error}) and began anew at {time_text(self._now_ms())}; "
                f"what was there is kept as {aside}."
            )
        return True

    def _tell_trouble(self, error: Exception) -> None:
        self._again_at = time.monotonic() + _AGAIN_SECONDS
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        sentence = (
            f"Answers are not kept now: {self.path} cannot be written ({reason}); free space there, or name "
            "another file in CAR_CLIENT_HISTORY. It is tried again every ten seconds."
        )
        if sentence != self._trouble:
            _log.warning("history_not_written", path=str(self.path), reason=reason)
        with self._lock:
            self._trouble = sentence

    def _drop(self, answers: int) -> None:
        if answers:
            with self._lock:
                self.dropped += answers
            self._count("dropped", answers)

    def _now_ms(self) -> int:
        return int(self._now() * 1000)


@contextmanager
def kept_history(settings: Settings, metrics: ClientMetrics) -> Iterator[History | None]:
    """A running history; None when the settings name no file."""
    if settings.history is None:
        yield None
        return
    with History(
        settings.history,
        max_bytes=settings.history_max_bytes,
        max_age=settings.history_max_age,
        thumbnails=settings.history_thumbnails,
        count=metrics.count_history,
    ) as history:
        yield history
