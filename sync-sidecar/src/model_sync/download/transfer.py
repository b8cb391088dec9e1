"""All files of one upload, from the bucket into the tree of its staging folder."""

import threading
from collections.abc import Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass, field
from pathlib import Path

from model_sync.bucket.catalog import UploadObject
from model_sync.download.object_download import (
    IN_MEMORY,
    CorruptTransferError,
    digest_file,
    download,
    read_whole,
)
from model_sync.download.staging import Staging
from model_sync.metrics import Metrics
from model_sync.planning.state import StoredFile
from model_sync.store.errors import ObjectChangedError
from model_sync.store.object_store import ObjectStore


@dataclass
class Progress:
    """How far the way of one upload to the volume is; written by its threads, read by the status."""

    phase: str = "downloading"
    total: int = 0
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int) -> None:
        """`count` more bytes are there; negative when some have to be fetched again."""
        with self._lock:
            self.done += count

    @property
    def fraction(self) -> float:
        """Of the bytes, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 1.0


@dataclass(frozen=True)
class Transfer:
    """The transfer of one upload's files; `threads` runs single downloads and is shared by all uploads."""

    store: ObjectStore
    threads: Executor
    metrics: Metrics
    staging: Staging
    progress: Progress
    cancelled: threading.Event

    def run(self, files: Sequence[UploadObject], to_fetch: Sequence[UploadObject]) -> list[StoredFile]:
        """Bring `to_fetch` into the tree and tell size and digest of all `files`, in their order.

        Raises RetryableError when the store fails, CancelledError once `cancelled` is set, and OSError when
        the volume refuses; what has arrived by then is kept for the next try.
        """
        missing = {file.path for file in to_fetch}

        def store_one(file: UploadObject) -> StoredFile:
            if file.path in missing:
                return StoredFile(file.path, file.size, self._fetch(file))
            self.progress.add(file.size)
            return StoredFile(file.path, file.size, digest_file(self.staging.tree / file.path))

        running = [self.threads.submit(store_one, file) for file in files]
        try:
            return [future.result() for future in running]
        finally:
            for future in running:
                future.cancel()
            wait(running)  # else the next fetch of this upload would write to the same parts

    def _fetch(self, file: UploadObject) -> str:
        """Bring `file` into the tree; returns its SHA-256."""
        part = self.staging.part_path(file)
        try:
            if file.size <= IN_MEMORY and not part.exists():
                with self.metrics.download():
                    content, sha256 = read_whole(self.store, file, part, cancelled=self.cancelled)
                self.staging.place(file, content)
                self.progress.add(file.size)
                return sha256
            sha256 = self._download(file, part)
        except CorruptTransferError as first:
            sha256 = self._download_again(file, part, first)
        except ObjectChangedError:
            self.staging.drop(file)  # of a state that is gone, nothing may be mixed with the next one
            raise
        self.staging.accept(file)
        return sha256

    def _download_again(self, file: UploadObject, part: Path, first: CorruptTransferError) -> str:
        self.staging.drop(file)
        try:
            sha256 = self._download(file, part)
        except CorruptTransferError as second:
            # An ETag may look like an MD5 and be none. Two transfers that agree were not damaged on the way,
            # so they are taken where this store's ETags never proved to be what they look like.
            if second.sha256 == first.sha256 and not second.proven:
                self.progress.add(file.size)
                return second.sha256
            self.metrics.integrity_failures.labels(reason="store").inc()
            self.staging.drop(file)
            raise
        self.metrics.integrity_failures.labels(reason="store").inc()
        return sha256

    def _download(self, file: UploadObject, part: Path) -> str:
        try:
            with self.metrics.download():
                return download(
                    self.store,
                    file,
                    part,
                    cancelled=self.cancelled,
                    progress=self.progress.add,
                    helpers=self.threads,
                )
        except CorruptTransferError:
            self.progress.add(-file.size)
            raise
