"""One step of the loop: observe, plan, apply. Called again and again by `service`, which reports."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from model_sync.loop import schedule
from model_sync.loop.apply import Applier
from model_sync.loop.drift import DriftWatch
from model_sync.loop.observe import Observer
from model_sync.loop.swap_watch import SwapWatch
from model_sync.loop.wakeup import Release, Requests, Retry
from model_sync.planning.plan import ModelPlan, plan
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.state import State
from model_sync.swap_watch.judgement import WatchProgress

_ROUNDS = 3
"""Plans in one step: what one publishes, the next one can list."""


@dataclass
class Reconciler:
    """Brings the volume and the server nearer to the bucket, a step at a time. Used by one thread."""

    observer: Observer
    applier: Applier
    drift: DriftWatch
    requests: Requests = field(default_factory=Requests)
    swap_watch: SwapWatch | None = None
    """None: what answers is not watched."""
    snapshot: Snapshot = field(default_factory=lambda: Snapshot(0.0, 0.0))
    """What the last step saw and left behind."""
    plans: dict[str, ModelPlan] = field(default_factory=dict)
    """The last plan of every model."""
    _list_early_at: float = math.inf
    """Monotonic time at which a listing may find an upload quiet."""
    _at_rest: Snapshot | None = None
    """The snapshot of which the plans had nothing to do; None while there is something."""

    def step(self, *, look: bool = False) -> bool:
        """Begin to list if it is time (or `look`), then plan and act on what is known; False: all is still.

        First, what others changed on the volume is put right.

        What goes wrong for one model, or with the store or the server, is kept for the status; it stops
        nothing else. Raises OSError when the state or config.json cannot be written.
        """
        if self.drift.put_right(self.snapshot):
            self._at_rest = None
        look = look or self.observer.clock.monotonic() >= self._list_at
        if look:
            self._list_early_at = math.inf
        self.applier.take_in_ended_work()
        if self._carry_out_requests():
            self._at_rest = None
        watches = self._watch_swaps()
        seen = self.observer.look(self.snapshot, list_bucket=look)
        seen = replace(seen, mended=tuple(self.drift.mended), watches=watches)
        listed = seen.bucket.listings != self.snapshot.bucket.listings
        if not listed and self._at_rest is not None and schedule.unchanged(self._at_rest, seen):
            self.snapshot = seen
            return False
        self._at_rest = None
        if listed and seen.bucket.error is None:
            self.applier.follow_listing(seen)
        self.applier.write_config()  # first: the next plan may take a folder away that the file still lists
        self.snapshot = self.observer.complete(seen)
        self.plans = plan(self.snapshot)
        self._act()
        self.applier.under_way.jobs.expect_upload(expected=schedule.is_upload_arriving(self.plans))
        self._list_early_at = schedule.next_listing_at(self.snapshot, self.plans)
        if schedule.is_at_rest(self.snapshot, self.plans):
            self._at_rest = self.snapshot
        return True

    def look(self) -> None:
        """List the bucket, ask the server and plan; act on nothing."""
        self.snapshot = self.observer.complete(self.observer.look(list_bucket=True))
        self.plans = plan(self.snapshot)

    def follow(self, state: State) -> None:
        """Take in what another pod made of the volume, and ask this pod's server; act on nothing."""
        self.adopt(state)
        self.snapshot = self.observer.complete(self.observer.look(self.snapshot))
        self.plans = plan(self.snapshot)

    def adopt(self, state: State) -> None:
        """Go on from `state`, which somebody else recorded, and the cards kept with it."""
        self.applier.records.adopt(state)
        pins = {name: model.pin for name, model in state.models.items()}
        self.observer.bucket.know_pins({name: pin for name, pin in pins.items() if pin is not None})
        self.applier.cards.forget_all()
        if self.swap_watch is not None:
            self.swap_watch.forget()

    def note_volume_error(self, reason: str) -> None:
        """Keep why the volume could not be written in the last step."""
        self.snapshot = self.observer.with_volume_error(self.snapshot, reason)

    @property
    def busy(self) -> bool:
        """Whether something is under way that needs no new upload to go on."""
        return schedule.is_busy(self.snapshot, self.plans)

    def next_step_in(self) -> float:
        """Seconds until the next step is worth while, if nothing wakes the loop before."""
        look_at = schedule.next_look_at(self.snapshot, self.plans, self._list_at)
        if self.swap_watch is not None:
            look_at = min(look_at, self.swap_watch.next_look_at)
        return max(0.0, look_at - self.observer.clock.monotonic())

    @property
    def _list_at(self) -> float:
        return min(self._list_early_at, self.observer.bucket.list_again_at)

    def _carry_out_requests(self) -> bool:
        asked = [self.requests.get_nowait() for _ in range(self.requests.qsize())]
        for request in asked:
            if isinstance(request, Release):
                self.observer.bucket.release(request.model)
            else:
                self._retry(request)
        return bool(asked)

    def _retry(self, request: Retry) -> None:
        applier = self.applier
        model = applier.state.model(request.model)
        rejection = model.rejections.get(request.bucket_version)
        if rejection is not None:
            due = replace(rejection, retry_at=applier.clock.now())
            applier.records.change(request.model, model.with_rejection(request.bucket_version, due))
        applier.under_way.jobs.fetch_errors.pop((request.model, request.bucket_version), None)

    def _watch_swaps(self) -> Mapping[str, WatchProgress]:
        if self.swap_watch is None:
            return {}
        if self.swap_watch.step(self.snapshot):
            self._at_rest = None
        return dict(self.swap_watch.told)

    def _act(self) -> None:
        """Carry out the plans, and at once what the new plans of the models that changed see further."""
        plans = self.plans
        for _ in range(_ROUNDS):
            changed = self.applier.apply(self.snapshot, plans)
            self.snapshot = self.observer.again(self.snapshot, changed)
            if not changed:
                return
            plans = plan(self.snapshot, changed)
            self.plans = {**self.plans, **plans}
