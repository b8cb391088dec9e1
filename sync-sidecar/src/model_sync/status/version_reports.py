"""The row of each version: its state, and a sentence that a person can act on. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_common.served_state import VersionState

from model_sync.bucket.evidence_files import Provenance
from model_sync.bucket.keys import quoted, version_rank
from model_sync.planning.evidence import AcceptanceFigures, Evidence
from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.plan import ModelPlan
from model_sync.planning.rollout import settings_note
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.state import DAMAGED, StoredVersion
from model_sync.planning.uploads import Phase, UploadStatus
from model_sync.planning.versions import describe_policy

_UNSIGNED = {
    "verify": "not signed",
    "require": "not signed: published before signatures were required; sign its folder and upload it again",
}


Key = tuple[str, str]
"""Model and bucket version."""


@dataclass(frozen=True)
class VersionReport:
    """One row of the status."""

    model: str
    bucket_version: str
    phase: Phase
    reason: str = ""
    local_version: int | None = None
    size: int = 0
    files: int = 0
    digest: str | None = None
    acceptance: AcceptanceFigures | None = None
    """What it made of its acceptance pictures; None: it brought none, or is not on the volume yet."""
    provenance: Provenance | None = None
    """Where its files say that they come from."""
    upload_id: str | None = None
    uploaded_at: float | None = None
    """Store time of the upload's newest object, Unix seconds."""
    progress: float | None = None
    signature: Mapping[str, str] | str | None = None
    """Who signed it, or a sentence that nobody did; None where that is not asked, or not known yet."""


def report(snapshot: Snapshot, plans: Mapping[str, ModelPlan]) -> list[VersionReport]:
    """A row for every version of every planned model."""
    errors = snapshot.work.write_errors
    return [row for name, made in plans.items() for row in report_model(made, errors.get(name))]


def report_model(plan: ModelPlan, write_error: str | None = None) -> list[VersionReport]:
    """A row for every version that is in the bucket or on the volume, lowest first."""
    model = plan.model
    bucket_versions = set(plan.uploads) | {version.bucket_version for version in model.state.stored.values()}
    rows = []
    for bucket_version in sorted(bucket_versions, key=lambda name: (not name.isdigit(), len(name), name)):
        status = plan.uploads.get(bucket_version)
        stored = model.stored_for(bucket_version)
        phase, reason = _phase(model, plan, bucket_version, stored, status)
        if write_error is not None and phase not in {Phase.SERVING, Phase.REJECTED, Phase.PREVIOUS}:
            reason = write_error
        upload = model.upload(bucket_version)
        there, evidence = upload or stored, stored.evidence if stored is not None else Evidence()
        running = phase in {Phase.DOWNLOADING, Phase.VERIFYING, Phase.PREFLIGHT}
        rows.append(
            VersionReport(
                model=model.name,
                bucket_version=bucket_version,
                phase=phase,
                reason=reason,
                local_version=stored.local_version if stored is not None else None,
                size=there.size if there is not None else 0,
                files=len(there.files) if there is not None else 0,
                digest=stored.digest if stored is not None else None,
                acceptance=evidence.acceptance,
                provenance=evidence.provenance,
                upload_id=upload.upload_id if upload is not None else None,
                uploaded_at=upload.modified if upload is not None else None,
                progress=status.progress if status is not None and running else None,
                signature=_signature(model, stored),
            )
        )
    return rows


def _phase(
    model: ModelSnapshot,
    plan: ModelPlan,
    bucket_version: str,
    stored: StoredVersion | None,
    status: UploadStatus | None,
) -> tuple[Phase, str]:
    upload = model.upload(bucket_version)
    current = upload is None or model.is_stored(upload)
    if stored is None:
        return _unstored(model, plan, bucket_version, status)
    if stored.local_version in model.state.configured:
        phase, reason = _configured(model, plan, stored)
        if not current and status is not None and phase is Phase.SERVING:
            damaged = stored.fingerprint == DAMAGED
            what = "its files on the volume were changed" if damaged else "new content uploaded"
            reason = f"{what}: {status.reason or status.phase.value}"
        return phase, reason
    if bucket_version in model.gone:
        return Phase.RETIRING, "removed from the bucket"
    if not current and status is not None:
        return status.phase, status.reason
    if not stored.trusted:
        return Phase.HELD, "on the volume without a record and not in the bucket; removed when that lasts"
    if stored.local_version in plan.target.local_versions:
        return Phase.ACTIVATING, _awaited_answer(model)
    return Phase.PREVIOUS, _waits_for_pin(plan, bucket_version) or "kept for rollback"


def _unstored(
    model: ModelSnapshot, plan: ModelPlan, bucket_version: str, status: UploadStatus | None
) -> tuple[Phase, str]:
    if status is None:
        return Phase.RETIRING, "removed from the bucket"
    if status.fetchable and bucket_version not in plan.wanted and bucket_version not in model.fetches:
        unasked = f"not asked for by the policy ({describe_policy(model.policy)}); not downloaded"
        return Phase.PREVIOUS, _waits_for_pin(plan, bucket_version) or unasked
    return status.phase, status.reason


