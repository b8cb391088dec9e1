"""The sidecar's loop with a bucket in memory, a simulated server, and time and threads moved by hand."""

from dataclasses import dataclass, replace
from pathlib import Path

from edge_common.model_card import LatestVersions, VersionPolicy
from edge_common.served_state import VersionState
from fake_ovms import FakeOvms
from hand_clock import HandClock
from hand_executors import AtOnce, WhenTold
from memory_store import MemoryStore
from model_sync.cards.model_cards import ModelCards, ServingCards
from model_sync.gate.card_edits import CardEdits
from model_sync.gate.gate import Gate
from model_sync.gate.jobs import FetchJobs
from model_sync.loop.apply import Applier
from model_sync.loop.bucket_watch import BucketWatch
from model_sync.loop.drift import DriftWatch
from model_sync.loop.observe import Observer
from model_sync.loop.reconcile import Reconciler
from model_sync.loop.signature_watch import SignatureWatch
from model_sync.loop.swap_watch import SwapWatch
from model_sync.loop.under_way import SettingsChecks, UnderWay
from model_sync.metrics import Metrics
from model_sync.model_server.server_counts import Counted
from model_sync.model_server.server_watch import ServerWatch
from model_sync.planning.model_snapshot import Rules
from model_sync.planning.state import State
from model_sync.status.report import Posted, Reporter
from model_sync.status.status import Site
from model_sync.swap_watch.observations import ServerCounts
from model_sync.trust.verify import SignatureCheck
from model_sync.volume.digests import DigestChecks
from model_sync.volume.recorded_state import RecordedState
from model_sync.volume.recovery import recover_state
from model_sync.volume.volume import Volume

GRACE, HOLD, WINDOW = 20.0, 90.0, 60.0
RULES = Rules(quiet_time=5.0, activation_timeout=40.0, first_retry=30.0, longest_retry=240.0)


@dataclass
class HandCounts:
    """What the model server is said to have counted."""

    counted: dict[tuple[str, int], ServerCounts] | None = None

    def counts(self) -> Counted | None:
        """See `ServerMetrics.counts`."""
        return None if self.counted is None else dict(self.counted)


def start_by_hand(
    volume: Volume,
    store: MemoryStore,
    ovms: FakeOvms,
    clock: HandClock,
    *,
    jobs: WhenTold,
    metrics: Metrics,
    policy: VersionPolicy,
    signatures: SignatureCheck | None = None,
    counts: "HandCounts | None" = None,
) -> Reconciler:
    """Recover what is on `volume` and connect the loop; fetches wait in `jobs` until they are told to run."""
    asked = "off" if signatures is None else "require" if signatures.required else "verify"
    model_cards, rules = ModelCards(store), replace(RULES, policy=policy, signatures=asked)
    cards, records = ServingCards(volume, model_cards), RecordedState(volume, State())
    under_way = UnderWay(
        FetchJobs(Gate(store, AtOnce(), None, metrics, signatures=signatures), lambda: None, jobs),
        SettingsChecks(None, lambda: None, AtOnce()),
        CardEdits(cards, None, lambda: None, AtOnce()),
    )
    bucket = BucketWatch(store, ("",), model_cards, clock, metrics, 10.0, GRACE, HOLD)
    observer = Observer(
        bucket, ServerWatch(ovms.url, ovms.served), volume, records, under_way, cards, clock, rules
    )
    drift = DriftWatch(volume, records, cards, DigestChecks(volume, lambda: None, AtOnce()), metrics, clock)
    if signatures is not None:
        drift.signatures = SignatureWatch(signatures, volume, records).go_on
    swaps = SwapWatch(WINDOW, (counts or HandCounts()).counts, records, volume, clock, metrics)
    applier = Applier(volume, records, under_way, cards, metrics, clock, rules)
    made = Reconciler(observer, applier, drift, swap_watch=swaps)
    made.adopt(recover_state(volume))
    return made


class HandSidecar:
    """All of it on one volume; `pass_time` lets sidecar, fetches and model server go on."""

    def __init__(self, root: Path) -> None:
        """A started sidecar with an empty bucket, and a server that is up."""
        self.clock = HandClock()
        self.store = MemoryStore(now=self.clock.now)
        self.ovms = FakeOvms(root)
        self.volume = Volume(root)
        self.metrics = Metrics()
        self.signatures: SignatureCheck | None = None
        """Used from the next start on."""
        self.counts = HandCounts()
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
            signatures=self.signatures,
            counts=self.counts,
        )
        self.reconciler.applier.write_config()
        self.volume.claim()
        self.reporter = Reporter(Site("hand", "http://store", "models"), self.metrics)

    @property
    def posted(self) -> Posted:
        """What was reported last."""
        return self.reporter.posted

    @property
    def state(self) -> State:
        """What the sidecar has recorded, or is about to."""
        return self.reconciler.applier.state

    @property
    def swap_watch(self) -> SwapWatch:
        """What watches swaps."""
        assert self.reconciler.swap_watch is not None
        return self.reconciler.swap_watch

    def step(self, *, look: bool = False) -> None:
        """One step of the loop, and its report."""
        self.reconciler.step(look=look)
        self.report()

    def report(self, *, writes: bool = True) -> None:
        """Report what the last step found."""
        self.reporter.report(self.reconciler.snapshot, self.reconciler.plans, writes=writes)

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


def serving_cars(folder: Path) -> HandSidecar:
    """One that serves version 1 of `cars`."""
    made = HandSidecar(folder)
    made.store.put("cars/1/model.onnx", b"good 1")
    made.pass_time(20)
    return made
