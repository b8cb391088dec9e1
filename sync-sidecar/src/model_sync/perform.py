"""Carries out the actions of plans: the only place where a published folder, the state or config.json change.

Every intention is recorded before it is carried out, and every effect can be repeated, so a kill between any
two lines leaves something that the next start understands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_common.logs import get_logger
from edge_common.model_card import FILE_NAME, Serving

from model_sync.actions import (
    Action,
    CancelFetch,
    Configure,
    Confirm,
    Delete,
    DropStaging,
    Fetch,
    Publish,
    Reject,
    Renumber,
    Withdraw,
)
from model_sync.cards import serving_in
from model_sync.catalog import RemoteModel
from model_sync.clock import Clock
from model_sync.fetch import StagedVersion
from model_sync.fetch_jobs import FetchJobs, Incomplete, Key, Outcome
from model_sync.judge import RejectedAt
from model_sync.model_cards import ModelCards
from model_sync.ovms_config import format_config
from model_sync.staging import Staging
from model_sync.state import ModelState, Rejection, State, StoredVersion
from model_sync.volume import Volume

_log = get_logger()


@dataclass
class Performer:
    """Owns the state and changes it together with the volume. Used by one thread."""

    volume: Volume
    state: State
    jobs: FetchJobs
    cards: ModelCards
    clock: Clock
    first_retry: float
    longest_retry: float
    staged: dict[Key, StagedVersion] = field(default_factory=dict)
    _written_config: bytes | None = None
    _serving: dict[tuple[str, int], Serving] = field(default_factory=dict)

    def perform(  # noqa: C901 - one line for each kind of action
        self, model: str, remote: RemoteModel | None, action: Action
    ) -> None:
        """Carry out one action for `model`. Raises OSError when the volume refuses; nothing is lost then."""
        match action:
            case Fetch(source):
                self._fetch(remote, source)
            case CancelFetch(source):
                self.jobs.cancel((model, source))
            case Publish(source, number):
                self._publish(model, source, number)
            case Renumber(number, to):
                self._renumber(model, number, to)
            case Configure(numbers, settings):
                self._configure(model, numbers, settings)
            case Confirm(numbers):
                self._confirm(model, numbers)
            case Reject(source, rejection):
                self._save(model, self.state.model(model).with_rejection(source, rejection))
            case Withdraw(number):
                self._withdraw(model, number)
            case Delete(number):
                self._delete(model, number)
            case DropStaging(source):
                self._drop_staging(model, source)

    def take_outcome(self, key: Key, outcome: Outcome) -> None:
        """Record how a fetch ended."""
        model, source = key
        if isinstance(outcome, StagedVersion):
            same = self.state.model(model).stored_with(source, outcome.files)
            if same is None:
                self.staged[key] = outcome
            else:  # uploaded again, byte for byte
                renewed = replace(same, fingerprint=outcome.upload.fingerprint)
                self._save(model, self.state.model(model).with_stored(renewed))
                self.volume.delete_staging(model, source)
            return
        stage = RejectedAt.UPLOAD if isinstance(outcome, Incomplete) else RejectedAt.CHECK
        before = self.state.model(model).rejections.get(source)
        mark = outcome.upload.upload_mark
        attempts = before.attempts + 1 if before is not None and before.upload_mark == mark else 1
        now = self.clock.now()
        retry_at = None
        if stage is RejectedAt.CHECK:
            retry_at = now + min(self.first_retry * 2 ** (attempts - 1), self.longest_retry)
        rejection = Rejection(mark, outcome.reason, stage, now, attempts, retry_at)
        self._save(model, self.state.model(model).with_rejection(source, rejection))

    def write_config(self) -> bool:
        """Make config.json say what the state has configured; True when it changed."""
        content = format_config(self.state, self.volume.root)
        if self._written_config is None:
            self._written_config = self.volume.load_config()
        if content == self._written_config:
            return False
        self.volume.save_config(content)
        self._written_config = content
        return True

    def refresh_cards(self) -> None:
        """Keep the model-level card beside every version that brings none of its own."""
        for name, model in self.state.models.items():
            shared = self.cards.of(name)
            if shared is None or shared.card is None:
                continue
            for number, version in model.stored.items():
                if not any(file.path == FILE_NAME for file in version.files):
                    self.volume.save_card(name, number, shared.card.to_json())
                    self._serving.pop((name, number), None)

    def serving_of(self, model: str) -> Serving:
        """How the model asks to be served: by the newest version's card, else by the model's own."""
        for (name, _), staged in self.staged.items():
            if name == model and staged.card is not None:
                return staged.card.card.serving
        newest = max(self.state.model(model).stored, default=None)
        if newest is not None:
            if (model, newest) not in self._serving:
                self._serving[model, newest] = serving_in(self.volume.load_card(model, newest))
            return self._serving[model, newest]
        shared = self.cards.of(model)
        return shared.card.card.serving if shared is not None and shared.card is not None else Serving()

    def _fetch(self, remote: RemoteModel | None, source: str) -> None:
        if remote is None:
            return
        shared = self.cards.of(remote.name)
        staging = Staging(self.volume.staging_folder(remote.name, source))
        card = shared.card if shared is not None else None
        self.staged.pop((remote.name, source), None)
        self.jobs.start(remote, remote.versions[source], staging, card)

    def _publish(self, model: str, source: str, number: int) -> None:
        staged = self.staged.pop((model, source))  # after a refusal what lies there is checked anew
        shared = self.cards.of(model)
        card = staged.card or (shared.card if shared is not None else None)
        version = StoredVersion(
            number=number,
            source=source,
            fingerprint=staged.upload.fingerprint,
            files=staged.files,
            published_at=self.clock.now(),
        )
        self.volume.save_card(model, number, card.to_json() if card is not None else None)
        self._serving.pop((model, number), None)
        state = self.state.model(model).with_stored(version)
        verdict = state.rejections.get(source)
        if verdict is not None and verdict.stage != RejectedAt.SERVER:
            state = state.with_rejection(source, None)
        self._enter(model, state, version, Staging(self.volume.staging_folder(model, source)).tree)

    def _confirm(self, model: str, numbers: tuple[int, ...]) -> None:
        state = self.state.model(model)
        self._save(model, replace(state, confirmed=numbers))
        running = self.jobs.running(model)
        for number in numbers:  # until now it was kept, to go back to if the server had not loaded it
            source = state.stored[number].source
            if source not in running and (model, source) not in self.staged:
                self.volume.delete_staging(model, source)
        self.volume.forget_model(model)

    def _renumber(self, model: str, number: int, to: int) -> None:
        state = self.state.model(model)
        version = state.stored[number]
        card = self.volume.load_card(model, number)
        copy = Staging(self.volume.staging_folder(model, version.source)).copy
        self.volume.copy_version(model, number, copy)
        self.volume.save_card(model, to, card)
        renumbered = replace(version, number=to, published_at=self.clock.now())
        self._enter(model, state.with_stored(renumbered), renumbered, copy)

    def _enter(self, model: str, state: ModelState, version: StoredVersion, tree: Path) -> None:
        """Record `version`, which `state` has, and rename `tree` into place; refused: both or neither."""
        before = self.state
        self._save(model, state)
        try:
            self.volume.publish(model, version.number, tree)
        except OSError:
            if not self.volume.is_intact(model, version):
                self.state = before  # else config.json would list a folder that is not there
            raise

    def _configure(self, model: str, numbers: tuple[int, ...], settings: Mapping[str, object]) -> None:
        state = self.state.model(model)
        confirmed = tuple(number for number in state.confirmed if number in numbers)
        self._save(model, replace(state, configured=numbers, settings=settings, confirmed=confirmed))
        _log.debug("config_entry", model=model, versions=list(numbers))

    def _delete(self, model: str, number: int) -> None:
        self._leave(model, number, lambda: self.volume.delete(model, number))
        self.volume.forget_model(model)

    def _drop_staging(self, model: str, source: str) -> None:
        self.staged.pop((model, source), None)
        self.volume.delete_staging(model, source)
        self.volume.forget_model(model)

    def _withdraw(self, model: str, number: int) -> None:
        version = self.state.model(model).stored[number]
        staging = Staging(self.volume.staging_folder(model, version.source))
        free = not staging.tree.exists() and version.source not in self.jobs.running(model)
        if free and staging.fingerprint == version.fingerprint:
            self._leave(model, number, lambda: self.volume.withdraw(model, number, staging.tree))
        else:  # the staging folder is about another upload by now
            self._leave(model, number, lambda: self.volume.delete(model, number))

    def _leave(self, model: str, number: int, take_away: Callable[[], None]) -> None:
        """Take a folder away, then its record; a refusal in between leaves both or neither."""
        before, version = self.state, self.state.model(model).stored[number]
        self.state = before.with_model(model, before.model(model).without_stored(number))
        self._serving.pop((model, number), None)
        try:
            take_away()
            self.volume.save_state(self.state)
        except OSError:
            if self.volume.is_intact(model, version):
                self.state = before
            raise

    def _save(self, name: str, model_state: ModelState) -> None:
        state = self.state.with_model(name, model_state)
        self.volume.save_state(state)
        self.state = state
