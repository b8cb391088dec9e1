"""Everything around the sidecar, simulated, and the real sidecar's loop in the middle.

Real: Reconciler, Performer, FetchJobs, Fetcher, Staging, recovery, and a volume on the disk. Simulated: the
bucket, the model server, time, threads, and the moments of death.
"""

import hashlib
import random
from pathlib import Path

from edge_common.errors import RetryableError
from edge_common.model_card import VersionPolicy
from edge_common.served_state import VersionState
from fake_ovms import MODEL_FILE, FakeOvms
from hand_clock import HandClock
from hand_executors import AtOnce, WhenTold
from memory_store import MemoryStore
from model_sync.bucket_watch import BucketWatch
from model_sync.fetch import Fetcher
from model_sync.fetch_jobs import FetchJobs
from model_sync.judge import Phase
from model_sync.metrics import Metrics
from model_sync.model_cards import ModelCards
from model_sync.model_view import Rules
from model_sync.ovms_config import configured_versions
from model_sync.perform import Performer
from model_sync.reconcile import Reconciler
from model_sync.recovery import recover_state
from model_sync.server_watch import ServerWatch
from model_sync.serving_cards import ServingCards
from model_sync.settings_checks import SettingsChecks
from model_sync.status import report_model
from model_sync.volume_space import VolumeSpace
from mortal_volume import KilledError, MortalVolume, disk_full

GRACE, HOLD = 20.0, 90.0
RULES = Rules(settle=5.0, activation_timeout=40.0, first_retry=30.0, longest_retry=240.0)
_NEEDS_REASON = frozenset({Phase.WAITING, Phase.REJECTED, Phase.HELD})


class World:
    """The sidecar and its surroundings; every check raises AssertionError with what was broken."""

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
        self.deaths = 0
        self._config = configured_versions(b"")
        self.volume.prepare()
        self.reconciler = self._new_sidecar()

    def step(self, *, look: bool) -> None:
        """One step of the loop; a death in it is followed by a new start."""
        try:
            self.reconciler.step(look=look)
        except KilledError:
            self.deaths += 1
            self.restart_sidecar()
        except OSError:
            return  # as `service` does: told, and tried again
        self._check_reasons()
        self._check_served_content()

    def poll(self) -> None:
        """One poll of the server; nothing that is listed may disappear by it."""
        before = self._answering()
        starts = self.ovms.starts if self.ovms.up else -1
        self.ovms.poll()
        if self.ovms.up and self.ovms.starts == starts:
            for name, numbers in before.items():
                lost = numbers & set(self._config.get(name, ())) - self._answering().get(name, set())
                assert not lost, f"the server retired {name} {lost}, which config.json lists"

    def restart_sidecar(self) -> None:
        """End the process without a goodbye and start another."""
        while True:
            try:
                self.dies_in = self.refuses_in = None
                self.jobs = WhenTold()
                self.reconciler = self._new_sidecar()
                self.reconciler.performer.write_config()
            except KilledError:
                continue
            return

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
        bucket = BucketWatch(self.store, "", cards, self.clock, self.metrics, 10.0, GRACE, HOLD)
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
        self._check_volume(what)
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in <= 0:
                self.dies_in = None
                raise KilledError(what)
        if self.refuses_in is not None:
            self.refuses_in -= 1
            if self.refuses_in <= 0:
                self.refuses_in = None
                raise disk_full()

    def _check_volume(self, what: str) -> None:
        """Whatever config.json lists is there and whole; nothing that answers is unlisted too early."""
        listed = configured_versions(self.volume.load_config() or b"")
        for name, numbers in listed.items():
            for number in numbers:
                folder = self.volume.version_folder(name, number)
                assert (folder / MODEL_FILE).is_file(), f"{what}: {name}/{number} is listed and not there"
        for name, before in self._config.items():
            answering = set(before) & self._answering().get(name, set())
            if answering and not answering & set(listed.get(name, ())):
                self._check_removal(name, answering, what)
        self._config = listed

    def _check_removal(self, name: str, numbers: set[int], what: str) -> None:
        assert not any(model == name for model, _ in self.present), f"{what}: {name} unlisted in the bucket"
        for number in numbers:
            source = self.reconciler.performer.state.model(name).stored[number].source
            absent = self.clock.monotonic() - self.seen_last[name, source]
            assert absent >= GRACE, f"{what}: {name} {source} unlisted {absent} s after its removal"

    def _answering(self) -> dict[str, set[int]]:
        return {
            name: {number for number, state in versions.items() if state is VersionState.AVAILABLE}
            for name, versions in self.ovms.states.items()
        }

    def _check_served_content(self) -> None:
        state = self.reconciler.performer.state
        for name, numbers in self._answering().items():
            for number in numbers & set(state.model(name).configured):
                digest = hashlib.sha256(self.ovms.loaded[name, number]).hexdigest()
                recorded = {file.path: file.sha256 for file in state.model(name).stored[number].files}
                assert recorded[MODEL_FILE] == digest, f"{name}/{number} answers with other content"

    def _check_reasons(self) -> None:
        for name, view in self.reconciler.views.items():
            for row in report_model(view, self.reconciler.plans[name]):
                told = row.reason or row.phase not in _NEEDS_REASON
                assert told, f"{name} {row.source} is {row.phase} without a reason"
