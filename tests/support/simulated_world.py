"""Everything around the sidecar, simulated, and the real sidecar's loop in the middle.

Real: the loop, fetches, staging, recovery, and a volume on the disk. Simulated: the bucket, the model server,
time, threads, and the moments of death.
"""

import logging
import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from edge_common.errors import RetryableError
from edge_common.model_card import VersionPolicy
from fake_ovms import MODEL_FILE, FakeOvms
from hand_clock import HandClock
from hand_executors import WhenTold
from hand_sidecar import GRACE, start_by_hand
from memory_store import MemoryStore
from model_sync.loop.reconcile import Reconciler
from model_sync.loop.swap_watch import SwapWatch
from model_sync.metrics import Metrics
from model_sync.planning.actions import describe
from mortal_volume import KilledError, MortalVolume, disk_full
from simulated_promises import Promises

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
        self.volume = MortalVolume(root, self._moment, self.clock.now)
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
        self.harmed: set[tuple[str, int]] = set()
        """Versions that somebody has damaged on the volume."""
        self.config_is_ours = True
        """False from the moment that somebody else changes config.json until it is written again."""
        self.grace = GRACE
        self.steps = self.deaths = self.refusals = 0
        self.last_moments: deque[str] = deque(maxlen=_LAST_MOMENTS)
        self.promises = Promises(self)
        self.ovms.on_half_read = self.promises.half_read
        self.volume.prepare()
        self.reconciler = self._new_sidecar()

    @property
    def swap_watch(self) -> SwapWatch:
        """What watches swaps in the sidecar that runs now."""
        assert self.reconciler.swap_watch is not None
        return self.reconciler.swap_watch

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
                self.reconciler.applier.write_config()
                self.volume.claim()
            except KilledError:
                self.deaths += 1
                continue
            self.dies_in = None
            return

    def is_harmed(self, name: str, local_version: int) -> bool:
        """Whether somebody has damaged this version, and it is neither whole again nor gone for good."""
        key = name, local_version
        if key not in self.harmed:
            return False
        file = self.volume.version_folder(name, local_version) / MODEL_FILE
        content = file.read_bytes() if file.is_file() else None
        if content in self.uploaded and self.ovms.loaded.get(key, content) == content:
            self.harmed.discard(key)
        return key in self.harmed

    def note(self, what: str) -> None:
        """Remember `what` for the report of a failure."""
        self.last_moments.append(f"{self.clock.passed:.1f} s: {what}")

    def plans(self) -> list[str]:
        """What the sidecar is about to do, for the report of a failure."""
        plans = self.reconciler.plans.items()
        return [f"plan for {name}: {describe(action)}" for name, plan in plans for action in plan.actions]

    def _new_sidecar(self) -> Reconciler:
        return start_by_hand(
            self.volume,
            self.store,
            self.ovms,
            self.clock,
            jobs=self.jobs,
            metrics=self.metrics,
            policy=self.policy,
        )

    def _note_truth(self) -> None:
        if self.store_is_away:
            raise RetryableError("the store is away")
        keys = (key.split("/") for key in self.store.objects)
        self.present = {(parts[0], parts[1]) for parts in keys if len(parts) > 2}  # else it is a card
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


@contextmanager
def quick_and_quiet() -> Iterator[None]:
    """Nobody pulls the plug here, and ten thousand steps should neither wait for the disk nor be logged."""
    logging.disable()
    try:
        with patch("os.fsync", lambda _descriptor: None):
            yield
    finally:
        logging.disable(logging.NOTSET)
