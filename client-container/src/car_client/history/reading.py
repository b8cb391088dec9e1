"""Reading the file of the history, by the client that writes it or by another process."""

import csv
import io
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from edge_common.errors import RejectedError, RetryableError

from car_client.history.entries import CSV_COLUMNS, ROW, HistoryFilter, Row, csv_cells
from car_client.history.file import is_damage

_READ_SECONDS = 5.0
_LOOK_EVERY = 100_000
"""Steps of SQLite's machine between two looks at the clock."""
_ROWS_AT_ONCE = 1000


def is_there(path: Path) -> bool:
    """Whether there is a file. Raises RetryableError when that cannot be found out."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise RetryableError(f"the history at {path} cannot be read: {error.strerror}") from error
    return True


def read_rows(path: Path, wanted: HistoryFilter, *, at_most: int, before: int | None = None) -> list[Row]:
    """The newest rows that `wanted` lets through, newest first; with `before` only those with a lower id.

    No file yet: none. Raises RetryableError when it takes longer than five seconds or is held, RejectedError
    when the file is damaged or no history.
    """
    condition, values = wanted.condition()
    if before is not None:
        condition, values = f"{condition} AND id < ?", [*values, before]
    query = f"SELECT {ROW} FROM inference WHERE {condition} ORDER BY id DESC LIMIT ?"  # noqa: S608 - values apart
    rows: list[Row] = _asked(path, query, [*values, at_most])
    return rows


def read_thumbnail(path: Path, number: int) -> bytes | None:
    """The small picture `number`; None when it is not kept. Raises as `read_rows` does."""
    found = _asked(path, "SELECT jpeg FROM thumbnail WHERE id = ?", [number])
    return bytes(found[0][0]) if found else None


def _asked(path: Path, query: str, values: list[object]) -> list[Any]:
    if not is_there(path):
        return []
    ends = time.monotonic() + _READ_SECONDS
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as sql:
            sql.set_progress_handler(lambda: time.monotonic() > ends, _LOOK_EVERY)
            return sql.execute(query, values).fetchall()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
            raise RetryableError(
                "the search in the history took more than five seconds; ask for something more frequent, or "
                "again when this machine is less busy"
            ) from error
        if is_damage(error) or "no such" in str(error):
            raise RejectedError(f"{path} is no history that can be read: {error}") from error
        raise RetryableError(f"the history at {path} cannot be read now: {error}; try again") from error


def csv_parts(path: Path, wanted: HistoryFilter, *, first: list[Row], at_most: int) -> Iterator[str]:
    """A CSV file in parts, newest first; `first` are the rows that were read already, up to `at_most`.

    Each part is read by itself, so that a slow reader holds nothing. Raises as `read_rows` does.
    """
    rows, left = first, at_most
    yield _lines([CSV_COLUMNS])
    while rows and left > 0:
        yield _lines([csv_cells(row) for row in rows[:left]])
        left -= len(rows)
        rows = read_rows(path, wanted, at_most=_ROWS_AT_ONCE, before=rows[-1][0]) if left > 0 else []


def first_rows(path: Path, wanted: HistoryFilter) -> list[Row]:
    """What a CSV file begins with; raises as `read_rows` does, while an answer can still say so."""
    return read_rows(path, wanted, at_most=_ROWS_AT_ONCE)


def _lines(rows: list[tuple[object, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
