"""The bucket over time: the last complete listing, how listing went, what is quiet, what is missing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edge_common.errors import EdgeError
from edge_common.logs import get_logger

from model_sync.bucket.catalog import Catalog, ListedModel, build_catalog, combined
from model_sync.cards.cards import ModelCards
from model_sync.clock import Clock
from model_sync.metrics import Metrics
from model_sync.planning.history import QuietUploads
from model_sync.planning.removals import Absences
from model_sync.store.object_store import ObjectStore

_log = get_logger()

_FIRST_RETRY = 1.0
"""Seconds after the first failed listing; doubled each time, up to the poll interval."""


@dataclass(frozen=True)
class Cycle:
    """How listing the bucket went; times in Unix seconds, None: never."""

    last_attempt: float | None = None
    last_success: float | None = None
    error: EdgeError | None = None
    failures: int = 0


@dataclass
class BucketWatch:
    """Lists the bucket when asked and remembers what that told. Used by one thread."""

    store: ObjectStore
    prefixes: Sequence[str]
    cards: ModelCards
    clock: Clock
    metrics: Metrics
    poll_interval: float
    delete_grace: float
    hold: float
    catalog: Catalog | None = None
    """None: not listed yet since the start."""
    cycle: Cycle = field(default_factory=Cycle)
    _absences: Absences = field(default_factory=Absences)
    _quiet: QuietUploads = field(default_factory=QuietUploads)
    _next: float = 0.0

    @property
    def due_in(self) -> float:
        """Seconds until the next listing; negative when it is overdue."""
        return self._next - self.clock.monotonic()

    def hurry(self, seconds: float) -> None:
        """List again in `seconds` at the latest."""
        self._next = min(self._next, self.clock.monotonic() + seconds)

    def list_bucket(self, kept: Iterable[tuple[str, str]]) -> bool:
        """List everything; True when that succeeded. `kept`: model and source of what is on the volume.

        A listing that fails anywhere tells nothing: the last complete one stays.
        """
        attempt, started = self.clock.now(), self.clock.monotonic()
        self._next = started + self.poll_interval
        try:
            with self.metrics.listing_seconds.time():
                catalog = combined(
                    {
                        prefix: build_catalog(self.store.list_objects(prefix), prefix, self.catalog)
                        for prefix in self.prefixes
                    }
                )
        except EdgeError as error:
            self.cycle = Cycle(attempt, self.cycle.last_success, error, self.cycle.failures + 1)
            self._absences = self._absences.after_failure(self.clock.monotonic(), self.hold)
            self.hurry(min(_FIRST_RETRY * 2 ** min(self.cycle.failures - 1, 16), self.poll_interval))
            self.metrics.listings.labels(result="error").inc()
            told = self.cycle.failures & (self.cycle.failures - 1) == 0  # the 1st, 2nd, 4th, 8th ... time
            (_log.warning if told else _log.debug)(
                "listing_failed", reason=str(error), count=self.cycle.failures
            )
            return False
        if self.cycle.failures:
            _log.info("store_back", failures=self.cycle.failures)
        self.metrics.listings.labels(result="noop" if catalog == self.catalog else "success").inc()
        self.catalog, self.cycle = catalog, Cycle(attempt, attempt)
        now = self.clock.monotonic()
        self._quiet.after_listing(catalog, now)
        self._absences = self._absences.after_listing(catalog, kept, now)
        self.cards.after_listing(catalog)
        return True

    def model(self, name: str) -> ListedModel | None:
        """The model as listed last; None when it is not in the bucket, or nothing was listed yet."""
        return None if self.catalog is None else self.catalog.models.get(name)

    def quiet_for(self, model: str) -> Mapping[str, float]:
        """Source -> seconds for which its listing has not changed."""
        return self._quiet.quiet_for(model, self.clock.monotonic())

    def gone(self, model: str) -> frozenset[str]:
        """Sources of the model whose removal holds."""
        gone = self._absences.gone(self.clock.monotonic(), grace=self.delete_grace, hold=self.hold)
        return frozenset(bucket_version for name, bucket_version in gone if name == model)

    @property
    def doubt(self) -> str | None:
        """Why removals are not believed at the moment; None when they are."""
        return self._absences.doubt(self.clock.monotonic(), self.hold)
