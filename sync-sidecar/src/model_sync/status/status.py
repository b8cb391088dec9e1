"""What a person wants to know: each model and version, its state, and a sentence they can act on. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edge_common.served_state import VersionState

from model_sync.planning.plan import ModelPlan
from model_sync.planning.rollout import settings_note
from model_sync.planning.snapshot import ModelView
from model_sync.planning.standing import Judgement, Phase
from model_sync.planning.state import DAMAGED, StoredVersion
from model_sync.planning.versions import describe_policy


@dataclass(frozen=True)
class VersionReport:
    """One row of the status; `source` is the folder's name in the bucket."""

    model: str
    bucket_version: str
    phase: Phase
    reason: str = ""
    local_version: int | None = None
    size: int = 0
    files: int = 0
    digest: str | None = None
    upload_id: str | None = None
    progress: float | None = None


def report_model(view: ModelView, plan: ModelPlan, obstacle: str | None = None) -> list[VersionReport]:
    """A row for every version that is in the bucket or on the volume, lowest first."""
    bucket_versions = set(plan.judgements) | {
        version.bucket_version for version in view.state.stored.values()
    }
    rows = []
    for bucket_version in sorted(bucket_versions, key=lambda name: (not name.isdigit(), len(name), name)):
        judgement = plan.judgements.get(bucket_version)
        stored = view.stored_for(bucket_version)
        phase, reason = _standing(view, plan, bucket_version, stored, judgement)
        if obstacle is not None and phase not in {Phase.SERVING, Phase.REJECTED, Phase.PREVIOUS}:
            reason = obstacle
        upload = view.upload(bucket_version)
        running = phase in {Phase.DOWNLOADING, Phase.VERIFYING, Phase.PREFLIGHT}
        rows.append(
            VersionReport(
                model=view.name,
                bucket_version=bucket_version,
                phase=phase,
                reason=reason,
                local_version=stored.local_version if stored is not None else None,
                size=upload.size if upload is not None else stored.size if stored is not None else 0,
                files=len(upload.files if upload is not None else stored.files if stored is not None else ()),
                digest=stored.digest if stored is not None else None,
                upload_id=upload.upload_id if upload is not None else None,
                progress=judgement.progress if judgement is not None and running else None,
            )
        )
    return rows


def _standing(
    view: ModelView,
    plan: ModelPlan,
    bucket_version: str,
    stored: StoredVersion | None,
    judgement: Judgement | None,
) -> tuple[Phase, str]:
    upload = view.upload(bucket_version)
    current = upload is None or view.is_stored(upload)
    if stored is None:
        return _unstored(view, plan, bucket_version, judgement)
    if stored.local_version in view.state.configured:
        phase, reason = _configured(view, plan, stored)
        if not current and judgement is not None and phase is Phase.SERVING:
            what = (
                "its files on the volume were changed"
                if stored.fingerprint == DAMAGED
                else "new content uploaded"
            )
            reason = f"{what}: {judgement.reason or judgement.phase.value}"
        return phase, reason
    if bucket_version in view.gone:
        return Phase.RETIRING, "removed from the bucket"
    if not current and judgement is not None:
        return judgement.phase, judgement.reason
    if not stored.trusted:
        return Phase.HELD, "on the volume without a record and not in the bucket; removed when that lasts"
    if stored.local_version in plan.wish.local_versions:
        return Phase.ACTIVATING, "waiting for the model server to answer" if view.served is None else ""
    return Phase.PREVIOUS, "kept for rollback"


def _unstored(
    view: ModelView, plan: ModelPlan, bucket_version: str, judgement: Judgement | None
) -> tuple[Phase, str]:
    if judgement is None:
        return Phase.RETIRING, "removed from the bucket"
    if judgement.fetchable and bucket_version not in plan.wanted and bucket_version not in view.fetching:
        return Phase.PREVIOUS, f"not asked for by the policy ({describe_policy(view.policy)}); not downloaded"
    return judgement.phase, judgement.reason


def _configured(view: ModelView, plan: ModelPlan, stored: StoredVersion) -> tuple[Phase, str]:
    if view.served is None:
        return Phase.ACTIVATING, "waiting for the model server to answer"
    state = view.served.get(stored.local_version)
    if state is not VersionState.AVAILABLE:
        failed = "the model server cannot load it at the moment and tries again"
        return Phase.ACTIVATING, failed if state is VersionState.FAILED else ""
    removed = view.listed and view.upload(stored.bucket_version) is None
    if removed and stored.bucket_version in view.gone:
        if plan.wish.local_versions or plan.wish.remove:
            return Phase.RETIRING, "removed from the bucket"
        return Phase.HELD, "removed from the bucket; it answers until another version can be served"
    if removed:
        return Phase.HELD, view.doubt or "no longer in the bucket; retired when that lasts"
    replaced = (
        plan.wish.local_versions
        and stored.local_version not in plan.wish.local_versions
        and plan.wish.complete
    )
    if replaced and all(
        view.served.get(local_version) is VersionState.AVAILABLE for local_version in plan.wish.local_versions
    ):
        return Phase.RETIRING, "replaced"
    return Phase.SERVING, settings_note(view)


def status_document(
    *,
    instance: str,
    now: float,
    cycle: Mapping[str, Any],
    server: Mapping[str, Any],
    store: Mapping[str, Any],
    rows: list[VersionReport],
    serving: Mapping[str, list[int]],
    since: Mapping[tuple[str, str], float],
    notices: list[str],
    role: str = "writer",
) -> dict[str, Any]:
    """The JSON of `GET /v1/status` and of the bucket's status object."""
    models: dict[str, Any] = {}
    for row in rows:
        model = models.setdefault(row.model, {"serving": serving.get(row.model, []), "versions": []})
        model["versions"].append(
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
    return {
        "schema": 1,
        "instance": instance,
        "role": role,
        "time": iso_time(now),
        "cycle": dict(cycle),
        "server": dict(server),
        "store": dict(store),
        "models": models,
        "notices": notices,
    }


def iso_time(seconds: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
