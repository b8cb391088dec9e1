"""When to look again, and whether anything has changed since. Pure; times are monotonic seconds."""

import math
from collections.abc import Mapping
from typing import Any

from edge_common.served_state import VersionState

from model_sync.planning.actions import CancelFetch, CheckSettings, Fetch
from model_sync.planning.plan import ModelPlan
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.uploads import Phase

Plans = Mapping[str, ModelPlan]

_TICK = 0.1
"""Seconds between looks at the server while something is being activated or ended."""
_FRESH = 15.0
"""Seconds without a change after which an unfinished upload is no longer expected to end soon."""
_FETCHING = 0.5
"""Seconds between looks while something is fetched, or the volume has refused something."""
_SERVER_BUSY = 0.5
"""Seconds between looks while the server answers late; its late answer wakes the loop by itself."""
_SERVER_AWAY, _GROWTH = 1.0, 1.5
"""Seconds until the next look at a server that has gone away, and how each further pause grows."""
_IDLE = 5.0
"""Seconds between looks at the server while nothing changes, and the longest pause while it is away."""
_LONGEST_REST = 15.0
"""Seconds after which a plan is made anyway: pauses end, and room may have been made on the volume."""


def unchanged(before: Snapshot, after: Snapshot) -> bool:
    """Whether a plan made from `after` would be that of `before`, which had nothing to do.

    Planning hundreds of models takes time; this takes none. It holds for snapshots of the same listing. What
    only the passing of time changes is not seen, so a plan is made after a while in any case.
    """
    return after.time - before.time < _LONGEST_REST and _of_plans(before) == _of_plans(after)


def _of_plans(seen: Snapshot) -> tuple[Any, ...]:
    server, work = seen.server, seen.work
    told = server.served, server.own, server.outdated, server.unclear, server.complete
    return (
        *told,
        seen.state,
        seen.bucket.listing_since,
        work.fetches,
        work.fetch_errors,
        work.staged,
        work.checked_settings,
    )


def is_busy(snapshot: Snapshot, plans: Plans) -> bool:
    """Whether something is under way that needs no new upload to go on."""
    moves = bool(snapshot.work.fetches) or _rolls_out(snapshot) or _server_in_motion(snapshot)
    return moves or _more_to_do(plans) or _quiet_in(plans) is not None


def is_at_rest(snapshot: Snapshot, plans: Plans) -> bool:
    """Whether nothing is to be done before something changes."""
    work = snapshot.work
    return not is_busy(snapshot, plans) and not work.fetch_errors and not work.write_errors


def next_listing_at(snapshot: Snapshot, plans: Plans) -> float:
    """When to list the bucket again: with the next poll, or early to find an upload quiet."""
    quiet_in = _quiet_in(plans)
    poll = snapshot.bucket.list_again_at
    if quiet_in is None or math.isinf(poll):  # none is begun while another lasts
        return poll
    return min(poll, snapshot.time + quiet_in + _TICK)


def next_look_at(snapshot: Snapshot, plans: Plans, list_at: float) -> float:
    """When the next step is worth while, if nothing wakes the loop before; `list_at`: the next listing."""
    now, work, away = snapshot.time, snapshot.work, snapshot.server.failures
    looks = [list_at, now + (min(_SERVER_AWAY * _GROWTH ** min(away - 1, 16), _IDLE) if away else _IDLE)]
    if _server_in_motion(snapshot) or _rolls_out(snapshot) or _more_to_do(plans):
        looks.append(now + (_SERVER_BUSY if snapshot.server.busy else _TICK))
    if work.fetches or work.write_errors:
        looks.append(now + _FETCHING)
    retries = (error.retry_at for errors in work.fetch_errors.values() for error in errors.values())
    looks += [retry for retry in retries if retry > now]
    return min(looks)


def is_upload_arriving(plans: Plans) -> bool:
    """Whether an upload is on its way into the bucket, so that what takes time can be prepared."""
    return any(
        status.phase is Phase.WAITING and made.model.quiet_for.get(bucket_version, _FRESH) < _FRESH
        for made in plans.values()
        for bucket_version, status in made.uploads.items()
    )


def _rolls_out(snapshot: Snapshot) -> bool:
    return any(model.rollout is not None for model in snapshot.state.models.values())


def _server_in_motion(snapshot: Snapshot) -> bool:
    """Whether the server is expected to change something soon: a load, or the end of a version."""
    served = snapshot.server.served
    if served is None:
        return False
    for name, model in snapshot.state.models.items():
        states = served.get(name, {})
        held = {version for version, state in states.items() if state is not VersionState.END}
        ready = (states.get(version) is VersionState.AVAILABLE for version in model.configured)
        if held - set(model.configured) or not all(ready):
            return True
    return False


def _more_to_do(plans: Plans) -> bool:
    """Whether a plan has more to do than what runs in the background and wakes the loop by itself."""
    return any(
        not isinstance(action, Fetch | CancelFetch | CheckSettings)
        for made in plans.values()
        for action in made.actions
    )


def _quiet_in(plans: Plans) -> float | None:
    """Seconds until the first upload has been quiet long enough; None when none is waiting for that."""
    uploads = (status for made in plans.values() for status in made.uploads.values())
    return min((status.quiet_in for status in uploads if status.quiet_in is not None), default=None)
