"""All files of one upload, from the bucket into the tree of its staging folder."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass, field
from pathlib import Path

from model_sync.bucket.catalog import UploadObject
from model_sync.bucket.keys import quoted
from model_sync.download.object_download import CancelledError, CorruptTransferError, digest_file, download
from model_sync.download.small_files import fetch_small, in_groups
from model_sync.download.staging import Staging
from model_sync.metrics import Metrics
from model_sync.planning.state import StoredFile
from model_sync.store.object_store import ObjectStore, ReadsSmall


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
        limit = self.store.small if isinstance(self.store, ReadsSmall) else 0
        small = self.staging.without_parts([file for file in to_fetch if file.size <= limit])
        in_small = {file.path for file in small}

        def fetch_one(file: UploadObject) -> list[StoredFile]:
            if file.path not in missing:
                self.progress.add(file.size)
                return [StoredFile(file.path, file.size, digest_file(self.staging.tree / file.path))]
            digest = self._download(file)
            self.staging.accept(file)
            return [StoredFile(file.path, file.size, digest)]

        def fetch_group(group: list[UploadObject]) -> list[StoredFile]:
            return list(self._fetch_group(group))

        running = [self.threads.submit(fetch_group, group) for group in in_groups(small)]
        running += [self.threads.submit(fetch_one, file) for file in files if file.path not in in_small]
        try:
            stored = {one.path: one for future in running for one in future.result()}
        finally:
            for future in running:
                future.cancel()
            wait(running)  # else the next fetch of this upload would write to the same parts
        return [stored[file.path] for file in files]

    def _fetch_group(self, group: list[UploadObject]) -> Iterator[StoredFile]:
        if not isinstance(self.store, ReadsSmall):
            return
        failures = []
        ended = 0
        for one in fetch_small(self.store, group, self.staging, self.cancelled.is_set):
            ended += 1
            self.metrics.count_download(one.took, one.failure)
            sha256 = one.sha256
            if isinstance(one.failure, CorruptTransferError):
                sha256 = self._download_again(one.file, one.failure)
                self.staging.accept(one.file)
            elif one.failure is not None:
                failures.append(one.failure)  # what else has arrived is kept first
                continue
            else:
                self.progress.add(one.file.size)
            yield StoredFile(one.file.path, one.file.size, sha256)
        if failures:
            raise failures[0]
        if ended < len(group):
            raise CancelledError(f"the download of {quoted(group[0].key)} was stopped")

    def _download(self, file: UploadObject) -> str:
        try:
            return self._download_once(file, self.staging.part_path(file))
        except CorruptTransferError as error:
            first = error
        self.progress.add(-file.size)
        return self._download_again(file, first)

    def _download_again(self, file: UploadObject, first: CorruptTransferError) -> str:
        self.metrics.integrity_failures.labels(reason="store").inc()
        self.staging.drop(file)
        try:
            return self._download_once(file, self.staging.part_path(file))
        except CorruptTransferError as second:
            # A store that encrypts gives ETags that look like MD5 and are not. Two transfers that agree
            # with each other were not damaged on the way; two that differ were.
            if second.sha256 == first.sha256:
                return second.sha256
            self.staging.drop(file)
            raise

    def _download_once(self, file: UploadObject, part: Path) -> str:
        with self.metrics.download():
            return download(
                self.store,
                file,
                part,
                cancelled=self.cancelled,
                progress=self.progress.add,
                helpers=self.threads,
            )
