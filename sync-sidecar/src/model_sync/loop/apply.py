"""Carries out the actions of plans: the only place where a published folder, the state or config.json change.

Every intention is recorded before it is carried out, and every effect can be repeated, so a kill between any
two lines leaves something that the next start understands. What `perform` only notes, `settle` records and
carries out, for all models together.
"""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field, replace
from typing import Any

from edge_common.logs import get_logger
from edge_common.model_card import Serving

from model_sync.bucket.catalog import ListedModel
from model_sync.cards.serving_cards import ServingCards
from model_sync.clock import Clock
from model_sync.download.staging import Staging
from model_sync.gate.gate import StagedVersion
from model_sync.gate.jobs import FetchJobs, Incomplete, Key, Outcome
from model_sync.model_server.config import format_config
from model_sync.planning.actions import (
    Action,
    CancelFetch,
    CheckSettings,
    Configure,
    Confirm,
    Delete,
    DropStaging,
    EndTrial,
    Fetch,
    Publish,
    Reject,
    Renumber,
    TrySettings,
    Withdraw,
)
from model_sync.planning.by_model import ByModel
from model_sync.planning.rejections import RejectedAt, verdict
from model_sync.planning.state import RefusedSettings, State, StoredVersion
from model_sync.preflight.settings_checks import CheckedSettings, SettingsChecks
from model_sync.volume.recorded_state import RecordedState, Refusal
from model_sync.volume.version_folders import VersionFolders
from model_sync.volume.volume import Volume

_log = get_logger()


