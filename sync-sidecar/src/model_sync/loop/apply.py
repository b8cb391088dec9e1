"""Carries out the actions of plans: the only place where a published folder, the state or config.json change.

Every intention is recorded before it is carried out, and every effect can be repeated, so a kill between any
two lines leaves something that the next start understands. What an action only notes is recorded, and carried
out, for all models together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edge_common.logs import get_logger

from model_sync.cards.model_cards import ServingCards
from model_sync.download.staging import Staging
from model_sync.gate.gate import Incoming
from model_sync.loop.under_way import UnderWay
from model_sync.loop.wakeup import Clock
from model_sync.metrics import Metrics
from model_sync.planning import actions
from model_sync.planning.disk_budget import Evictable
from model_sync.planning.model_snapshot import ModelSnapshot, Rules
from model_sync.planning.plan import ModelPlan
from model_sync.planning.rollout import after_rollout, with_bridge, with_rollout
from model_sync.planning.snapshot import Snapshot
from model_sync.planning.state import State, StoredVersion
from model_sync.volume.recorded_state import RecordedState, WriteError
from model_sync.volume.recovery import harm_found
from model_sync.volume.volume import Volume

_log = get_logger()


@dataclass
class Applier:
    """Changes the volume together with its record. Used by one thread."""

    volume: Volume
    records: RecordedState
    under_way: UnderWay
    cards: ServingCards
    metrics: Metrics
    clock: Clock
    rules: Rules

    @property
    def state(self) -> State:
        """What is true once it is flushed."""
        return self.records.current

    def apply(self, snapshot: Snapshot, plans: Mapping[str, ModelPlan]) -> list[str]:
        """Carry out these plans; returns the models of which a new plan may already see further.

        What the volume refuses stops the plan of its model and is kept as its write error. Raises OSError
        when the state or config.json cannot be written.
        """
        changed: dict[str, None] = {}
        errors: list[WriteError] = []
        for name, made in plans.items():
            for action in made.actions:
                try:
                    self._perform(made.model, action)
                except OSError as error:
                    errors.append(WriteError(name, type(action).__name__.lower(), error))
                    break
                if isinstance(action, actions.Publish | actions.Renumber | actions.Withdraw | actions.Delete):
                    changed[name] = None
        errors += self.records.flush()
        self.under_way.note_write_errors(snapshot, plans, errors)
        self.write_config()
        return [name for name in changed if name not in self.under_way.write_errors]

    def write_config(self) -> None:
        """Make config.json say what the state has configured. Raises OSError."""
        if self.records.write_config():
            self.metrics.config_writes.inc()

    def take_in_ended_work(self) -> None:
        """Record how fetches and checks of settings and cards ended. Raises OSError."""
        now, time = self.clock.now(), self.clock.monotonic()
        self.under_way.take_in_ended(self.records, self.rules, now=now, time=time)
        self.under_way.edits.collect(self.state)

    def follow_listing(self, snapshot: Snapshot) -> None:
        """Record pins, give changed cards to versions, drop what is staged of gone ones. Raises OSError."""
        catalog = snapshot.bucket.catalog
        for name, model in self.state.models.items():  # so that a pin holds after a restart, too
            listed_pin = snapshot.bucket.pins.get(name)
            if (pin := listed_pin.pin if listed_pin is not None else None) != model.pin:
                self.records.change(name, replace(model, pin=pin))
        if catalog is not None:
            self.under_way.edits.follow(self.state, catalog)
            self.under_way.jobs.forget_errors_of_gone(catalog)
        if snapshot.bucket.removal_hold is not None or catalog is None:
            return
        for name, bucket_version in list(self.volume.staged_uploads()):
            listed = catalog.models.get(name)
            stored = {version.bucket_version for version in self.state.model(name).stored.values()}
            kept = bucket_version in stored or (listed is not None and bucket_version in listed.versions)
            if not kept and not self.under_way.jobs.is_running((name, bucket_version)):
                self._drop_staging(name, bucket_version)

    def _perform(  # noqa: C901, PLR0912 - one line for each kind of action
        self, model: ModelSnapshot, action: actions.Action
    ) -> None:
        name = model.name
        match action:
            case actions.Fetch(bucket_version, evicted):
                self._fetch(model, bucket_version, evicted)
            case actions.CancelFetch(bucket_version):
                self.under_way.jobs.cancel((name, bucket_version))
            case actions.Publish(bucket_version, local_version):
                self._publish(name, bucket_version, local_version)
            case actions.Renumber(local_version, to):
                self._renumber(name, local_version, to)
            case actions.Configure(local_versions, settings):
                self._configure(name, local_versions, settings)
            case actions.CheckSettings(local_version, settings):
                folder = self.volume.version_folder(name, local_version)
                self.under_way.checks.start(name, folder, settings)
            case actions.StartRollout(settings):
                self._start_rollout(name, settings)
            case actions.TakeOver(bridge):
                self.records.change(name, with_bridge(self.state.model(name), bridge))
            case actions.EndRollout(reason, local_versions, retry_at):
                ended = after_rollout(self.state.model(name), reason, local_versions, retry_at)
                self.records.change(name, ended)
                _log.info("settings_rejected" if reason else "settings_in_use", model=name, reason=reason)
            case actions.Confirm(local_versions):
                self._confirm(name, local_versions)
            case actions.Reject(bucket_version, rejection):
                self.records.change(name, self.state.model(name).with_rejection(bucket_version, rejection))
            case actions.Withdraw(local_version):
                self._withdraw(name, local_version)
            case actions.Delete(local_version):
                self._delete(name, local_version)
            case actions.DropStaging(bucket_version):
                self._drop_staging(name, bucket_version)

    def _fetch(self, model: ModelSnapshot, bucket_version: str, evicted: tuple[Evictable, ...]) -> None:
        upload = model.upload(bucket_version)
        if model.listed is None or upload is None:
            return
        for version in evicted:
            if version.staged:
                left = {"model": version.model, "version": version.staged}
                _log.info("rejected_upload_evicted", **left, to_make_room_for=model.name)
                self._drop_staging(version.model, version.staged)
                continue
            if version.local_version in self.state.model(version.model).stored:
                facts = {"model": version.model, "version": version.local_version}
                _log.info("version_evicted", **facts, to_make_room_for=model.name)
                self._delete(version.model, version.local_version)
        staging = Staging(self.volume.staging_folder(model.name, bucket_version))
        self.under_way.staged.pop((model.name, bucket_version), None)
        card = self.cards.shared.card(model.name)
        self.under_way.jobs.start(Incoming(model.listed, upload, staging, card))

    def _publish(self, name: str, bucket_version: str, local_version: int) -> None:
        # after a refusal what lies there is checked anew
        staged = self.under_way.staged.pop((name, bucket_version))
        card = staged.effective
        content = staged.upload.fingerprint, staged.files
        now = self.clock.now()
        version = StoredVersion(local_version, bucket_version, *content, now, staged.evidence)
        self.cards.keep(name, local_version, card.to_json() if card is not None else None)
        state = self.state.model(name).with_stored(version)
        rejection = state.rejections.get(bucket_version)
        if rejection is not None and not rejection.outlives_publication(staged.upload.upload_id):
            state = state.with_rejection(bucket_version, None)
        tree = Staging(self.volume.staging_folder(name, bucket_version)).tree
        self.records.enter(name, state, version, tree)

    def _confirm(self, name: str, local_versions: tuple[int, ...]) -> None:
        state = self.state.model(name)
        self.records.change(name, replace(state, confirmed=local_versions))
        for local_version in local_versions:
            # until now it was kept, to go back to if the server had not loaded it
            key = name, state.stored[local_version].bucket_version
            if not self.under_way.jobs.is_running(key) and key not in self.under_way.staged:
                self.records.delete_staging(*key)

    def _renumber(self, name: str, local_version: int, to: int) -> None:
        state = self.state.model(name)
        harmed = harm_found(self.volume, name, state, local_version)
        if harmed is not None:  # a copy would spread what somebody did to it
            self.records.change(name, harmed)
            return
        version = state.stored[local_version]
        card = self.volume.load_card(name, local_version)
        copy = Staging(self.volume.staging_folder(name, version.bucket_version)).copy
        self.volume.copy_version(name, local_version, copy)
        self.volume.save_card(name, to, card)
        renumbered = replace(version, local_version=to, published_at=self.clock.now())
        self.records.enter(name, state.with_stored(renumbered), renumbered, copy)

    def _configure(self, name: str, local_versions: tuple[int, ...], settings: Mapping[str, Any]) -> None:
        state = self.state.model(name)
        confirmed = tuple(version for version in state.confirmed if version in local_versions)
        listed = replace(state, configured=local_versions, settings=settings, confirmed=confirmed)
        self.records.change(name, listed)
        _log.debug("config_entry", model=name, versions=list(local_versions))

    def _start_rollout(self, name: str, settings: Mapping[str, Any]) -> None:
        if any(other.rollout is not None for other in self.state.models.values()):
            return  # one model at a time; the next plan asks again
        self.records.change(name, with_rollout(self.state.model(name), settings))
        self.under_way.checked_settings.pop(name, None)
        _log.info("settings_tried", model=name, settings=dict(settings))

    def _withdraw(self, name: str, local_version: int) -> None:
        state = self.state.model(name)
        version, harmed = state.stored[local_version], harm_found(self.volume, name, state, local_version)
        self.cards.forget(name, local_version)
        staging = Staging(self.volume.staging_folder(name, version.bucket_version))
        fetching = self.under_way.jobs.is_running((name, version.bucket_version))
        current = staging.fingerprint == version.fingerprint and not staging.tree.exists()
        if current and not harmed and not fetching:
            tree = staging.tree
            self.records.leave(name, local_version, lambda: self.volume.withdraw(name, local_version, tree))
        else:  # somebody changed it, or the staging folder is about another upload by now
            self.records.leave(name, local_version, lambda: self.volume.delete(name, local_version))

    def _delete(self, name: str, local_version: int) -> None:
        if local_version not in self.state.model(name).stored:
            return  # evicted meanwhile, to make room for another model
        self.cards.forget(name, local_version)
        self.records.leave(name, local_version, lambda: self.volume.delete(name, local_version))
        self.volume.forget_model(name)

    def _drop_staging(self, name: str, bucket_version: str) -> None:
        self.under_way.staged.pop((name, bucket_version), None)
        self.volume.delete_staging(name, bucket_version)
        self.volume.forget_model(name)
