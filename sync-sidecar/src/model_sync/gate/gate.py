"""One upload from the bucket to a checked folder beside the published ones.

complete (what SHA256SUMS names) -> downloaded -> digests -> signature -> card -> preflight with acceptance ->
staged. Each step can only refuse, and none touches what is published.
"""

import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.card_file import FILE_NAME as CARD_NAME
from edge_common.errors import RejectedError

from model_sync.bucket.catalog import ListedModel, Upload, UploadObject
from model_sync.bucket.checksums import MAX_CHECKSUMS_BYTES, parse_checksums
from model_sync.bucket.completeness import IncompleteError, named_files_missing
from model_sync.bucket.file_kinds import HEAD_BYTES, content_problem
from model_sync.bucket.keys import CHECKSUMS_NAME, SIGNATURE_NAME
from model_sync.bucket.recognise import model_file, partner_missing
from model_sync.cards.cards import MAX_LABELS_BYTES, EffectiveCard, raise_for_misfit, read_card
from model_sync.download.staging import Staging
from model_sync.download.transfer import Progress, Transfer
from model_sync.gate.evidence import (
    Published,
    acceptance_pictures,
    evidence_of,
    judged,
    place_sample,
    provenance_of,
)
from model_sync.metrics import Metrics
from model_sync.model_server.config import serving_settings
from model_sync.planning.evidence import Evidence
from model_sync.planning.state import StoredFile
from model_sync.preflight.child_process import Supervision
from model_sync.preflight.memory import PreflightRecord
from model_sync.preflight.pool import WarmPreflight
from model_sync.store.object_store import ObjectStore, read_small

if TYPE_CHECKING:
    from model_sync.trust.verify import SignatureCheck

_ADDED_AFTER_THE_LIST = frozenset({CARD_NAME, SIGNATURE_NAME})
"""Files that are mirrored though SHA256SUMS may not list them."""


