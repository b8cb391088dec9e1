"""The status document, as `GET /v1/status` and the bucket's status object give it, and readiness. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from edge_common.served_state import available_versions

from model_sync.loop.schedule import is_busy
from model_sync.planning.plan import ModelPlan
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.versions import PinStatus
from model_sync.status.version_reports import VersionReport
from model_sync.swap_watch.judgement import WatchProgress

CHANGES_OFF = (
    "changes over this address are off; to switch them on, set MODEL_SYNC_API_TOKEN (or "
    "MODEL_SYNC_API_TOKEN_FILE) to a secret of at least 16 characters and start the sidecar again"
)

_CATCH_UP_LIMIT = 600.0
"""Seconds after which a pod that began with an empty volume is ready whatever is still on its way."""
_LONG_LISTING = 60.0
"""Seconds of a first listing after which a start counts as made: to start again would list no faster."""


@dataclass(frozen=True)
class Site:
    """Whose status it is: this pod's name, its store's address, the bucket, and whether it takes changes."""

    instance: str
    endpoint: str
    bucket: str
    changes: bool = False
    """Whether it takes changes over HTTP, from those who have its token."""


def status_document(
    snapshot: Snapshot,
    rows: Iterable[VersionReport],
    since: Mapping[tuple[str, str], float],
    site: Site,
    pins: Mapping[str, PinStatus] = MappingProxyType({}),
    *,
    writes: bool,
) -> dict[str, Any]:
    """The JSON of `GET /v1/status` and of the bucket's status object.

    `since`: model and bucket version -> Unix time at which its state began; `pins`: what became of the pins;
    `writes`: whether this pod is the one that writes to the volume.
    """
    bucket, served = snapshot.bucket, snapshot.server.served or {}
    models: dict[str, Any] = {}
    for row in rows:
        if row.model not in models:
            models[row.model] = {
                "serving": available_versions(served, row.model),
                "pin": _pin(pins.get(row.model)),
                "watch": _watch(snapshot.watches.get(row.model)),
                "versions": [],
            }
        models[row.model]["versions"].append(
            {
                "source": row.bucket_version,
                "state": row.phase.value,
                "reason": row.reason,
                "local_version": row.local_version,
                "bytes": row.size,
                "files": row.files,
                "digest": row.digest,
                "signature": row.signature,
                "upload": row.upload_id,
                "since": iso_time(since.get((row.model, row.bucket_version))),
                "removal": iso_time(bucket.gone_at.get(row.model, {}).get(row.bucket_version)),
                "progress": None if row.progress is None else round(row.progress, 3),
                "acceptance": None if row.acceptance is None else row.acceptance.as_document(),
                "provenance": None if row.provenance is None else asdict(row.provenance),
            }
        )
    listed = bucket.last_attempt is not None
    return {
        "schema": 1,
        "instance": site.instance,
        "role": "writer" if writes else "follower",
        "changes": {"allowed": site.changes, "how": None if site.changes else CHANGES_OFF},
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
        "mended": [{**asdict(one), "at": iso_time(one.at)} for one in snapshot.mended],
        "notices": [
            *_notices(snapshot),
            *(f"{name}: {status.sentence}" for name, status in pins.items() if not status.holds),
        ],
    }


def _pin(status: PinStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    pin = status.pin
    facts = {"version": pin.version, "reason": pin.reason, "by": pin.by, "at": pin.at or None} if pin else {}
    return {**facts, "holds": status.holds, "sentence": status.sentence}


def _watch(told: WatchProgress | None) -> dict[str, Any] | None:
    if told is None:
        return None
    watch = told.watch
    return {
        "version": watch.version,
        "local_version": watch.local_version,
        "before": watch.before,
        "local_before": watch.local_before,
        "state": told.state.value,
        "since": iso_time(watch.since),
        "until": iso_time(watch.until),
        "requests": told.requests,
        "answers": told.answers,
        "sentence": told.sentence,
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


@dataclass(frozen=True)
class Readiness:
    """What is known of it so far."""

    started: bool = False
    """The bucket was asked, whatever it answered so far, or this pod follows another."""
    ready: bool = False
    """Its own server has everything AVAILABLE that was confirmed, and the pod has caught up."""
    began: float | None = None
    """Monotonic time of the first snapshot."""
    caught_up: bool = False
    """It has had what the bucket offered at its start, or had models on its volume already.

    Without this a pod with a volume of its own would get requests before its first download.
    """


def readiness(
    before: Readiness, snapshot: Snapshot, plans: Mapping[str, ModelPlan], *, writes: bool
) -> Readiness:
    """The readiness after one more snapshot; `writes`: whether this pod writes to the volume."""
    models = snapshot.state.models
    since = snapshot.bucket.listing_since
    listing_for = snapshot.now - since if since is not None else 0.0
    began = before.began if before.began is not None else snapshot.time
    caught_up = (
        before.caught_up
        or not writes
        or (before.began is None and any(model.confirmed for model in models.values()))
        or (snapshot.bucket.last_success is not None and not is_busy(snapshot, plans))
        or snapshot.time - began > _CATCH_UP_LIMIT
    )
    own = snapshot.server.own
    serves_all = own is not None and all(
        set(model.confirmed) <= set(available_versions(own, name)) for name, model in models.items()
    )
    return replace(
        before,
        started=snapshot.bucket.last_attempt is not None or not writes or listing_for > _LONG_LISTING,
        ready=caught_up and serves_all,
        began=began,
        caught_up=caught_up,
    )
