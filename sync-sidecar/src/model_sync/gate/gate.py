"""One upload from the bucket to a checked folder beside the published ones.

gate (what SHA256SUMS names) -> transfer -> verify -> card -> preflight -> staged. Nothing here touches what
is published. It ends in exactly one outcome, and what was fetched stays for the next try.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from edge_common.errors import EdgeError, RejectedError
from edge_common.model_card import FILE_NAME as CARD_NAME

from model_sync.bucket.catalog import ListedModel, Upload, UploadObject
from model_sync.bucket.checksums import MAX_BYTES as MAX_CHECKSUMS_BYTES
from model_sync.bucket.checksums import parse_checksums
from model_sync.bucket.completeness import IncompleteError, named_files_missing
from model_sync.bucket.keys import CHECKSUMS_NAME, quoted
from model_sync.bucket.model_formats import partner_missing
from model_sync.cards.effective_card import MAX_LABELS_BYTES, EffectiveCard, label_problem, read_card
from model_sync.cards.sample_picture import place_sample
from model_sync.download.object_download import CancelledError, CorruptTransferError, digest_file, download
from model_sync.download.small_files import fetch_small, in_groups
from model_sync.download.staging import Staging
from model_sync.gate.progress import Progress
from model_sync.metrics import Metrics
from model_sync.model_server.config import serving_settings
from model_sync.planning.state import StoredFile
from model_sync.preflight.child_process import Preflight
from model_sync.preflight.pool import WarmPreflight
from model_sync.store.object_store import ObjectStore, ReadsSmall


@dataclass(frozen=True)
class StagedVersion:
    """A checked upload, ready to be renamed into place from the tree of its staging folder."""

    upload: Upload
    files: tuple[StoredFile, ...]
    card: EffectiveCard | None
    """The card the version itself brings; None when the model's card holds."""


