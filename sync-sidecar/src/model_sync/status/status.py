"""What a person wants to know: each model and version, its state, and a sentence they can act on. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edge_common.served_state import VersionState, available_versions

from model_sync.bucket.keys import quoted
from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.plan import ModelPlan
from model_sync.planning.rollout import settings_note
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.state import DAMAGED, StoredVersion
from model_sync.planning.uploads import Phase, UploadStatus
from model_sync.planning.versions import describe_policy


@dataclass(frozen=True)
class Site:
    """Whose status it is: this pod's name, its store's address, and the bucket."""

    instance: str
    endpoint: str
    bucket: str


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
    upload_id: str | None = None
    uploaded_at: float | None = None
    """Store time of the upload's newest object, Unix seconds."""
    progress: float | None = None


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
        running = phase in {Phase.DOWNLOADING, Phase.VERIFYING, Phase.PREFLIGHT}
        rows.append(
            VersionReport(
                model=model.name,
                bucket_version=bucket_version,
                phase=phase,
                reason=reason,
                local_version=stored.local_version if stored is not None else None,
                size=upload.size if upload is not None else stored.size if stored is not None else 0,
                files=len(upload.files if upload is not None else stored.files if stored is not None else ()),
                digest=stored.digest if stored is not None else None,
                upload_id=upload.upload_id if upload is not None else None,
                uploaded_at=upload.modified if upload is not None else None,
                progress=status.progress if status is not None and running else None,
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
            what = (
                "its files on the volume were changed"
                if stored.fingerprint == DAMAGED
                else "new content uploaded"
            )
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
    return Phase.PREVIOUS, "kept for rollback"


def _unstored(
    model: ModelSnapshot, plan: ModelPlan, bucket_version: str, status: UploadStatus | None
) -> tuple[Phase, str]:
    if status is None:
        return Phase.RETIRING, "removed from the bucket"
    if status.fetchable and bucket_version not in plan.wanted and bucket_version not in model.fetches:
        return (
            Phase.PREVIOUS,
            f"not asked for by the policy ({describe_policy(model.policy)}); not downloaded",
        )
    return status.phase, status.reason


def _configured(model: ModelSnapshot, plan: ModelPlan, stored: StoredVersion) -> tuple[Phase, str]:
    if model.served is None:
        return Phase.ACTIVATING, _awaited_answer(model)
    state = model.served.get(stored.local_version)
    if state is not VersionState.AVAILABLE:
        failed = "the model server cannot load it at the moment and tries again"
        return Phase.ACTIVATING, failed if state is VersionState.FAILED else _awaited_answer(model)
    removed = model.bucket_listed and model.upload(stored.bucket_version) is None
    if removed and stored.bucket_version in model.gone:
        if plan.target.local_versions or plan.target.remove:
            return Phase.RETIRING, "removed from the bucket"
        return Phase.HELD, "removed from the bucket; it answers until another version can be served"
    if removed:
        return Phase.HELD, model.removal_hold or "no longer in the bucket; retired when that lasts"
    replaced = (
        plan.target.local_versions
        and stored.local_version not in plan.target.local_versions
        and plan.target.complete
    )
    if replaced and all(
        model.served.get(local_version) is VersionState.AVAILABLE
        for local_version in plan.target.local_versions
    ):
        return Phase.RETIRING, "replaced"
    return Phase.SERVING, settings_note(model)


def _awaited_answer(model: ModelSnapshot) -> str:
    """What a version waits for whose state the server has not told; empty when it has just answered."""
    if model.server_busy:
        return "the model server is busy with requests and answers late; waiting for its answer"
    if model.served is None:
        return "waiting for the model server to answer"
    other = model.server_loads not in {"", model.name}
    return f"the model server loads {quoted(model.server_loads)} before it" if other else ""


def status_document(
    snapshot: Snapshot,
    rows: Iterable[VersionReport],
    since: Mapping[tuple[str, str], float],
    site: Site,
    *,
    writes: bool,
) -> dict[str, Any]:
    """The JSON of `GET /v1/status` and of the bucket's status object.

    `since`: model and bucket version -> Unix time at which its state began; `writes`: whether this pod is the
    one that writes to the volume.
    """
    bucket, served = snapshot.bucket, snapshot.server.served or {}
    models: dict[str, Any] = {}
    for row in rows:
        if row.model not in models:
            models[row.model] = {"serving": available_versions(served, row.model), "versions": []}
        models[row.model]["versions"].append(
            {
                "source": row.bucket_version,
                "state": row.phase.value,
                "reason": row.reason,
                "local_version": row.local_version,
                "bytes": row.size,
                "files": row.files,
                "digest": row.digest,
                "upload": row.upload_id,
                "since": iso_time(since.get((row.model, row.bucket_version))),
                "progress": None if row.progress is None else round(row.progress, 3),
            }
        )
    listed = bucket.last_attempt is not None
    return {
        "schema": 1,
        "instance": site.instance,
        "role": "writer" if writes else "follower",
        "time": iso_time(snapshot.now),
        "cycle": {
            "last_attempt": iso_time(bucket.last_attempt),
            "last_success": iso_time(bucket.last_success),
            "result": "none" if not listed else "error" if bucket.error else "success",
            "error": str(bucket.error) if bucket.error else None,
            "consecutive_failures": bucket.failures,
            "listing_since": iso_time(bucket.listing_since),
        },
        "server": _server(snapshot),
        "store": {
            "endpoint": site.endpoint,
            "bucket": site.bucket,
            "reachable": listed and bucket.error is None,
        },
        "models": models,
        "mended": [
            {"at": iso_time(one.at), "what": one.what, "sentence": one.sentence} for one in snapshot.mended
        ],
        "notices": list(_notices(snapshot)),
    }


def _server(snapshot: Snapshot) -> dict[str, Any]:
    server = snapshot.server
    state = "busy" if server.busy else "away" if server.own is None else "answers"
    since = snapshot.now - server.busy_for if server.busy_for is not None else None
    facts = {"url": server.url, "reachable": server.own is not None}
    return facts | {"state": state, "busy_since": iso_time(since)}


def _notices(snapshot: Snapshot) -> Iterable[str]:
    if snapshot.bucket.catalog is not None:
        yield from snapshot.bucket.catalog.notices
    if snapshot.bucket.listing_since is not None:
        since = iso_time(snapshot.bucket.listing_since)
        yield f"listing the bucket since {since}; until it ends, what is new in the bucket is not seen"
    if snapshot.bucket.removal_hold is not None:
        yield snapshot.bucket.removal_hold
    for name, card in snapshot.cards.items():
        if card.rejection:
            yield f"{name}: {card.rejection}"
    if snapshot.volume_error:
        yield snapshot.volume_error


def iso_time(seconds: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
