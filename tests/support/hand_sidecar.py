"""The sidecar's loop with a bucket in memory, a simulated server, and time and threads moved by hand."""

from pathlib import Path

from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState
from fake_ovms import FakeOvms
from hand_clock import HandClock
from hand_executors import AtOnce, WhenTold
from memory_store import MemoryStore
from model_sync.cards.cards import ModelCards
from model_sync.cards.serving_cards import ServingCards
from model_sync.gate.gate import Gate
from model_sync.gate.jobs import FetchJobs
from model_sync.loop.apply import Performer
from model_sync.loop.bucket_watch import BucketWatch
from model_sync.loop.reconcile import Reconciler
from model_sync.loop.volume_space import VolumeSpace
from model_sync.metrics import Metrics
from model_sync.model_server.server_watch import ServerWatch
from model_sync.planning.snapshot import Rules
from model_sync.preflight.settings_checks import SettingsChecks
from model_sync.status.board import Board
from model_sync.volume.recovery import recover_state
from model_sync.volume.volume import Volume

GRACE, HOLD = 20.0, 90.0
RULES = Rules(settle=5.0, activation_timeout=40.0, first_retry=30.0, longest_retry=240.0)


def start_by_hand(
    volume: Volume,
    store: MemoryStore,
    ovms: FakeOvms,
    clock: HandClock,
    *,
    jobs: WhenTold,
    metrics: Metrics,
    policy: VersionPolicy,
) -> Reconciler:
    """Recover what is on `volume` and connect the loop; fetches wait in `jobs` until they are told to run."""
    cards = ModelCards(store)
    fetch_jobs = FetchJobs(Gate(store, AtOnce(), None), lambda: None, jobs)
    performer = Performer(
        volume,
        recover_state(volume),
        fetch_jobs,
        SettingsChecks(None, lambda: None, AtOnce()),
        ServingCards(volume, cards),
        clock,
        RULES.first_retry,
        RULES.longest_retry,
    )
    bucket = BucketWatch(store, ("",), cards, clock, metrics, 10.0, GRACE, HOLD)
    # FakeOvms answers what ModelServer does; only `served` and `url` are used
    server = ServerWatch(ovms, clock)  # type: ignore[arg-type]
    space = VolumeSpace(volume, max_bytes=0, min_free=0)
    return Reconciler(bucket, server, performer, space, metrics, RULES, policy)


class HandSidecar:
    """All of it on one volume; `pass_time` lets sidecar, fetches and model server go on."""

    def __init__(self, root: Path) -> None:
        """A started sidecar with an empty bucket, and a server that is up."""
        self.clock = HandClock()
        self.store = MemoryStore(now=self.clock.now)
        self.ovms = FakeOvms(root)
        self.volume = Volume(root)
        self.metrics = Metrics()
        self.volume.prepare()
        self.start()

    def start(self) -> None:
        """Start anew, as after a kill: only what is on the volume is known."""
        self.jobs = WhenTold()
        self.reconciler = start_by_hand(
            self.volume,
            self.store,
            self.ovms,
            self.clock,
            jobs=self.jobs,
            metrics=self.metrics,
            policy=LatestVersions(),
        )
        self.reconciler.performer.write_config()
        self.volume.claim()
        self.board = Board("hand", "http://store", "models", self.metrics, self.clock)

    def step(self, *, look: bool = False) -> None:
        """One step of the loop, told on the board."""
        self.reconciler.step(look=look)
        self.board.post(self.reconciler)

    def pass_time(self, seconds: float) -> None:
        """Go on for so long, with a look at bucket, server and config.json every second."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.step(look=True)
            while self.jobs.run_next():
                pass
            self.step()
            self.ovms.poll()
            self.clock.advance(1.0)

    def answering(self, model: str) -> set[bytes]:
        """The contents of which the server has a version of `model` AVAILABLE."""
        states = self.ovms.states.get(model, {})
        return {self.ovms.loaded[model, n] for n, state in states.items() if state is VersionState.AVAILABLE}
