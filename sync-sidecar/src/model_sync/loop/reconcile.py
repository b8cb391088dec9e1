"""One step: look, plan for each model, act. Called again and again by the loop in `service`."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from edge_common.logs import get_logger
from edge_common.model_card import VersionPolicy

from model_sync.loop.apply import Performer
from model_sync.loop.bucket_watch import BucketWatch
from model_sync.loop.schedule import Pace
from model_sync.loop.stillness import Stillness
from model_sync.loop.volume_space import SpaceNow, VolumeSpace
from model_sync.metrics import Metrics
from model_sync.model_server.config import serving_settings
from model_sync.model_server.server_watch import ServerWatch
from model_sync.planning.actions import (
    Delete,
    DropStaging,
    Fetch,
    Publish,
    Renumber,
    Withdraw,
)
from model_sync.planning.history import Trials
from model_sync.planning.plan import ModelPlan, plan_model
from model_sync.planning.snapshot import ModelView, Rules
from model_sync.planning.state import State
from model_sync.volume.recorded_state import Refusal

_log = get_logger()

_ROUNDS = 3
"""Plans in one step: what one publishes, the next one can list."""


@dataclass
class Reconciler:
    """Brings the volume and the server nearer to the bucket, a step at a time. Used by one thread."""

    bucket: BucketWatch
    server: ServerWatch
    performer: Performer
    space: VolumeSpace
    metrics: Metrics
    rules: Rules
    default_policy: VersionPolicy
    views: dict[str, ModelView] = field(default_factory=dict)
    plans: dict[str, ModelPlan] = field(default_factory=dict)
    obstacles: dict[str, str] = field(default_factory=dict)
    """Model -> why the volume did not take its last change."""
    _trials: Trials = field(default_factory=Trials)
    _space_now: SpaceNow | None = None
    _still: Stillness = field(default_factory=Stillness)
    _pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is planned yet."""
        self._pace = Pace(self.bucket, self.server, self.performer, self._trials)

    def step(self, *, look: bool = False) -> bool:
        """List the bucket if it is time (or `look`), then plan and act on what is known; False: all is still.

        What goes wrong for one model, or with the store or the server, is kept for the status; it stops
        nothing else. Raises OSError when the state or config.json cannot be written.
        """
        clock = self.bucket.clock
        look = look or self.bucket.due_in <= 0
        if look and self.bucket.list_bucket(self._kept()):
            self.performer.cards.refresh(self.performer.state)
            self._drop_orphans()
        outcomes = self.performer.jobs.collect(clock.monotonic())
        for key, outcome in outcomes:
            self.performer.take_outcome(key, outcome)
        checks = self.performer.checks.collect()
        for name, checked in checks.items():
            self.performer.take_checked_settings(name, checked)
        self.server.ask(self.performer.state)
        happened = look or outcomes or checks
        if not happened and self._still.holds(*self._seen(), now=clock.monotonic()):
            return False
        self._still.end()
        self._write_config()  # first: the next plan may take a folder away that the file still lists
        self.plan_all()
        concerned: Collection[str] = self.plans.keys()
        for _ in range(_ROUNDS):
            concerned = self._act(concerned)
            self._write_config()
            self._plan(concerned)
        self._pace.expect_uploads(self.views, self.plans)
        if self._pace.is_at_rest(self.plans) and not self.obstacles:
            self._still.begin(*self._seen(), now=clock.monotonic())
        return True

    def look(self) -> None:
        """List the bucket, ask the server and plan; act on nothing."""
        self.bucket.list_bucket(self._kept())
        self.server.ask(self.performer.state)
        self.plan_all()

    def follow(self, state: State) -> None:
        """Take in what another pod made of the volume, and ask this pod's server; act on nothing."""
        self.performer.records.adopt(state)
        self.performer.cards.forget_all()
        self.server.ask(state)
        self.plan_all()

    def plan_all(self) -> None:
        """Make the plan of every model without acting on any; fills `views` and `plans`."""
        catalog = self.bucket.catalog
        names = set(self.performer.state.models) | set(catalog.models if catalog else ())
        self._trials.observe(self.performer.state, self.bucket.clock.monotonic())
        self._space_now = self.space.measure(self.performer.state, self.performer.jobs, self.server)
        self.views, self.plans = {}, {}
        self.obstacles = {name: reason for name, reason in self.obstacles.items() if name in names}
        self._plan(sorted(names))

    @property
    def busy(self) -> bool:
        """Whether something is under way that needs no new upload to go on."""
        return self._pace.is_busy(self.plans)

    def next_step_in(self) -> float:
        """Seconds until the next step is worth while, if nothing wakes the loop before."""
        return self._pace.next_step_in(self.plans, refused=bool(self.obstacles))

    def _seen(self) -> tuple[object, ...]:
        """What plans are made from, but for listings and what is under way."""
        return self.performer.state, self.server.served, self.server.own

    def _plan(self, names: Iterable[str]) -> None:
        for name in names:
            self.views[name] = view = self._view(name)
            self.plans[name] = plan_model(view)

    def _write_config(self) -> None:
        if self.performer.write_config():
            self.metrics.config_writes.inc()

    def _kept(self) -> Iterator[tuple[str, str]]:
        for name, model in self.performer.state.models.items():
            for version in model.stored.values():
                yield name, version.bucket_version

    def _drop_orphans(self) -> None:
        """Delete what was fetched, perhaps by an earlier process, for uploads that are gone."""
        if self.bucket.doubt is not None:
            return
        kept = set(self._kept())
        for name, bucket_version in list(self.performer.volume.staged_sources()):
            remote = self.bucket.model(name)
            listed = remote is not None and bucket_version in remote.versions
            if (
                not listed
                and (name, bucket_version) not in kept
                and bucket_version not in self.performer.jobs.running(name)
            ):
                self.performer.perform(name, None, DropStaging(bucket_version))

    def _act(self, names: Collection[str]) -> list[str]:
        """Carry out the plans of these models; returns those of which a new plan may already see further."""
        changed: dict[str, None] = {}
        refusals: list[Refusal] = []
        for name in names:
            for action in self.plans[name].actions:
                try:
                    if isinstance(action, Fetch):
                        self._make_room(name, action.bucket_version)
                    self.performer.perform(name, self.views[name].remote, action)
                except OSError as error:
                    refusals.append(Refusal(name, type(action).__name__.lower(), error))
                    break
                if isinstance(action, Publish | Renumber | Withdraw | Delete):
                    changed[name] = None
        refusals += self.performer.settle()
        self._tell_refusals(names, refusals)
        return [name for name in changed if name not in self.obstacles]

    def _make_room(self, name: str, bucket_version: str) -> None:
        """Delete what nobody serves, oldest first, until the upload fits; it can, or no plan would ask."""
        upload = self.views[name].upload(bucket_version)
        if upload is None or self._space_now is None:
            return
        for version in self._space_now.evictions(upload):
            _log.info(
                "version_evicted", model=version.model, version=version.local_version, to_make_room_for=name
            )
            self.performer.perform(version.model, None, Delete(version.local_version))

    def _tell_refusals(self, names: Collection[str], refusals: list[Refusal]) -> None:
        obstacles = {name: reason for name, reason in self.obstacles.items() if name not in names}
        for refusal in refusals:
            trouble = refusal.error.strerror or refusal.error
            reason = f"cannot write to the volume: {trouble}; make room or mend it, then it goes on"
            if self.obstacles.get(refusal.model) != reason and refusal.model not in obstacles:
                _log.error("action_failed", model=refusal.model, action=refusal.doing, reason=reason)
            obstacles[refusal.model] = reason
        self.obstacles = obstacles

    def _view(self, name: str) -> ModelView:
        performer, bucket, server = self.performer, self.bucket, self.server
        serving, remote = performer.serving_of(name), bucket.model(name)
        shared = performer.cards.shared.of(name)
        return ModelView(
            name=name,
            state=performer.state.model(name),
            now=bucket.clock.now(),
            listed=bucket.catalog is not None,
            remote=remote,
            served=server.of(name),
            policy=serving.versions or self.default_policy,
            settings=serving_settings(serving),
            card_problem=shared.rejection if shared is not None else None,
            quiet_for=bucket.quiet_for(name),
            gone=bucket.gone(name),
            doubt=bucket.doubt,
            fetching=performer.jobs.running(name),
            staged={
                bucket_version: v.upload.upload_id for bucket_version, v in performer.staged.of(name).items()
            },
            no_room=self._space_now.refusals(name, remote, performer.state, performer.jobs)
            if self._space_now is not None
            else {},
            troubles=performer.jobs.fetch_errors(name, bucket.clock.monotonic()),
            approved_settings=performer.approved.get(name),
            checking_settings=performer.checks.is_running(name),
            trial_for=self._trials.running_for(name, bucket.clock.monotonic()),
            loading_for=server.loads.loading_for(name),
            blamed=server.loads.blamed(name),
            rules=self.rules,
        )
