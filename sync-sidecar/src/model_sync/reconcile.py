"""One step: look, plan for each model, act, report. Called again and again by the loop in `service`."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_common.errors import EdgeError, RetryableError
from edge_common.logs import get_logger
from edge_common.model_card import VersionPolicy
from edge_common.served_state import ServedModels, VersionState

from model_sync.actions import Action
from model_sync.catalog import Catalog, build_catalog
from model_sync.clock import Clock
from model_sync.fetch_jobs import FetchJobs
from model_sync.metrics import Metrics
from model_sync.model_cards import ModelCards
from model_sync.model_view import ModelView, Rules
from model_sync.object_store import ObjectStore
from model_sync.observations import LoadWatch, QuietUploads
from model_sync.ovms_client import ModelServer
from model_sync.ovms_config import serving_settings
from model_sync.perform import Performer
from model_sync.plan import ModelPlan, plan_model
from model_sync.removals import Absences

_log = get_logger()

_TICK = 0.1
"""Seconds between looks at the server while something is being activated or ended."""
_SERVER_AWAY = 1.0
"""The same while it does not answer."""
_SERVER_CHECK = 5.0
"""The same while nothing changes."""


@dataclass(frozen=True)
class Cycle:
    """How listing the bucket went; times in Unix seconds, None: never."""

    last_attempt: float | None = None
    last_success: float | None = None
    error: EdgeError | None = None
    failures: int = 0


@dataclass
class Reconciler:
    """Brings the volume and the server nearer to the bucket, a step at a time. Used by one thread."""

    store: ObjectStore
    prefix: str
    server: ModelServer
    performer: Performer
    jobs: FetchJobs
    cards: ModelCards
    clock: Clock
    metrics: Metrics
    rules: Rules
    default_policy: VersionPolicy
    poll_interval: float
    delete_grace: float
    hold: float
    catalog: Catalog | None = None
    served: ServedModels | None = None
    server_error: RetryableError | None = None
    cycle: Cycle = field(default_factory=Cycle)
    views: dict[str, ModelView] = field(default_factory=dict)
    plans: dict[str, ModelPlan] = field(default_factory=dict)
    obstacles: dict[str, str] = field(default_factory=dict)
    """Model -> why the volume did not take its last change."""
    _absences: Absences = field(default_factory=Absences)
    _quiet: QuietUploads = field(default_factory=QuietUploads)
    _loads: LoadWatch = field(default_factory=LoadWatch)
    _next_listing: float = 0.0

    def step(self, *, look: bool = False) -> None:
        """List the bucket if it is time (or `look`), then plan and act on what is known.

        What goes wrong for one model, or with the store or the server, is kept for the status; it stops
        nothing else. Raises FatalError when the volume cannot be written at all.
        """
        now = self.clock.monotonic()
        if look or now >= self._next_listing:
            self._list()
        for key, outcome in self.jobs.collect(self.clock.monotonic()):
            self.performer.take_outcome(key, outcome)
        self._ask_server()
        self._plan_and_act()
        if self.performer.write_config():
            self.metrics.config_writes.inc()

    def plan_all(self) -> None:
        """Make the plan of every model without acting on any; fills `views` and `plans`."""
        names = set(self.performer.state.models) | set(self.catalog.models if self.catalog else ())
        self.views = {name: self._view(name) for name in sorted(names)}
        self.plans = {name: plan_model(view) for name, view in self.views.items()}

    def look(self) -> None:
        """List the bucket, ask the server and plan; act on nothing."""
        self._list(read_only=True)
        self._ask_server()
        self.plan_all()

    @property
    def settling(self) -> bool:
        """Whether an upload only needs to stay quiet for a while."""
        return any(
            judgement.settles_in is not None
            for plan in self.plans.values()
            for judgement in plan.judgements.values()
        )

    @property
    def doubt(self) -> str | None:
        """Why removals are not believed at the moment."""
        return self._absences.doubt(self.clock.monotonic(), self.hold)

    @property
    def busy(self) -> bool:
        """Whether something is under way that needs no new listing to go on."""
        return not self.jobs.idle or self._activating() or any(plan.actions for plan in self.plans.values())

    def next_step_in(self) -> float:
        """Seconds until the next step is worth while, if nothing wakes the loop before."""
        now = self.clock.monotonic()
        waits = [self._next_listing - now, _SERVER_CHECK if self.server_error is None else _SERVER_AWAY]
        if self._activating() or any(plan.actions for plan in self.plans.values()):
            waits.append(_TICK)
        if not self.jobs.idle:
            waits.append(_TICK * 5)
        if self.jobs.next_retry is not None:
            waits.append(max(_TICK, self.jobs.next_retry - now))
        return max(0.0, min(waits))

    def _list(self, *, read_only: bool = False) -> None:
        started = self.clock.monotonic()
        attempt = self.clock.now()
        try:
            with self.metrics.listing_seconds.time():
                catalog = build_catalog(self.store.list_objects(), self.prefix)
        except EdgeError as error:
            self.cycle = Cycle(attempt, self.cycle.last_success, error, self.cycle.failures + 1)
            self._next_listing = self.clock.monotonic() + self.poll_interval
            self.metrics.listings.labels(result="error").inc()
            level = _log.warning if self.cycle.failures & (self.cycle.failures - 1) == 0 else _log.debug
            level("listing_failed", reason=str(error), count=self.cycle.failures)
            return
        if self.cycle.failures:
            _log.info("store_back", failures=self.cycle.failures)
        changed = self.catalog is None or catalog != self.catalog
        self.metrics.listings.labels(result="success" if changed else "noop").inc()
        self.catalog = catalog
        self.cycle = Cycle(attempt, attempt)
        now = self.clock.monotonic()
        self._quiet.after_listing(catalog, now)
        self._absences = self._absences.after_listing(catalog, self._kept(), now)
        self.cards.after_listing(catalog)
        if not read_only:
            self.performer.refresh_cards()
        self._next_listing = started + self.poll_interval

    def _kept(self) -> Iterable[tuple[str, str]]:
        for name, model in self.performer.state.models.items():
            for version in model.stored.values():
                yield name, version.source

    def _ask_server(self) -> None:
        try:
            self.served = self.server.served()
            if self.server_error is not None:
                _log.info("server_back")
            self.server_error = None
        except RetryableError as error:
            if self.server_error is None:
                _log.warning("server_away", reason=str(error))
            self.served, self.server_error = None, error
        self._loads.observe(self.performer.state, self.served, self.clock.monotonic())

    def _plan_and_act(self) -> None:
        self.plan_all()
        for name, plan in self.plans.items():
            for action in plan.actions:
                try:
                    self.performer.perform(name, self.views[name].remote, action)
                except OSError as error:
                    self._volume_refused(name, action, error)
                    break
            else:
                self.obstacles.pop(name, None)
        for plan in self.plans.values():
            waits = [j.settles_in for j in plan.judgements.values() if j.settles_in is not None]
            if waits:  # the listing that finds the upload quiet should not wait for the next poll
                self._next_listing = min(self._next_listing, self.clock.monotonic() + min(waits) + _TICK)

    def _volume_refused(self, name: str, action: Action, error: OSError) -> None:
        reason = (
            f"cannot write to the volume: {error.strerror or error}; make room or mend it, then it goes on"
        )
        if self.obstacles.get(name) != reason:
            _log.error("action_failed", model=name, action=type(action).__name__, reason=reason)
        self.obstacles[name] = reason

    def _view(self, name: str) -> ModelView:
        now = self.clock.monotonic()
        remote = self.catalog.models.get(name) if self.catalog is not None else None
        state = self.performer.state.model(name)
        shared = self.cards.of(name)
        staged = {s: v for (model, s), v in self.performer.staged.items() if model == name}
        serving = self.performer.serving_of(name)
        gone = self._absences.gone(now, grace=self.delete_grace, hold=self.hold)
        return ModelView(
            name=name,
            state=state,
            now=self.clock.now(),
            listed=self.catalog is not None,
            remote=remote,
            served=None if self.served is None else self.served.get(name, {}),
            policy=serving.versions or self.default_policy,
            settings=serving_settings(serving),
            card_problem=shared.problem if shared is not None else None,
            quiet_for=self._quiet.quiet_for(name, now),
            gone=frozenset(source for model, source in gone if model == name),
            doubt=self.doubt,
            fetching=self.jobs.running(name),
            staged={source: version.upload.upload_mark for source, version in staged.items()},
            troubles=self.jobs.troubles(name, now),
            loading_for=self._loads.loading_for(name),
            server_losses=self._loads.losses(name),
            rules=self.rules,
        )

    def _activating(self) -> bool:
        served = self.served
        if served is None:
            return False
        for name, model in self.performer.state.models.items():
            states = served.get(name, {})
            if any(states.get(number) is not VersionState.AVAILABLE for number in model.configured):
                return True
            held = {n for n, s in states.items() if s is not VersionState.END}
            if held - set(model.configured):
                return True
        return False
