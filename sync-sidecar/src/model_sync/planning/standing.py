"""What is to be said of one upload before anything of it is on the volume. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from model_sync.bucket.catalog import Upload
from model_sync.bucket.completeness import Waiting, check_upload
from model_sync.bucket.keys import quoted
from model_sync.planning.rejections import RejectedAt
from model_sync.planning.snapshot import ModelView


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
class Judgement:
    """What holds for an upload at this moment."""

    phase: Phase
    reason: str = ""
    fetchable: bool = False
    """It may be brought to the volume, or is on its way there."""
    progress: float | None = None
    settles_in: float | None = None
    """Seconds until it may be fetched, when only a time of quiet is lacking."""


def judge_upload(view: ModelView, upload: Upload) -> Judgement:
    """The judgement on `upload`, the most definite reason first."""
    if upload.problem is not None:
        return Judgement(Phase.REJECTED, upload.problem)
    running = view.fetching.get(upload.bucket_version)
    if running is not None and running.upload_id == upload.upload_id:
        return Judgement(Phase(running.phase), fetchable=True, progress=running.fraction)
    if view.staged.get(upload.bucket_version) == upload.upload_id:
        return Judgement(Phase.PUBLISHING, fetchable=True)
    verdict = view.active_rejection(upload.bucket_version)
    if verdict is not None:
        phase = Phase.WAITING if verdict.stage == RejectedAt.UPLOAD else Phase.REJECTED
        return Judgement(phase, verdict.reason)
    return _judge_unseen(view, upload)


def _judge_unseen(view: ModelView, upload: Upload) -> Judgement:
    """The judgement on an upload of which nothing was fetched and nothing is known but its listing."""
    if view.card_problem is not None and not _has_own_card(upload):
        return Judgement(Phase.REJECTED, view.card_problem)
    taken = number_taken(view, upload)
    if taken is not None:
        return Judgement(Phase.HELD, taken)
    gate = check_upload(
        upload, quiet_for=view.quiet_for.get(upload.bucket_version, 0.0), settle=view.rules.settle
    )
    if isinstance(gate, Waiting):
        return Judgement(Phase.WAITING, gate.reason, settles_in=gate.settles_in)
    refusal = view.no_room.get(upload.bucket_version)
    if refusal is not None:
        return Judgement(Phase.WAITING, refusal)
    trouble = view.troubles.get(upload.bucket_version)
    return Judgement(Phase.DOWNLOADING, trouble or "", fetchable=True, progress=0.0)


def number_taken(view: ModelView, upload: Upload) -> str | None:
    """The sentence when another folder of the bucket already uses the number of `upload`."""
    if not upload.bucket_version.isdigit():
        return None
    there = view.state.stored.get(int(upload.bucket_version))
    if there is None or there.bucket_version == upload.bucket_version:
        return None
    used_by = quoted(there.bucket_version)
    return f"its number is in use by {used_by} until that is replaced; choose a higher number"


def _has_own_card(upload: Upload) -> bool:
    return any(file.path == "model.yaml" for file in upload.files)
