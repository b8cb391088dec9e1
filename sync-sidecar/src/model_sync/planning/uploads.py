"""What is known of uploads: how long quiet, whether really removed, and what is to be said of each. Pure.

Quiet time and removals show only over several listings. Nothing is removed because of an error, an outage or
an empty answer: a removal must be seen by two listings and last a grace time, and removals are held for
longer when a listing is empty or lost more than half of the models. After a restart all of it begins anew,
which costs a little time and never a wrong decision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from edge_common.quantities import format_duration

from model_sync.bucket.catalog import Catalog, Upload
from model_sync.bucket.completeness import check_upload
from model_sync.bucket.keys import CARD_NAME, quoted
from model_sync.planning.model_snapshot import ModelSnapshot, Rules
from model_sync.planning.state import RejectedAt, Rejection

_LISTINGS_THAT_MUST_AGREE = 2

Since = Mapping[str, Mapping[str, float]]
"""Model -> bucket version -> monotonic seconds."""


def quiet_since(catalog: Catalog, now: float, before: Catalog | None, since: Since) -> Since:
    """Since when each upload has been listed as it is now; `since` is the same for the listing `before`."""
    found: dict[str, dict[str, float]] = {}
    for name, model in catalog.models.items():
        known = before.models.get(name) if before is not None else None
        found[name] = {}
        for bucket_version, upload in model.versions.items():
            last = known.versions.get(bucket_version) if known is not None else None
            same = last is not None and last.upload_id == upload.upload_id
            found[name][bucket_version] = since[name][bucket_version] if same else now
    return found


@dataclass(frozen=True)
class Absence:
    """An upload that was there and is no longer listed. `since` is monotonic seconds, `at` the Unix time."""

    since: float
    listings: int = 1
    at: float = 0.0
    released: bool = False
    """A person has said that it is meant."""


@dataclass(frozen=True)
class Absences:
    """What the listings so far say is missing. Kept in memory only."""

    missing: Mapping[tuple[str, str], Absence] = field(default_factory=dict)
    suspicious_since: float | None = None
    lost: int = 0
    known: int = 0
    seen_any: bool = False
    """Whether a listing since the start had a model; else the bucket may be another than it was."""

    def after_listing(
        self, catalog: Catalog, stored: Iterable[tuple[str, str]], now: float, at: float = 0.0
    ) -> "Absences":
        """The same after one more complete listing; `stored`: model and bucket version of what we keep.

        `at` is `now` in Unix seconds.
        """
        kept, missing = set(stored), {}
        versions = {name: model.versions.keys() for name, model in catalog.models.items() if model.versions}
        for key in kept:
            if key[1] not in versions.get(key[0], ()):
                before = self.missing.get(key)
                missing[key] = (
                    replace(before, listings=before.listings + 1) if before else Absence(now, at=at)
                )
        known = {model for model, _ in kept}
        lost = known - versions.keys()
        suspicious = bool(known) and (catalog.objects == 0 or 2 * len(lost) > len(known))
        since = (self.suspicious_since if self.suspicious_since is not None else now) if suspicious else None
        return Absences(missing, since, len(lost), len(known), self.seen_any or bool(versions))

    def after_failure(self, now: float, hold: float) -> "Absences":
        """The same after a listing that failed: a removal hold begins anew.

        Else two empty answers with an outage between them would pass for a removal that lasts.
        """
        return replace(self, suspicious_since=now) if self.removal_hold(now, hold) is not None else self

    def released(self, model: str) -> "Absences":
        """The same with the word of a person that what `model` lacks, or all if that is empty, is meant."""
        missing = {
            key: replace(absence, released=absence.released or model in {"", key[0]})
            for key, absence in self.missing.items()
        }
        return replace(self, missing=missing)

    def gone_at(self, *, grace: float) -> Mapping[tuple[str, str], float]:
        """Model and bucket version of all that is missing -> Unix time from which its removal holds."""
        return {key: absence.at + grace for key, absence in self.missing.items()}

    def removal_hold(self, now: float, hold: float) -> str | None:
        """Why no removal is believed at the moment; None when the listings are believable."""
        if all(absence.released for absence in self.missing.values()):
            return None
        if self.suspicious_since is None or (
            now - self.suspicious_since >= hold and (self.seen_any or not hold)
        ):
            return None
        if not self.seen_any:
            return (
                f"the bucket has had no models since this start, and {self.known} are on the volume; "
                "nothing is removed, in case the bucket is another one; upload the models again, or, if "
                "the removal is meant, say so with model-sync release, or start the sidecar with "
                "MODEL_SYNC_HOLD=0 for once"
            )
        return (
            f"the listing suddenly lacks {self.lost} of {self.known} models; nothing is removed until that "
            f"has lasted {format_duration(hold)}, in case the store is at fault; if the removal is meant, "
            "wait, say so with model-sync release, or start the sidecar with MODEL_SYNC_HOLD=0 for once"
        )

    def gone(self, now: float, *, grace: float, hold: float) -> Mapping[str, frozenset[str]]:
        """Model -> bucket versions of the removals that hold."""
        found: dict[str, frozenset[str]] = {}
        held = self.removal_hold(now, hold) is not None
        for (model, bucket_version), absence in self.missing.items():
            due = absence.released or (not held and now - absence.since >= grace)
            if absence.listings >= _LISTINGS_THAT_MUST_AGREE and due:
                found[model] = found.get(model, frozenset()) | {bucket_version}
        return found


class Phase(StrEnum):
    """Where a version is on its way; what a person sees as its state."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    PREFLIGHT = "preflight"
    PUBLISHING = "publishing"
    ACTIVATING = "activating"
    SERVING = "serving"
    REJECTED = "rejected"
    HELD = "held"
    RETIRING = "retiring"
    PREVIOUS = "previous"


