"""The embedded store as a program: moto's S3 server, which also keeps its objects in a file.

    python -m edge_stack.store.embedded_server --port 9000 --objects data/embedded.sqlite

A change is in the file before the request that made it is answered, so that it outlives the program's death.
"""

import argparse
import gc
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from edge_common.errors import FatalError
from edge_common.stopping import leave_now
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3.models import s3_backends
from werkzeug.serving import run_simple

from edge_stack.processes.ports import HOST

_CHANGING = frozenset({"PUT", "POST", "DELETE"})
_NOT_KEPT = b"<Error><Code>InternalError</Code><Message>the change could not be kept</Message></Error>"
_REGION = "us-east-1"
_TABLES = """
create table if not exists buckets (name text primary key);
create table if not exists objects (
  bucket text, key text, etag text, modified text, content_type text, content blob, primary key (bucket, key)
);
"""

_Start = Callable[..., Any]
_Application = Callable[[dict[str, Any], _Start], Iterable[bytes]]


class KeptObjects:
    """Buckets and objects of this process's moto, and the file that they outlive it in.

    Objects come back with the same content, ETag, time and content type. Versions of objects, tags and
    uploads in parts that were not completed do not.
    """

    def __init__(self, path: Path) -> None:
        """Open or make `path`; raises FatalError when it is damaged or cannot be made."""
        self._path = path
        self._lock = threading.Lock()
        self._written: dict[tuple[str, str], tuple[str, str]] = {}
        """What the file has: (bucket, key) -> (ETag, time)."""
        self._backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as file:
                file.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def load(self) -> None:
        """Put what the file has into moto; raises FatalError when the file is damaged."""
        try:
            with closing(self._open()) as file:
                for (bucket,) in file.execute("select name from buckets"):
                    self._backend.create_bucket(bucket, _REGION)
                for row in file.execute(
                    "select bucket, key, etag, modified, content_type, content from objects"
                ):
                    self._restore(row)
        except (sqlite3.Error, ValueError) as error:
            raise self._unusable(error) from error

    def save(self) -> None:
        """Write what changed since the last time; raises OSError when the file cannot be written."""
        with self._lock:
            there = {(bucket, key): found for bucket, key, found in self._objects()}
            marks = {place: (found.etag, found.last_modified.isoformat()) for place, found in there.items()}
            changed = [place for place, mark in marks.items() if self._written.get(place) != mark]
            gone = [place for place in self._written if place not in marks]
            try:
                with closing(self._open()) as file, file:
                    file.execute("delete from buckets")
                    file.executemany(
                        "insert into buckets values (?)", [(name,) for name in self._backend.buckets]
                    )
                    file.executemany("delete from objects where bucket = ? and key = ?", gone)
                    for bucket, key in changed:
                        found, (etag, modified) = there[bucket, key], marks[bucket, key]
                        row = (bucket, key, etag, modified, found.metadata.get("Content-Type"), found.value)
                        file.execute("insert or replace into objects values (?, ?, ?, ?, ?, ?)", row)
            except sqlite3.Error as error:
                raise OSError(f"{self._path}: {error}") from error
            self._written = marks

    def _objects(self) -> Iterator[tuple[str, str, Any]]:
        for bucket in list(self._backend.buckets.values()):
            for key in list(bucket.keys):
                if (found := bucket.keys.get(key)) is not None:
                    yield bucket.name, key, found

    def _restore(self, row: tuple[str, str, str, str, str | None, bytes]) -> None:
        bucket, key, etag, modified, kind, content = row
        found = self._backend.put_object(
            bucket, key, content, etag=etag.strip('"'), disable_notification=True
        )
        found.last_modified = datetime.fromisoformat(modified)
        if kind:
            found.set_metadata({"Content-Type": kind})
        self._written[bucket, key] = (etag, modified)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30)

    def _unusable(self, error: Exception) -> FatalError:
        return FatalError(
            f"{self._path}, which keeps the embedded store's objects, cannot be used ({error}); "
            "remove it, start again, and upload the models again"
        )


def keeping(application: _Application, save: Callable[[], None]) -> _Application:
    """`application`, whose answers to changes go out once `save` has returned; 500 when it raises OSError."""

    def answer(environ: dict[str, Any], start_response: _Start) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in _CHANGING:
            return application(environ, start_response)
        started: list[tuple[Any, ...]] = []
        body = application(environ, lambda *arguments: started.append(arguments))
        try:
            save()
        except OSError as error:
            sys.stderr.write(f"a change could not be kept: {error}; make room or correct its permissions\n")
            start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
            return [_NOT_KEPT]
        gc.collect()  # moto's requests refer to themselves: megabytes of an upload would stay for minutes
        for arguments in started:
            start_response(*arguments)
        return body

    return answer


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="moto's S3 server, which keeps its objects in a file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--objects", type=Path, required=True)
    asked = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        kept = KeptObjects(asked.objects)
        kept.load()
    except FatalError as error:
        sys.stderr.write(f"{error}\n")
        leave_now(error.exit_code)
    application = DomainDispatcherApplication(create_backend_app)
    gc.freeze()
    served = keeping(application, kept.save)
    run_simple(HOST, asked.port, served, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
