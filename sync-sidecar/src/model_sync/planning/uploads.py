"""What is to be said of one upload before it serves, and when a rejected one is tried again. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from model_sync.bucket.catalog import Upload
from model_sync.bucket.completeness import Waiting, check_upload
from model_sync.bucket.keys import CARD_NAME, quoted
from model_sync.planning.model_snapshot import ModelSnapshot, Rules
from model_sync.planning.state import RejectedAt, Rejection


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
    complete = check_upload(upload, quiet_for=quiet_for, settle=model.rules.quiet_time)
    if isinstance(complete, Waiting):
        return UploadStatus(Phase.WAITING, complete.reason, quiet_in=complete.settles_in)
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
    pause = min(rules.first_retry * 2 ** min(attempts - 1, 32), rules.longest_retry)
    return Rejection(upload_id, reason, stage, now, attempts, now + pause)
