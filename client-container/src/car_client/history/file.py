"""The file of the history: what it is made of, how it is made, and what becomes of a broken one."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

APPLICATION = 0x63617248
"""Marks the file as ours ("carH"), so that no other program's database is taken for a damaged one."""
SCHEMA = 1
_EARLIEST = 1_767_225_600_000
"""2026-01-01: a clock that says less was not set yet."""
_TABLES = """
CREATE TABLE inference (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, source TEXT NOT NULL, picture TEXT NOT NULL,
    model TEXT NOT NULL, version INTEGER NOT NULL, label TEXT NOT NULL, sure INTEGER NOT NULL,
    probability REAL NOT NULL, latency_ms REAL NOT NULL, thumbnail INTEGER);
CREATE TABLE thumbnail (id INTEGER PRIMARY KEY, jpeg BLOB NOT NULL);
CREATE TABLE age_clock (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL);
"""


class DamagedError(Exception):
    """The file is no database, a broken one, or one of a newer release; the text says which."""


class ForeignError(Exception):
    """The file is the database of another program, which is left alone."""


def is_damage(error: Exception) -> bool:
    """Whether the file itself is broken, rather than away, full or held by another process."""
    return isinstance(error, DamagedError) or result_code(error) in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


def move_aside(path: Path) -> Path:
    """Rename the broken file, in place of one that was kept so before; its name now. Raises OSError."""
    aside = path.with_name(f"{path.name}.damaged")
    for old, kept in zip(_logs_of(path), _logs_of(aside), strict=True):
        kept.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            old.replace(kept)
    return path.replace(aside)


def make_file(path: Path, now: int) -> None:
    """Make an empty history aside and rename it, so that nobody reads half of one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    aside = path.with_name(f".{path.name}.new")
    for old in (aside, *_logs_of(path), aside.with_name(f"{aside.name}-journal")):
        old.unlink(missing_ok=True)
    os.close(os.open(aside, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives its other files the same mode
    marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA};"
    clock = f"INSERT INTO age_clock VALUES (1, {max(now, _EARLIEST)});"  # noqa: S608 - a number
    with closing(sqlite3.connect(aside, isolation_level=None)) as sql:
        sql.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table, or never
        sql.executescript(f"BEGIN; {_TABLES} {marks} {clock} COMMIT;")
    aside.replace(path)


def _logs_of(path: Path) -> tuple[Path, Path]:
    """What SQLite keeps beside `path`; it must never be taken for another file's."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def result_code(error: Exception) -> int:
    """SQLite's primary result code; 0 where there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def identity_of(path: Path) -> tuple[int, int] | None:
    """What tells the file at `path` from another one that is put there; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
