"""The file of the history as its one writer sees it: made, appended to, kept within its bounds."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from car_client.history.entries import COLUMNS, ROW, NewAnswer
from car_client.history.file import (
    APPLICATION,
    SCHEMA,
    DamagedError,
    ForeignError,
    identity_of,
    is_damage,
    make_file,
    result_code,
)
from car_client.output.recent import Thumbnail

_WAIT_SECONDS = 2.0
"""For a lock that another process holds."""
_FULL_SHARE = 0.9
"""Of the bound; beyond it the oldest rows go, so that there is always room for the next ones."""
_MOST_ROWS_AT_ONCE = 1000
"""Deleted in one transaction, which bounds the write-ahead log."""
_MOST_PASSES = 100
_MOST_LOG_BYTES = 4 * 1024 * 1024
_CATCH_UP = 4.0
"""How much faster than time passes the age clock may move, to make up for when nothing ran."""
_INSERT = f"INSERT INTO inference ({', '.join(COLUMNS)}, thumbnail) VALUES (?{', ?' * len(COLUMNS)})"  # noqa: S608 - of names alone
_THUMBNAIL_BYTES = 8192
"""What one takes at most, about; half of the bound is for them."""
_MOST_KNOWN = 32
_SAME_WITHIN = 1000
"""Answers with the same picture share a thumbnail when they are so near to each other."""


class HistoryDatabase:
    """An open file, for one thread. Everything raises sqlite3.Error, DamagedError or OSError."""

    def __init__(self, path: Path, *, max_bytes: int, max_age: float, now: int) -> None:
        """Open or make it; `max_age` is in seconds, `now` in milliseconds since 1970."""
        if not path.exists() or not path.stat().st_size:
            make_file(path, now)
        self._max_age = max_age
        self._path, self._file = path, identity_of(path)
        self._most_thumbnails = max_bytes // 2 // _THUMBNAIL_BYTES
        self._known: dict[str, int] = {}
        """Key of a thumbnail that was written lately -> its id, which is that of the first answer with it."""
        self._sql = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            self._check_kind()
            self._sql.execute("PRAGMA journal_mode = WAL")
            self._sql.execute("PRAGMA synchronous = NORMAL")
            self._sql.execute(f"PRAGMA journal_size_limit = {_MOST_LOG_BYTES}")
            self._max_pages = max(max_bytes // self._ask("PRAGMA page_size"), 1)
            self._sql.execute(f"PRAGMA max_page_count = {self._max_pages}")
        except BaseException:
            self._sql.close()
            raise

    def append(self, rows: Sequence[NewAnswer]) -> None:
        """Add all of `rows` or none; a file at its bound loses the oldest rows first."""
        for _ in range(_MOST_PASSES):
            try:
                return self._insert(rows)
            except sqlite3.OperationalError as error:
                if (
                    result_code(error) != sqlite3.SQLITE_FULL
                    or not self._is_bound_near()
                    or not self._drop_oldest()
                ):
                    raise
        return self._insert(rows)

    def keep_bounds(self, now: int, elapsed: float) -> None:
        """Delete what is too old or too much, the oldest rows first; `elapsed` seconds since the last time.

        By age goes what was written first and is older than `max_age` by its stored time. The clock that
        decides it is kept in the file and follows `now` at most four times as fast as time passes: a clock
        that jumps by years makes nothing old at once, and the time while nothing ran is made up for.
        """
        age_now = self._move_age_clock(now, elapsed)
        oldest = age_now - int(self._max_age * 1000)
        for _ in range(_MOST_PASSES):
            gone = self._sql.execute(
                "DELETE FROM inference WHERE id IN (SELECT id FROM inference WHERE id < coalesce("
                "(SELECT id FROM inference WHERE at >= ? ORDER BY id LIMIT 1), 9223372036854775807) "
                "ORDER BY id LIMIT ?)",
                (oldest, _MOST_ROWS_AT_ONCE),
            ).rowcount
            if gone < _MOST_ROWS_AT_ONCE:
                break
        self._drop_thumbnails()
        for _ in range(_MOST_PASSES):
            if self._used_pages() <= self._max_pages * _FULL_SHARE or not self._drop_oldest():
                break
        surplus = self._ask("PRAGMA page_count") - self._max_pages
        if surplus > 0:  # the bound was lowered
            self._sql.executescript(f"PRAGMA incremental_vacuum({surplus})")  # execute() would free one page
            self._sql.execute(f"PRAGMA max_page_count = {self._max_pages}")

    def check(self) -> None:
        """Read all of it. Raises DamagedError when something of it is broken."""
        (found,) = self._sql.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise DamagedError(str(found))

    def is_moved(self) -> bool:
        """Whether the file is not where it was: somebody deleted or replaced it."""
        return identity_of(self._path) != self._file

    def close(self) -> None:
        """Write everything into the one file, and close it."""
        self._sql.close()

    def _check_kind(self) -> None:
        try:
            tables = self._ask("SELECT count(*) FROM sqlite_master")
            if tables and self._ask("PRAGMA application_id") != APPLICATION:
                raise ForeignError("it is the database of another program")
            if self._ask("PRAGMA user_version") > SCHEMA:
                raise DamagedError("it was written by a newer release")
            self._sql.execute(f"SELECT {ROW} FROM inference LIMIT 1").fetchall()  # noqa: S608 - of names alone
            self._age_clock()
        except sqlite3.DatabaseError as error:
            ours = result_code(error) == sqlite3.SQLITE_ERROR  # such as a column that is not there
            if ours or is_damage(error):
                raise DamagedError(str(error)) from error
            raise

    def _insert(self, rows: Sequence[NewAnswer]) -> None:
        known = dict(self._known)
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            last = self._ask("SELECT coalesce(max(seq), 0) FROM sqlite_sequence")
            for number, (values, thumbnail) in enumerate(rows, last + 1):
                small = self._thumbnail(number, thumbnail, known) if thumbnail is not None else None
                self._sql.execute(_INSERT, (number, *values, small))
            self._sql.execute("COMMIT")
        except sqlite3.Error:
            if self._sql.in_transaction:  # SQLite itself ends it after some errors
                self._sql.execute("ROLLBACK")
            raise
        self._known = dict(list(known.items())[-_MOST_KNOWN:])

    def _thumbnail(self, number: int, thumbnail: Thumbnail, known: dict[str, int]) -> int:
        """The id of `thumbnail` for the answer `number`; written unless a near answer has the same."""
        small = known.pop(thumbnail.key, number - _SAME_WITHIN)
        if small <= number - _SAME_WITHIN:
            small = number
            self._sql.execute("INSERT INTO thumbnail VALUES (?, ?)", (number, thumbnail.jpeg))
        known[thumbnail.key] = small
        return small

    def _drop_thumbnails(self) -> None:
        """Delete those of rows that are gone, and all but the newest ones."""
        self._sql.execute(
            "DELETE FROM thumbnail WHERE id < max((SELECT coalesce(min(id), 0) FROM inference), "
            "(SELECT coalesce(max(id), 0) FROM inference) - ?)",
            (self._most_thumbnails,),
        )

    def _drop_oldest(self) -> bool:
        """Delete about a twentieth of the rows, the oldest; whether there was any."""
        deleted = self._sql.execute(
            "DELETE FROM inference WHERE id <= "
            "(SELECT min(id) + min((max(id) - min(id)) / 20, ?) FROM inference)",
            (_MOST_ROWS_AT_ONCE,),
        )
        self._drop_thumbnails()
        return deleted.rowcount > 0

    def _is_bound_near(self) -> bool:
        """Whether it may be the bound that is met; else the disk is full, and deleting rows helps nobody."""
        return self._used_pages() > self._max_pages / 2

    def _used_pages(self) -> int:
        return self._ask("PRAGMA page_count") - self._ask("PRAGMA freelist_count")

    def _age_clock(self) -> int:
        return self._ask("SELECT at FROM age_clock")

    def _move_age_clock(self, now: int, elapsed: float) -> int:
        before = self._age_clock()
        after = max(before, min(now, before + int(elapsed * 1000 * _CATCH_UP)))
        if after != before:
            self._sql.execute("UPDATE age_clock SET at = ?", (after,))
        return after

    def _ask(self, question: str) -> int:
        with closing(self._sql.execute(question)) as cursor:
            (value,) = cursor.fetchone()
        return int(value)