@dataclass(frozen=True)
class UploadStatus:
    """What holds for an upload at this moment."""

    phase: Phase
    reason: str = ""
    fetchable: bool = False
    """It may be brought to the volume, or is on its way there."""
    progress: float | None = None
    quiet_in: float | None = None
    """Seconds until it may be fetched, when only quiet time is lacking."""


def upload_status(model: ModelSnapshot, upload: Upload) -> UploadStatus:
    """The status of `upload`, by the most definite reason."""
    if upload.problem is not None:
        return UploadStatus(Phase.REJECTED, upload.problem)
    running = model.fetches.get(upload.bucket_version)
    if running is not None and running.upload_id == upload.upload_id:
        return UploadStatus(Phase(running.phase), fetchable=True, progress=running.fraction)
    if model.staged.get(upload.bucket_version) == upload.upload_id:
        return UploadStatus(Phase.PUBLISHING, fetchable=True)
    rejection = model.active_rejection(upload.bucket_version)
    if rejection is not None:
        phase = Phase.WAITING if rejection.stage == RejectedAt.UPLOAD else Phase.REJECTED
        return UploadStatus(phase, rejection.reason)
    return _unfetched_status(model, upload)


def _unfetched_status(model: ModelSnapshot, upload: Upload) -> UploadStatus:
    """The status of an upload of which nothing was fetched and nothing is known but its listing."""
    if model.card_rejection is not None and not any(file.path == CARD_NAME for file in upload.files):
        return UploadStatus(Phase.REJECTED, model.card_rejection)
    taken = _number_taken(model, upload)
    if taken is not None:
        return UploadStatus(Phase.HELD, taken)
    quiet_for = model.quiet_for.get(upload.bucket_version, 0.0)
    waiting = check_upload(upload, quiet_for=quiet_for, quiet_time=model.rules.quiet_time)
    if waiting is not None:
        return UploadStatus(Phase.WAITING, waiting.reason, quiet_in=waiting.quiet_in)
    on_its_way = upload.bucket_version in model.fetches or model.is_stored(upload)
    shortage = None if on_its_way else model.room.shortage(upload)
    if shortage is not None:
        return UploadStatus(Phase.WAITING, shortage)
    fetch_error = model.fetch_errors.get(upload.bucket_version, "")
    return UploadStatus(Phase.DOWNLOADING, fetch_error, fetchable=True, progress=0.0)


def _number_taken(model: ModelSnapshot, upload: Upload) -> str | None:
    """The sentence when another folder of the bucket already uses the number of `upload`."""
    if not upload.bucket_version.isdigit():
        return None
    there = model.state.stored.get(int(upload.bucket_version))
    if there is None or there.bucket_version == upload.bucket_version:
        return None
    used_by = quoted(there.bucket_version)
    return f"its number is in use by {used_by} until that is replaced; choose a higher number"


def next_rejection(
    before: Rejection | None, *, upload_id: str, reason: str, stage: RejectedAt, now: float, rules: Rules
) -> Rejection:
    """The rejection of the upload `upload_id`; `before` is the last one of the same bucket version.

    The same upload is tried again after `rules.first_retry` seconds, then after twice as many each time, up
    to `rules.longest_retry`: memory may have been short, or a store be healed. `now` is in Unix seconds.
    """
    attempts = before.attempts + 1 if before is not None and before.upload_id == upload_id else 1
    return Rejection(upload_id, reason, stage, now, attempts, now + rules.pause_after(attempts))