def _configured(model: ModelSnapshot, plan: ModelPlan, stored: StoredVersion) -> tuple[Phase, str]:
    if model.served is None:
        return Phase.ACTIVATING, _awaited_answer(model)
    state = model.served.get(stored.local_version)
    if state is not VersionState.AVAILABLE:
        if stored.harmed:
            return Phase.ACTIVATING, "its files on the volume were changed; it is fetched again"
        failed = "the model server cannot load it at the moment and tries again"
        return Phase.ACTIVATING, failed if state is VersionState.FAILED else _awaited_answer(model)
    if model.bucket_listed and model.upload(stored.bucket_version) is None:
        return _removed(model, plan, stored)
    target, number = plan.target, stored.local_version
    gives_way = target.complete or number in target.stepping_aside
    replaced = target.local_versions and number not in target.local_versions and gives_way
    if replaced and all(model.served.get(other) is VersionState.AVAILABLE for other in target.local_versions):
        return Phase.RETIRING, "replaced"
    notes = [_pin_note(plan, stored), settings_note(model), _signature_note(model, stored)]
    return Phase.SERVING, "; ".join(filter(None, notes))


def _removed(model: ModelSnapshot, plan: ModelPlan, stored: StoredVersion) -> tuple[Phase, str]:
    """Of a version that answers and is no longer in the bucket."""
    pinned = _pin_note(plan, stored)
    if pinned:
        return Phase.HELD, pinned
    if stored.bucket_version not in model.gone:
        return Phase.HELD, model.removal_hold or _what_follows(model, plan, stored)
    if plan.target.local_versions or plan.target.remove:
        return Phase.RETIRING, "removed from the bucket"
    return Phase.HELD, "removed from the bucket; it answers until another version can be served"


def _what_follows(model: ModelSnapshot, plan: ModelPlan, stored: StoredVersion) -> str:
    """What will happen, and when, as long as the version does not come back."""
    at = model.gone_at.get(stored.bucket_version)
    when = f"from {datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC on" if at else "when that lasts,"
    others = [name for name, upload in plan.uploads.items() if upload.fetchable]
    if others:
        then = f"{max(others, key=version_rank)} answers in its place"
    elif plan.uploads:
        then = "it answers only until another version can be served"
    else:
        then = "the model is not served any more"
    return (
        f"no longer in the bucket; {when} {then}; upload it again, pin it, or hurry with model-sync release"
    )


def _pin_note(plan: ModelPlan, stored: StoredVersion) -> str:
    """The sentence about the pin that keeps this very version; empty when there is none."""
    status = plan.pin
    if status is None or not status.holds or status.pin is None or plan.target.remove:
        return ""
    return status.sentence if status.pin.version == stored.bucket_version else ""


def _signature(model: ModelSnapshot, stored: StoredVersion | None) -> Mapping[str, str] | str | None:
    if stored is None or stored.harmed or model.rules.signatures == "off":
        return None
    found = stored.evidence.signature
    if found is None:
        return _UNSIGNED[model.rules.signatures]
    facts = {"signer": found.signer, "key": found.key}
    return facts | {"problem": found.problem} if found.problem else facts


def _signature_note(model: ModelSnapshot, stored: StoredVersion) -> str:
    """What a person has to know of the signature of what serves; empty: nothing."""
    found = _signature(model, stored)
    if isinstance(found, str):
        return found if model.rules.signatures == "require" else ""
    return f"it goes on serving, but {found['problem']}" if found and "problem" in found else ""


def _waits_for_pin(plan: ModelPlan, bucket_version: str) -> str:
    """Why a version newer than the pinned one is not served; empty for another."""
    pin = plan.pin.pin if plan.pin is not None and plan.pin.holds else None
    if pin is None or version_rank(bucket_version) <= version_rank(pin.version):
        return ""
    return f"newer than {pin.version}, to which the model is pinned; served when the pin goes"


def _awaited_answer(model: ModelSnapshot) -> str:
    """What a version waits for whose state the server has not told; empty when it has just answered."""
    if model.server_busy:
        return (
            "the model server is busy, or does not tell this model's states clearly; waiting for its answer"
        )
    if model.served is None:
        return "waiting for the model server to answer"
    if model.server_loads not in {"", model.name}:
        return f"the model server loads {quoted(model.server_loads)} before it"
    given_up = [
        str(local_version)
        for local_version, state in sorted(model.served.items())
        if state is VersionState.LOADING and local_version not in model.state.configured
    ]
    if not given_up:
        return ""
    return (
        f"the model server still loads {', '.join(given_up)}, which is no longer listed, before it; "
        "restart the server if that does not end"
    )