@dataclass(frozen=True)
class Fetcher:
    """What every fetch needs; `transfers` runs single downloads, shared by all fetches."""

    store: ObjectStore
    transfers: Executor
    preflight: WarmPreflight | None
    """None: uploads are not tried before the server sees them."""
    metrics: Metrics = field(default_factory=Metrics)

    def fetch(
        self,
        remote: ListedModel,
        upload: Upload,
        staging: Staging,
        model_card: EffectiveCard | None,
        *,
        progress: Progress,
        cancelled: threading.Event,
    ) -> StagedVersion:
        """Bring `upload` into `staging` and check it.

        Raises:
            IncompleteError: something is still missing; the sentence names it.
            RejectedError: it is not fit to serve; the sentence says why.
            RetryableError: the store or this machine was in the way.
        """
        with self._early_child() as child:
            digests = self._digests(upload)
            files = [file for file in upload.files if digests is None or file.path in digests]
            progress.total = sum(file.size for file in files)
            to_fetch = staging.prepare(files, upload.fingerprint)
            stored = self._transfer(files, to_fetch, staging, progress, cancelled)
            progress.phase = "verifying"
            self._verify(stored, digests, staging, files)
            card = self._own_card(remote, upload, staging)
            staging.seal()
            if child is not None:
                progress.phase = "preflight"
                effective = card or model_card
                settings = serving_settings(effective.card.serving) if effective else {}
                sample = place_sample(self.store, remote, upload, staging, effective)
                facts = child.check(staging.tree, settings, sample=sample, cancelled=cancelled)
                problem = label_problem(effective, facts.classes) if effective else None
                if problem is not None:
                    raise RejectedError(problem)
            return StagedVersion(upload, tuple(stored), card)

    def _early_child(self) -> AbstractContextManager[Preflight | None]:
        return nullcontext() if self.preflight is None else self.preflight.take()

    def _digests(self, upload: Upload) -> Mapping[str, str] | None:
        if upload.checksums is None:
            return None
        content = self.store.read_small(
            upload.checksums.key, etag=upload.checksums.etag, limit=MAX_CHECKSUMS_BYTES
        )
        digests = parse_checksums(content)
        missing = named_files_missing(upload, digests) or partner_missing(digests)
        if missing is not None:
            raise IncompleteError(missing)
        return digests

    def _transfer(
        self,
        files: Sequence[UploadObject],
        to_fetch: Sequence[UploadObject],
        staging: Staging,
        progress: Progress,
        cancelled: threading.Event,
    ) -> list[StoredFile]:
        missing = {file.path for file in to_fetch}
        small_store = self._small_store
        limit = small_store.small if small_store is not None else 0
        small = staging.without_parts([file for file in to_fetch if file.size <= limit])
        in_small = {file.path for file in small}

        def fetch_one(file: UploadObject) -> list[StoredFile]:
            if file.path not in missing:
                progress.add(file.size)
                return [StoredFile(file.path, file.size, digest_file(staging.tree / file.path))]
            digest = self._download(file, staging, progress, cancelled)
            staging.accept(file)
            return [StoredFile(file.path, file.size, digest)]

        def fetch_group(group: list[UploadObject]) -> list[StoredFile]:
            return list(self._fetch_group(group, staging, progress, cancelled))

        running = [self.transfers.submit(fetch_group, group) for group in in_groups(small)]
        running += [self.transfers.submit(fetch_one, file) for file in files if file.path not in in_small]
        try:
            stored = {one.path: one for future in running for one in future.result()}
        finally:
            for future in running:
                future.cancel()
            wait(running)  # else the next fetch of this upload would write to the same parts
        return [stored[file.path] for file in files]

    @cached_property
    def _small_store(self) -> ReadsSmall | None:
        return self.store if isinstance(self.store, ReadsSmall) else None

    def _fetch_group(
        self, group: list[UploadObject], staging: Staging, progress: Progress, cancelled: threading.Event
    ) -> Iterator[StoredFile]:
        if self._small_store is None:
            return
        failure: EdgeError | None = None
        ended = 0
        for one in fetch_small(self._small_store, group, staging, cancelled.is_set):
            ended += 1
            self.metrics.count_download(one.took, one.failure)
            sha256 = one.sha256
            if isinstance(one.failure, CorruptTransferError):
                sha256 = self._download_again(one.file, one.failure, staging, progress, cancelled)
                staging.accept(one.file)
            elif one.failure is not None:
                failure = failure or one.failure  # what else has arrived is kept first
                continue
            else:
                progress.add(one.file.size)
            yield StoredFile(one.file.path, one.file.size, sha256)
        if failure is not None:
            raise failure
        if ended < len(group):
            raise CancelledError(f"the download of {quoted(group[0].key)} was stopped")

    def _download(
        self, file: UploadObject, staging: Staging, progress: Progress, cancelled: threading.Event
    ) -> str:
        try:
            return self._download_once(file, staging.part_path(file), progress, cancelled)
        except CorruptTransferError as error:
            first = error
        progress.add(-file.size)
        return self._download_again(file, first, staging, progress, cancelled)

    def _download_again(
        self,
        file: UploadObject,
        first: CorruptTransferError,
        staging: Staging,
        progress: Progress,
        cancelled: threading.Event,
    ) -> str:
        self.metrics.integrity_failures.labels(reason="store").inc()
        staging.drop(file)
        try:
            return self._download_once(file, staging.part_path(file), progress, cancelled)
        except CorruptTransferError as second:
            # A store that encrypts gives ETags that look like MD5 and are not. Two transfers that agree
            # with each other were not damaged on the way; two that differ were.
            if second.sha256 == first.sha256:
                return second.sha256
            staging.drop(file)
            raise

    def _download_once(
        self, file: UploadObject, part: Path, progress: Progress, cancelled: threading.Event
    ) -> str:
        with self.metrics.download():
            return download(
                self.store, file, part, cancelled=cancelled, progress=progress.add, helpers=self.transfers
            )

    def _verify(
        self,
        stored: list[StoredFile],
        digests: Mapping[str, str] | None,
        staging: Staging,
        files: list[UploadObject],
    ) -> None:
        if digests is None:
            return
        for entry, file in zip(stored, files, strict=True):
            if entry.sha256 != digests[entry.path]:
                staging.drop(file)
                self.metrics.integrity_failures.labels(reason="checksums").inc()
                raise IncompleteError(
                    f"{entry.path} does not have the digest that {CHECKSUMS_NAME} lists; "
                    f"upload the file again, or {CHECKSUMS_NAME} last"
                )

    def _own_card(self, remote: ListedModel, upload: Upload, staging: Staging) -> EffectiveCard | None:
        path = staging.tree / CARD_NAME
        if not path.exists():
            return None

        def read_beside(name: str) -> bytes | None:
            beside = staging.tree / name
            if beside.is_file():
                return beside.read_bytes() if beside.stat().st_size <= MAX_LABELS_BYTES else None
            loose = remote.loose.get(name)
            if loose is None:
                return None
            return self.store.read_small(loose.key, etag=loose.etag, limit=MAX_LABELS_BYTES)

        return read_card(path.read_bytes(), f"{upload.bucket_version}/{CARD_NAME}", read_beside)