@dataclass
class Performer:
    """Changes the volume together with the state. Used by one thread."""

    volume: Volume
    recorded: InitVar[State]
    jobs: FetchJobs
    checks: SettingsChecks
    cards: ServingCards
    clock: Clock
    first_retry: float
    longest_retry: float
    staged: ByModel[str, StagedVersion] = field(default_factory=ByModel)
    approved: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Model -> serving settings that passed preflight."""
    records: RecordedState = field(init=False)
    folders: VersionFolders = field(init=False)
    _written_config: bytes | None = None
    _written_state: State | None = None
    """What config.json was last made from."""

    def __post_init__(self, recorded: State) -> None:
        """Go on from the state that the volume has recorded."""
        self.records = RecordedState(self.volume, recorded)
        self.folders = VersionFolders(self.volume, self.records)

    @property
    def state(self) -> State:
        """What is true as soon as it is settled."""
        return self.records.current

    def settle(self) -> list[Refusal]:
        """Record and carry out what was performed since the last time; returns what the volume refused."""
        return self.records.settle()

    def perform(  # noqa: C901, PLR0912 - one line for each kind of action
        self, model: str, remote: ListedModel | None, action: Action
    ) -> None:
        """Carry out or note one action for `model`; `settle` completes it.

        Raises OSError when the volume refuses; nothing is lost then.
        """
        match action:
            case Fetch(bucket_version):
                self._fetch(remote, bucket_version)
            case CancelFetch(bucket_version):
                self.jobs.cancel((model, bucket_version))
            case Publish(bucket_version, local_version):
                self._publish(model, bucket_version, local_version)
            case Renumber(local_version, to):
                self._renumber(model, local_version, to)
            case Configure(local_versions, settings):
                self._configure(model, local_versions, settings)
            case CheckSettings(local_version, settings):
                self.checks.start(model, self.volume.version_folder(model, local_version), settings)
            case TrySettings(settings):
                self._try_settings(model, settings)
            case EndTrial(problem):
                self._end_trial(model, problem)
            case Confirm(local_versions):
                self._confirm(model, local_versions)
            case Reject(bucket_version, rejection):
                self.records.change(model, self.state.model(model).with_rejection(bucket_version, rejection))
            case Withdraw(local_version):
                self._withdraw(model, local_version)
            case Delete(local_version):
                self._delete(model, local_version)
            case DropStaging(bucket_version):
                self._drop_staging(model, bucket_version)

    def take_outcome(self, key: Key, outcome: Outcome) -> None:
        """Record how a fetch ended."""
        model, bucket_version = key
        if isinstance(outcome, StagedVersion):
            same = self.state.model(model).stored_with(bucket_version, outcome.files)
            if same is None:
                self.staged[key] = outcome
            else:  # uploaded again, byte for byte
                renewed = replace(same, fingerprint=outcome.upload.fingerprint)
                self.records.change(model, self.state.model(model).with_stored(renewed))
                self.folders.delete_staging(model, bucket_version)
            return
        rejection = verdict(
            self.state.model(model).rejections.get(bucket_version),
            mark=outcome.upload.upload_id,
            reason=outcome.reason,
            stage=RejectedAt.UPLOAD if isinstance(outcome, Incomplete) else RejectedAt.CHECK,
            now=self.clock.now(),
            first_retry=self.first_retry,
            longest_retry=self.longest_retry,
        )
        self.records.change(model, self.state.model(model).with_rejection(bucket_version, rejection))

    def take_checked_settings(self, model: str, checked: CheckedSettings) -> None:
        """Record how a check of serving settings ended."""
        if checked.rejection is None:
            self.approved[model] = checked.settings
        else:
            refused = RefusedSettings(checked.settings, checked.rejection)
            self.records.change(model, replace(self.state.model(model), refused=refused))

    def write_config(self) -> bool:
        """Make config.json say what the state has configured; True when it changed. Raises OSError."""
        self.records.record()
        if self.state is self._written_state:
            return False
        content = format_config(self.state, self.volume.root)
        if self._written_config is None:
            self._written_config = self.volume.load_config()
        changed = content != self._written_config
        if changed:
            self.volume.save_config(content)
        self._written_config, self._written_state = content, self.state
        return changed

    def serving_of(self, model: str) -> Serving:
        """How the model asks to be served."""
        staged = [staged.card for staged in self.staged.of(model).values() if staged.card is not None]
        return self.cards.serving(model, self.state.model(model), staged)

    def _fetch(self, remote: ListedModel | None, bucket_version: str) -> None:
        if remote is None:
            return
        staging = Staging(self.volume.staging_folder(remote.name, bucket_version))
        self.staged.pop((remote.name, bucket_version), None)
        self.jobs.start(
            remote, remote.versions[bucket_version], staging, self.cards.effective(remote.name, None)
        )

    def _publish(self, model: str, bucket_version: str, local_version: int) -> None:
        staged = self.staged.pop((model, bucket_version))  # after a refusal what lies there is checked anew
        card = self.cards.effective(model, staged.card)
        version = StoredVersion(
            local_version=local_version,
            bucket_version=bucket_version,
            fingerprint=staged.upload.fingerprint,
            files=staged.files,
            published_at=self.clock.now(),
        )
        self.cards.keep(model, local_version, card.to_json() if card is not None else None)
        state = self.state.model(model).with_stored(version)
        rejection = state.rejections.get(bucket_version)
        if rejection is not None and rejection.stage != RejectedAt.SERVER:
            state = state.with_rejection(bucket_version, None)
        self.folders.enter(
            model, state, version, Staging(self.volume.staging_folder(model, bucket_version)).tree
        )

    def _confirm(self, model: str, local_versions: tuple[int, ...]) -> None:
        state = self.state.model(model)
        self.records.change(model, replace(state, confirmed=local_versions))
        running = self.jobs.running(model)
        for (
            local_version
        ) in local_versions:  # until now it was kept, to go back to if the server had not loaded it
            bucket_version = state.stored[local_version].bucket_version
            if bucket_version not in running and (model, bucket_version) not in self.staged:
                self.folders.delete_staging(model, bucket_version)

    def _renumber(self, model: str, local_version: int, to: int) -> None:
        state = self.state.model(model)
        version = state.stored[local_version]
        card = self.volume.load_card(model, local_version)
        copy = Staging(self.volume.staging_folder(model, version.bucket_version)).copy
        self.volume.copy_version(model, local_version, copy)
        self.volume.save_card(model, to, card)
        renumbered = replace(version, local_version=to, published_at=self.clock.now())
        self.folders.enter(model, state.with_stored(renumbered), renumbered, copy)

    def _configure(self, model: str, local_versions: tuple[int, ...], settings: Mapping[str, object]) -> None:
        state = self.state.model(model)
        confirmed = tuple(
            local_version for local_version in state.confirmed if local_version in local_versions
        )
        self.records.change(
            model, replace(state, configured=local_versions, settings=settings, confirmed=confirmed)
        )
        _log.debug("config_entry", model=model, versions=list(local_versions))

    def _delete(self, model: str, local_version: int) -> None:
        self.cards.forget(model, local_version)
        self.folders.leave(model, local_version, lambda: self.volume.delete(model, local_version))
        self.volume.forget_model(model)

    def _drop_staging(self, model: str, bucket_version: str) -> None:
        self.staged.pop((model, bucket_version), None)
        self.volume.delete_staging(model, bucket_version)
        self.volume.forget_model(model)

    def _try_settings(self, model: str, settings: Mapping[str, Any]) -> None:
        if any(other.before_trial is not None for other in self.state.models.values()):
            return  # one model at a time; the next plan asks again
        self.records.change(model, self.state.model(model).with_settings_on_trial(settings))
        self.approved.pop(model, None)
        _log.info("settings_tried", model=model, settings=dict(settings))

    def _end_trial(self, model: str, problem: str | None) -> None:
        self.records.change(model, self.state.model(model).after_trial(problem))
        if problem is None:
            _log.info("settings_kept", model=model)
        else:
            _log.warning("settings_taken_back", model=model, reason=problem)

    def _withdraw(self, model: str, local_version: int) -> None:
        version = self.state.model(model).stored[local_version]
        self.cards.forget(model, local_version)
        staging = Staging(self.volume.staging_folder(model, version.bucket_version))
        free = not staging.tree.exists() and version.bucket_version not in self.jobs.running(model)
        if free and staging.fingerprint == version.fingerprint:
            self.folders.leave(
                model, local_version, lambda: self.volume.withdraw(model, local_version, staging.tree)
            )
        else:  # the staging folder is about another upload by now
            self.folders.leave(model, local_version, lambda: self.volume.delete(model, local_version))
