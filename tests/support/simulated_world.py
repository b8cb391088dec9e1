"""Everything around the sidecar, simulated, and the real sidecar's loop in the middle.

Real: Reconciler, Performer, FetchJobs, Fetcher, Staging, recovery, and a volume on the disk. Simulated: the
bucket, the model server, time, threads, and the moments of death.
"""

import random
from collections import deque
from pathlib import Path

from edge_common.errors import RetryableError
from edge_common.model_card import VersionPolicy
from fake_ovms import FakeOvms
from hand_clock import HandClock
from hand_executors import AtOnce, WhenTold
from memory_store import MemoryStore
from model_sync.actions import describe
from model_sync.bucket_watch import BucketWatch
from model_sync.fetch import Fetcher
from model_sync.fetch_jobs import FetchJobs
from model_sync.metrics import Metrics
from model_sync.model_cards import ModelCards
from model_sync.model_view import Rules
from model_sync.perform import Performer
from model_sync.reconcile import Reconciler
from model_sync.recovery import recover_state
from model_sync.server_watch import ServerWatch
from model_sync.serving_cards import ServingCards
from model_sync.settings_checks import SettingsChecks
from model_sync.volume_space import VolumeSpace
from mortal_volume import KilledError, MortalVolume, disk_full
from simulated_promises import Promises

GRACE, HOLD = 20.0, 90.0
RULES = Rules(settle=5.0, activation_timeout=40.0, first_retry=30.0, longest_retry=240.0)
_LAST_MOMENTS = 40
_DIES_IN_START = 0.2


class World:
    """The sidecar and its surroundings; AssertionError is raised as soon as a promise is broken."""

    def __init__(self, root: Path, seed: int, policy: VersionPolicy) -> None:
        self.random = random.Random(seed)
        self.clock = HandClock()
        self.store = MemoryStore(now=self.clock.now, on_list=self._note_truth)
        self.ovms = FakeOvms(root)
        self.policy = policy
        self.volume = MortalVolume(root, self._moment)
        self.metrics = Metrics()
        self.jobs = WhenTold()
        self.dies_in: int | None = None
        self.refuses_in: int | None = None
        self.store_is_away = False
        self.present: set[tuple[str, str]] = set()
        """Model and source that the bucket really had when it was last listed."""
        self.seen_last: dict[tuple[str, str], float] = {}
        self.uploaded: set[bytes] = set()
        """The content of every model file that was ever in the bucket."""
        self.grace = GRACE
        self.steps = self.deaths = self.refusals = 0
        self.last_moments: deque[str] = deque(maxlen=_LAST_MOMENTS)
        self.promises = Promises(self)
        self.ovms.on_half_read = self.promises.half_read
        self.volume.prepare()
        self.reconciler = self._new_sidecar()

    def step(self, *, look: bool) -> None:
        """One step of the loop; a death in it is followed by a new start."""
        self.steps += 1
        self.note(f"step {'with a listing' if look else ''}")
        try:
            self.reconciler.step(look=look)
        except KilledError:
            self.deaths += 1
            self.restart_sidecar()
        except OSError:
            return  # as `service` does: told, and tried again
        self.promises.after_step()

    def poll(self) -> None:
        """One poll of the server; nothing that is listed may disappear by it."""
        before = self.promises.answering()
        starts = self.ovms.starts if self.ovms.up else -1
        self.ovms.poll()
        if self.ovms.up and self.ovms.starts == starts:
            self.promises.after_poll(before)

    def restart_sidecar(self) -> None:
        """End the process without a goodbye and start another, which may die in its recovery, too."""
        while True:
            try:
                self.refuses_in = None
                self.dies_in = self.random.randrange(1, 8) if self.random.random() < _DIES_IN_START else None
                self.jobs = WhenTold()
                self.reconciler = self._new_sidecar()
                self.reconciler.performer.write_config()
            except KilledError:
                self.deaths += 1
                continue
            self.dies_in = None
            return

    def note(self, what: str) -> None:
        """Remember `what` for the report of a failure."""
        self.last_moments.append(f"{self.clock.passed:.1f} s: {what}")

    def plans(self) -> list[str]:
        """What the sidecar is about to do, for the report of a failure."""
        plans = self.reconciler.plans.items()
        return [f"plan for {name}: {describe(action)}" for name, plan in plans for action in plan.actions]

    def _new_sidecar(self) -> Reconciler:
        cards = ModelCards(self.store)
        fetch_jobs = FetchJobs(Fetcher(self.store, AtOnce(), None), lambda: None, self.jobs)
        performer = Performer(
            self.volume,
            recover_state(self.volume),
            fetch_jobs,
            SettingsChecks(None, lambda: None, AtOnce()),
            ServingCards(self.volume, cards),
            self.clock,
            RULES.first_retry,
            RULES.longest_retry,
        )
        bucket = BucketWatch(self.store, ("",), cards, self.clock, self.metrics, 10.0, GRACE, HOLD)
        # FakeOvms answers what ModelServer does; only `served` and `url` are used
        server = ServerWatch(self.ovms, self.clock)  # type: ignore[arg-type]
        space = VolumeSpace(performer.volume, max_bytes=0, min_free=0)
        return Reconciler(bucket, server, performer, space, self.metrics, RULES, self.policy)

    def _note_truth(self) -> None:
        if self.store_is_away:
            raise RetryableError("the store is away")
        self.present = {(parts[0], parts[1]) for parts in (key.split("/") for key in self.store.objects)}
        self.seen_last |= dict.fromkeys(self.present, self.clock.monotonic())

    def _moment(self, what: str) -> None:
        self.note(what)
        self.promises.after_change(what)
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in <= 0:
                self.dies_in = None
                raise KilledError(what)
        if self.refuses_in is not None:
            self.refuses_in -= 1
            if self.refuses_in <= 0:
                self.refuses_in = None
                self.refusals += 1
                raise disk_full()
