"""When the next step is worth while, and whether anything is under way at all."""

from collections.abc import Mapping
from dataclasses import dataclass

from model_sync.loop.apply import Performer
from model_sync.loop.bucket_watch import BucketWatch
from model_sync.model_server.server_watch import ServerWatch
from model_sync.planning.actions import CancelFetch, CheckSettings, Fetch
from model_sync.planning.history import Trials
from model_sync.planning.plan import ModelPlan
from model_sync.planning.snapshot import ModelView
from model_sync.planning.standing import Phase

_TICK = 0.1
"""Seconds between looks at the server while something is being activated or ended."""
_FRESH = 15.0
"""Seconds without a change after which an unfinished upload is no longer expected to end soon."""
_FETCHING = 0.5
"""Seconds between looks while something is fetched, or the volume has refused something."""
_SERVER_AWAY, _GROWTH = 1.0, 1.5
"""Seconds until the next look at a server that has gone away, and how each further pause grows."""
_IDLE = 5.0
"""Seconds between looks at the server while nothing changes, and the longest pause while it is away."""


@dataclass(frozen=True)
class Pace:
    """Tells from what is going on how soon to look again. Used by the loop's thread."""

    bucket: BucketWatch
    server: ServerWatch
    performer: Performer
    trials: Trials

    def is_busy(self, plans: Mapping[str, ModelPlan]) -> bool:
        """Whether something is under way that needs no new upload to go on."""
        return (
            not self.performer.jobs.idle
            or self.trials.any_running
            or self.server.in_motion(self.performer.state)
            or _more_to_do(plans)
            or _settles_in(plans) is not None
        )

    def is_at_rest(self, plans: Mapping[str, ModelPlan]) -> bool:
        """Whether nothing is to be done before something changes."""
        return not self.is_busy(plans) and not self.performer.jobs.has_fetch_errors

    def next_step_in(self, plans: Mapping[str, ModelPlan], *, refused: bool) -> float:
        """Seconds until the next step, if nothing wakes the loop before; `refused`: by the volume."""
        jobs = self.performer.jobs
        away = self.server.failures
        waits = [
            self.bucket.due_in,
            min(_SERVER_AWAY * _GROWTH ** min(away - 1, 16), _IDLE) if away else _IDLE,
        ]
        if self.server.in_motion(self.performer.state) or _more_to_do(plans):
            waits.append(_TICK)
        if not jobs.idle or refused or self.trials.any_running:
            waits.append(_FETCHING)
        retry = jobs.next_retry(self.bucket.clock.monotonic())
        if retry is not None:
            waits.append(retry)
        return max(0.0, min(waits))

    def expect_uploads(self, views: Mapping[str, ModelView], plans: Mapping[str, ModelPlan]) -> None:
        """List early where that finds an upload quiet, and have a child ready where one is arriving."""
        settles_in = _settles_in(plans)
        if settles_in is not None:  # the listing that finds it quiet should not wait for the next poll
            self.bucket.hurry(settles_in + _TICK)
        arriving = any(
            judgement.phase is Phase.WAITING and view.quiet_for.get(bucket_version, _FRESH) < _FRESH
            for name, view in views.items()
            for bucket_version, judgement in plans[name].judgements.items()
        )
        self.performer.jobs.expect_upload(expected=arriving)


def _more_to_do(plans: Mapping[str, ModelPlan]) -> bool:
    """Whether a plan has more to do than what runs in the background and wakes the loop by itself."""
    return any(
        not isinstance(action, Fetch | CancelFetch | CheckSettings)
        for plan in plans.values()
        for action in plan.actions
    )


def _settles_in(plans: Mapping[str, ModelPlan]) -> float | None:
    """Seconds until the first upload has been quiet long enough; None when none is waiting for that."""
    judgements = (judgement for plan in plans.values() for judgement in plan.judgements.values())
    return min((j.settles_in for j in judgements if j.settles_in is not None), default=None)
