"""The file of the history as its one writer sees it: made, appended to, kept within its bounds."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from car_client.history.entries import COLUMNS

_APPLICATION = 0x63617248
"""Marks the file as ours ("carH"), so that no other program's database is taken for a damaged one."""
_SCHEMA = 1
_WAIT_SECONDS = 2.0
"""For a lock that another process holds."""
_FULL_SHARE = 0.9
"""Of the bound; beyond it the oldest rows go, so that there is always room for the next ones."""
_MOST_ROWS_AT_ONCE = 5000
"""Deleted in one transaction, which bounds the write-ahead log."""
_MOST_PASSES = 20
_MOST_LOG_BYTES = 4 * 1024 * 1024
_CATCH_UP = 4.0
"""How much faster than time passes the age clock may move, to make up for when nothing ran."""
_EARLIEST = 1_767_225_600_000
"""2026-01-01: a clock that says less was not set yet."""
_TABLES = """
CREATE TABLE inference (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, source TEXT NOT NULL, picture TEXT NOT NULL,
    model TEXT NOT NULL, version INTEGER NOT NULL, label TEXT NOT NULL, sure INTEGER NOT NULL,
    probability REAL NOT NULL, latency_ms REAL NOT NULL);
CREATE TABLE age_clock (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL);
"""
_INSERT = f"INSERT INTO inference ({', '.join(COLUMNS[1:])}) VALUES ({', '.join('?' * (len(COLUMNS) - 1))})"  # noqa: S608 - of names alone


class DamagedError(Exception):
    """The file is no database, a broken one, or one of a newer release; the text says which."""


class ForeignError(Exception):
    """The file is the database of another program, which is left alone."""


class HistoryDatabase:
    """An open file, for one thread. Everything raises sqlite3.Error, DamagedError or OSError."""

    def __init__(self, path: Path, *, max_bytes: int, max_age: float, now: int) -> None:
        """Open or make it; `max_age` is in seconds, `now` in milliseconds since 1970."""
        if not path.exists() or not path.stat().st_size:
            _make(path, now)
        self._max_age = max_age
        self._path, self._file = path, _identity(path)
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

    def append(self, rows: Sequence[Sequence[object]]) -> None:
        """Add all of `rows` or none; a file at its bound loses the oldest rows first."""
        for _ in range(_MOST_PASSES):
            try:
                return self._insert(rows)
            except sqlite3.OperationalError as error:
                if (
                    _code(error) != sqlite3.SQLITE_FULL
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
        return _identity(self._path) != self._file

    def close(self) -> None:
        """Write everything into the one file, and close it."""
        self._sql.close()

    def _check_kind(self) -> None:
        try:
            tables = self._ask("SELECT count(*) FROM sqlite_master")
            if tables and self._ask("PRAGMA application_id") != _APPLICATION:
                raise ForeignError("it is the database of another program")
            if self._ask("PRAGMA user_version") > _SCHEMA:
                raise DamagedError("it was written by a newer release")
            self._sql.execute(f"SELECT {', '.join(COLUMNS)} FROM inference LIMIT 1").fetchall()  # noqa: S608 - of names alone
            self._age_clock()
        except sqlite3.DatabaseError as error:
            ours = _code(error) == sqlite3.SQLITE_ERROR  # such as a column that is not there
            if ours or is_damage(error):
                raise DamagedError(str(error)) from error
            raise

    def _insert(self, rows: Sequence[Sequence[object]]) -> None:
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            self._sql.executemany(_INSERT, rows)
            self._sql.execute("COMMIT")
        except sqlite3.Error:
            if self._sql.in_transaction:  # SQLite itself ends it after some errors
                self._sql.execute("ROLLBACK")
            raise

    def _drop_oldest(self) -> bool:
        """Delete about a twentieth of the rows, the oldest; whether there was any."""
        deleted = self._sql.execute(
            "DELETE FROM inference WHERE id <= "
            "(SELECT min(id) + min((max(id) - min(id)) / 20, ?) FROM inference)",
            (_MOST_ROWS_AT_ONCE,),
        )
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


def is_damage(error: Exception) -> bool:
    """Whether the file itself is broken, rather than away, full or held by another process."""
    return isinstance(error, DamagedError) or _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def move_aside(path: Path) -> Path:
    """Rename the broken file, in place of one that was kept so before; its name now. Raises OSError."""
    aside = path.with_name(f"{path.name}.damaged")
    for old, kept in zip(_logs_of(path), _logs_of(aside), strict=True):
        kept.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            old.replace(kept)
    return path.replace(aside)


def _make(path: Path, now: int) -> None:
    """Make an empty history aside and rename it, so that nobody reads half of one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    aside = path.with_name(f".{path.name}.new")
    for old in (aside, *_logs_of(path), aside.with_name(f"{aside.name}-journal")):
        old.unlink(missing_ok=True)
    os.close(os.open(aside, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives its other files the same mode
    marks = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_SCHEMA};"
    clock = f"INSERT INTO age_clock VALUES (1, {max(now, _EARLIEST)});"  # noqa: S608 - a number
    with closing(sqlite3.connect(aside, isolation_level=None)) as sql:
        sql.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table, or never
        sql.executescript(f"BEGIN; {_TABLES} {marks} {clock} COMMIT;")
    aside.replace(path)


def _logs_of(path: Path) -> tuple[Path, Path]:
    """What SQLite keeps beside `path`; it must never be taken for another file's."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _code(error: Exception) -> int:
    """SQLite's primary result code; 0 where there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