@dataclass(frozen=True)
class StagedVersion:
    """A checked upload, ready to be renamed into place from the tree of its staging folder."""

    upload: Upload
    files: tuple[StoredFile, ...]
    card: EffectiveCard | None
    """The card the version itself brings; None when the model's card holds."""
    effective: EffectiveCard | None = None
    """The card with which it was checked: its own, else the model's as it was then."""
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True)
class Incoming:
    """An upload on its way into `staging`, its model as listed, and the card that holds without its own."""

    remote: ListedModel
    upload: Upload
    staging: Staging
    model_card: EffectiveCard | None = None
    progress: Progress = field(default_factory=Progress)
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Gate:
    """What every upload passes; `transfers` runs single downloads, shared by all uploads."""

    store: ObjectStore
    transfers: Executor
    preflight: WarmPreflight | None
    """None: uploads are not loaded before the server sees them."""
    metrics: Metrics = field(default_factory=Metrics)
    properties: Collection[str] = ()
    """Of devices, that cards may set beside the usual ones; each as `DEVICE:NAME`."""
    published: Published | None = None
    """None: nothing is, as in a check of a folder."""
    serves_here: bool = True
    """Whether uploads are to serve on this machine, so that the times they take here are judged."""
    signatures: "SignatureCheck | None" = None
    """None: nobody asks who made a version."""

    def admit(self, incoming: Incoming) -> StagedVersion:
        """Fetch and check an upload in one; raises what `fetch` and `check` raise."""
        return self.check(incoming, self.fetch(incoming), Supervision(incoming.cancelled))

    def fetch(self, incoming: Incoming) -> StagedVersion:
        """Bring an upload into its staging folder; what was fetched stays there for the next try.

        Raises:
            IncompleteError: something is still missing; the sentence names it.
            RejectedError: it is not fit to serve; the sentence says why.
            RetryableError: the store or this machine was in the way.
        """
        if self.preflight is not None:
            self.preflight.expect_upload()
        upload, staging, progress = incoming.upload, incoming.staging, incoming.progress
        digests = self._digests(upload)
        files = [
            file
            for file in upload.files
            if digests is None or file.path in digests or file.path in _ADDED_AFTER_THE_LIST
        ]
        model_file(file.path for file in files)  # there is one, and no second that the server might take
        progress.total = sum(file.size for file in files)
        to_fetch = staging.prepare(files, upload.fingerprint)
        transfer = Transfer(self.store, self.transfers, self.metrics, staging, progress, incoming.cancelled)
        stored = transfer.run(files, to_fetch)
        progress.phase = "verifying"
        self._verify(stored, digests, staging, files)
        evidence = evidence_of(upload, stored, staging.tree, self.signatures, self.metrics)
        evidence = replace(evidence, provenance=provenance_of(staging.tree))
        _check_contents(staging.tree, stored)
        card = self._own_card(incoming, signed=evidence.signature is not None)
        staging.seal()
        if self.preflight is not None:
            progress.phase = "preflight"
        return StagedVersion(upload, tuple(stored), card, card or incoming.model_card, evidence)

    def check(self, incoming: Incoming, fetched: StagedVersion, watched: Supervision) -> StagedVersion:
        """Load what was fetched in preflight, and try it with its acceptance pictures.

        What is on the volume already is not tried with pictures again: it comes back to mend its folder.

        Raises what `fetch` raises, and GivesWayError when `watched` wants room for others.
        """
        if self.preflight is None:
            return fetched
        card, staging = fetched.effective, incoming.staging
        settings = serving_settings(card.card.serving) if card else {}
        sample = place_sample(self.store, incoming.remote, incoming.upload, staging, card)
        known, served = None, None
        if self.published is not None:
            known = self.published.same_content(fetched.upload, fetched.files)
            served = self.published.in_service(incoming.remote.name)
        pictures = acceptance_pictures(staging.tree, card, served) if known is None else None
        with self.preflight.take() as child:
            record = PreflightRecord(staging.folder, fetched.upload.upload_id, child.allowance)
            record.raise_for_earlier_end()
            try:
                heard = replace(watched, heavy=record.begin)
                facts = child.check(staging.tree, settings, watched=heard, sample=sample, acceptance=pictures)
            finally:
                record.clear()
        if card is not None:
            raise_for_misfit(card, facts.inputs, facts.outputs)
        if known is not None:
            figures = known.evidence.acceptance
        else:
            figures = judged(facts.acceptance, card, served, times=self.serves_here)
        return replace(fetched, evidence=replace(fetched.evidence, acceptance=figures))

    def _digests(self, upload: Upload) -> Mapping[str, str] | None:
        if upload.checksums is None:
            return None
        content = read_small(self.store, upload.checksums, MAX_CHECKSUMS_BYTES)
        digests = parse_checksums(content, {file.path for file in upload.files})
        missing = named_files_missing(upload, digests) or partner_missing(digests)
        if missing is not None:
            raise IncompleteError(missing)
        return digests

    def _verify(
        self,
        stored: Sequence[StoredFile],
        digests: Mapping[str, str] | None,
        staging: Staging,
        files: Sequence[UploadObject],
    ) -> None:
        for entry, file in zip(stored, files, strict=True):
            if entry.sha256 != (digests or {}).get(entry.path, entry.sha256):
                staging.drop(file)
                self.metrics.integrity_failures.labels(reason="checksums").inc()
                raise IncompleteError(
                    f"{entry.path} does not have the digest that {CHECKSUMS_NAME} lists; "
                    f"upload the file again, or {CHECKSUMS_NAME} last"
                )

    def _own_card(self, incoming: Incoming, *, signed: bool) -> EffectiveCard | None:
        remote, upload, tree = incoming.remote, incoming.upload, incoming.staging.tree
        path = tree / CARD_NAME
        if not path.exists():
            return None

        def read_beside(name: str) -> bytes | None:
            beside = tree / name
            if beside.is_file():
                return beside.read_bytes() if beside.stat().st_size <= MAX_LABELS_BYTES else None
            if signed:
                return None  # what lies elsewhere is not covered by the signature
            listed = next((file for file in upload.files if file.path == name), remote.loose.get(name))
            return None if listed is None else read_small(self.store, listed, MAX_LABELS_BYTES)

        where = f"{upload.bucket_version}/{CARD_NAME}"
        near = [*(file.path for file in upload.files), *(f"../{name}" for name in remote.loose)]
        return read_card(path.read_bytes(), where, read_beside, self.properties, near)


def _check_contents(tree: Path, files: Sequence[StoredFile]) -> None:
    """Raises RejectedError when a file is recognised as something else than its name says."""
    for file in files:
        with (tree / file.path).open("rb") as opened:
            problem = content_problem(file.path, file.size, opened.read(HEAD_BYTES))
        if problem is not None:
            raise RejectedError(problem)
