"""One large object over several connections, into its place in one file, digested as it grows together.

Every piece is a GET with Range and If-Match. The thread that downloads is one of the connections; helpers
join in as far as the pool has idle threads, so a busy pool makes it slower and never stuck.
"""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, wait
from pathlib import Path

from edge_common.atomic_files import flush_to_disk
from edge_common.errors import RetryableError

from model_sync.bucket.catalog import UploadObject
from model_sync.bucket.keys import quoted
from model_sync.download.part_journal import CoveredRanges, PartJournal
from model_sync.store.object_store import ByteStream, ObjectFacts, ObjectStore

PIECE = 16 * 1024 * 1024
"""Longest range of one request; after each, the bytes are flushed and vouched for."""
CHUNK = 256 * 1024
"""Bytes read, written and digested at a time; more no longer fit the processor's cache, and cost twice."""
_HELPERS = 3


class CancelledError(RetryableError):
    """The transfer was asked to end; what has arrived is kept."""


class _Follower:
    """One digest of a file that fills in any order, computed by whoever has a moment. Thread-safe.

    It reads the file again, from the page cache as long as it was just written. SHA-256 and MD5 have one each
    and two threads compute them beside each other: MD5 is the slowest part of a large download.
    """

    def __init__(self, descriptor: int, digest: "hashlib._Hash") -> None:
        self.digest = digest
        self._descriptor = descriptor
        self._at = 0
        self._turn = threading.Lock()

    def follow(self, frontier: Callable[[], int], *, wait_for_turn: bool) -> None:
        """Digest up to `frontier`, unless another thread does at the moment; with it if `wait_for_turn`."""
        if not self._turn.acquire(blocking=wait_for_turn):
            return
        try:
            while self._at < (end := frontier()):
                chunk = os.pread(self._descriptor, min(CHUNK, end - self._at), self._at)
                self.digest.update(chunk)
                self._at += len(chunk)
        finally:
            self._turn.release()


class RangedTransfer:
    """One object on its way into one part file."""

    def __init__(
        self,
        store: ObjectStore,
        file: UploadObject,
        *,
        cancelled: threading.Event,
        progress: Callable[[int], None],
    ) -> None:
        """Nothing is fetched before `run`."""
        self._store, self._file = store, file
        self._part = Path()
        self._cancelled, self._progress = cancelled, progress
        self._failed = threading.Event()
        self._lock = threading.Lock()
        self._todo: deque[tuple[int, int]] = deque()
        self._covered = CoveredRanges()
        self.facts = ObjectFacts()
        """What the answers say of the object."""

    @property
    def covered_bytes(self) -> int:
        """Bytes that were told as progress."""
        return self._covered.total

    def run(self, part: Path, helpers: Executor | None, *, with_md5: bool) -> tuple[str, str | None]:
        """Complete `part`, flush it, and return its SHA-256 and (`with_md5`) its MD5 in hex.

        Raises CancelledError once `cancelled` is set, ObjectChangedError when the object was replaced since
        it was listed, and RetryableError when the store failed, or sent too little.
        """
        with PartJournal.opened(part, self._file.size) as (journal, covered), part.open("ab") as created:
            created.truncate(self._file.size)
            self._part, self._covered = part, covered
            self._progress(covered.total)
            self._todo.extend(covered.missing(self._file.size, PIECE))
            descriptor = os.open(part, os.O_RDWR)
            try:
                digests = [hashlib.md5(usedforsecurity=False)] if with_md5 else []
                followers = [_Follower(descriptor, digest) for digest in (*digests, hashlib.sha256())]
                self._fetch_all(descriptor, journal, followers, helpers)
                for follower in followers:
                    follower.follow(self._frontier, wait_for_turn=True)
                flush_to_disk(descriptor, part)
            finally:
                os.close(descriptor)
        *md5, sha256 = (follower.digest.hexdigest() for follower in followers)
        return sha256, md5[0] if md5 else None

    def _fetch_all(
        self, descriptor: int, journal: PartJournal, followers: Sequence[_Follower], helpers: Executor | None
    ) -> None:
        def work() -> None:
            try:
                while (piece := self._next_piece()) is not None:
                    self._fetch(piece, descriptor, journal)
                    for follower in followers:
                        follower.follow(self._frontier, wait_for_turn=False)
            except BaseException:
                self._failed.set()
                raise

        wanted = min(_HELPERS, len(self._todo) - 1)
        others = [] if helpers is None else [helpers.submit(work) for _ in range(wanted)]
        try:
            work()
        finally:
            # one that has not begun need not be waited for: its thread may wait for us
            begun = [future for future in others if not future.cancel()]
            wait(begun)
        for future in begun:
            future.result()

    def _next_piece(self) -> tuple[int, int] | None:
        with self._lock:
            return self._todo.popleft() if self._todo and not self._failed.is_set() else None

    def _frontier(self) -> int:
        with self._lock:
            return self._covered.frontier

    def _fetch(self, piece: tuple[int, int], descriptor: int, journal: PartJournal) -> None:
        start, end = piece
        at = start
        with self._store.open_object(self._file, offset=start, length=end - start) as stream:
            self.facts = facts_of(stream)
            while at < end and (chunk := stream.read(min(CHUNK, end - at))):
                if self._cancelled.is_set():
                    raise stopped(self._file)
                _write_at(descriptor, chunk, at)
                journal.note(at, at + len(chunk))
                with self._lock:
                    self._covered.add(at, at + len(chunk))
                at += len(chunk)
                self._progress(len(chunk))
                if self._failed.is_set():
                    return
        if at < end:
            raise ended(self._file, at)
        flush_to_disk(descriptor, self._part, dates=False)
        journal.note(start, end, durable=True)


def facts_of(stream: ByteStream) -> ObjectFacts:
    """What the store says of the object; SHA-256 is of the whole, so that of a part tells none."""
    return getattr(stream, "facts", ObjectFacts())


def stopped(file: UploadObject) -> CancelledError:
    """The error for a download that was asked to end."""
    return CancelledError(f"the download of {quoted(file.key)} was stopped")


def ended(file: UploadObject, after: int) -> RetryableError:
    """The error for a store that sent only so many bytes."""
    return RetryableError(f"{quoted(file.key)} ended after {after} of {file.size} bytes; it is tried again")


def _write_at(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
