"""Whether this pod has started, and may be sent requests. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge_common.served_state import available_versions

from model_sync.loop.schedule import is_busy
from model_sync.planning.plan import ModelPlan
from model_sync.planning.snapshot import Snapshot

_CATCH_UP_LIMIT = 600.0
"""Seconds after which a pod that began with an empty volume is ready whatever is still on its way."""
_LONG_LISTING = 60.0
"""Seconds of a first listing after which a start counts as made: to start again would list no faster."""


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
