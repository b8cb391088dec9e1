"""Versions that the server was asked to load and could not. Pure.

A failed load shows as FAILED, as LOADING that does not end, or as a server that dies of it again and again.
The server being away is no failure of the version: its clock stands still meanwhile.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping

from edge_common.quantities import format_duration
from edge_common.served_state import ServedModels, VersionState

from model_sync.planning.model_snapshot import ModelSnapshot
from model_sync.planning.rollout import describe_settings, is_taken_over, trial_name, tried_model
from model_sync.planning.state import RejectedAt, Rejection, State, StoredVersion
from model_sync.planning.uploads import next_rejection

_LOADING = frozenset({VersionState.START, VersionState.LOADING})
_LOADED_OR_NOT = frozenset({VersionState.AVAILABLE, VersionState.FAILED})
_LOSSES_OF_A_CRASH = 3

_Key = tuple[str, int]
"""Model and local version."""
_NOBODY: Mapping[str, ServedModels] = {}
_OWN = ""
"""This pod, among those whose servers answer."""


class LoadWatch:
    """How long the server has been loading each configured version, and of which it dies.

    When it dies while several load, nobody can tell of which. Only the newest is set aside, and the others
    start anew; if it still dies, the two newest, then four, until it lives. A good version is soon back. One
    after the other would take longer than the pause after which the first is tried again.
    """

    def __init__(self) -> None:
        """After a restart it begins anew, which costs a little time and never a wrong decision."""
        self.loading_for: dict[_Key, float] = {}
        """Seconds for which a version that is not AVAILABLE had its turn on a server that answers."""
        self.crashes: dict[_Key, int] = {}
        """What is taken to end the server -> how many others that never answered either were loading then."""
        self._losses: dict[_Key, int] = {}
        self._at_once = 1
        """How many are set aside next."""
        self._was_loading: set[_Key] = set()
        self._last_seen: float | None = None
        self._away = False
        self._loading_since: dict[tuple[str, _Key], float] = {}

    def observe(
        self,
        state: State,
        own: ServedModels | None,
        now: float,
        others: Mapping[str, ServedModels] = _NOBODY,
        *,
        busy: bool = False,
    ) -> None:
        """Take in one answer of this pod's server, and those of the `others`; `now` is monotonic.

        `own` None: it is away; `busy`: it has said nothing new. Only time between two answers counts as
        waiting, and after an absence loads begin anew: a server that was away lets no version look slow.
        Nor does one that loads another version: it loads one after the other, and only the one whose turn it
        is has its time run.
        """
        configured = set(_asked_to_load(state))
        for kept in (self.loading_for, self._losses, self.crashes):
            for key in kept.keys() - configured:
                del kept[key]
        told = None if busy else own
        if told is not None and any(_state_in(told, key) is None for key in self._was_loading & configured):
            self._note_absence(state, configured, away=True)  # it began anew between two looks
        self._note_absence(state, configured, away=told is None and not busy)
        if told is not None:
            self._was_loading = {key for key in configured if _state_in(told, key) in _LOADING}
            if all(_state_in(told, key) in _LOADED_OR_NOT for key in configured):
                self._at_once = 1
        answers = dict(others) if told is None else {_OWN: told, **others}
        passed = 0.0 if self._last_seen is None else now - self._last_seen
        self._last_seen = now if answers else None
        for key in configured:
            if answers and all(_state_in(said, key) is VersionState.AVAILABLE for said in answers.values()):
                for kept in (self.loading_for, self._losses, self.crashes):
                    kept.pop(key, None)
        for key in self._whose_turn(answers, configured, state.models.keys(), now):
            self.loading_for[key] = self.loading_for.get(key, 0.0) + passed

    def _note_absence(self, state: State, configured: set[_Key], *, away: bool) -> None:
        if away and not self._away:
            self._count_loss(state, self._was_loading & configured)
            self._was_loading, self.loading_for, self._last_seen = set(), {}, None
        self._away = away

    def _whose_turn(
        self, answers: Mapping[str, ServedModels], configured: set[_Key], ours: Collection[str], now: float
    ) -> set[_Key]:
        """What some server is loading now, or might have begun to: of several the one that began first.

        What it still loads although it was withdrawn has no turn: that may never end.
        """
        before, self._loading_since = self._loading_since, {}
        turns: set[_Key] = set()
        for pod, said in answers.items():
            loading = {
                (name, local_version): before.get((pod, (name, local_version)), now)
                for name, versions in said.items()
                for local_version, state in versions.items()
                if state is VersionState.LOADING and ((name, local_version) in configured or name not in ours)
            }
            self._loading_since |= {(pod, key): since for key, since in loading.items()}
            lacking = {key for key in configured if _state_in(said, key) is not VersionState.AVAILABLE}
            turns |= lacking & {min(loading, key=lambda key: (loading[key], key))} if loading else lacking
        return turns

    def _count_loss(self, state: State, loading: Iterable[_Key]) -> None:
        since = {
            (name, local_version): state.model(name).stored[local_version].published_at
            for name, local_version in loading
            if local_version in state.model(name).stored and local_version not in state.model(name).confirmed
        }
        since |= {key: math.inf for key in loading if tried_model(key[0]) is not None}
        for key in since:
            self._losses[key] = self._losses.get(key, 0) + 1
        if not any(self._losses[key] >= _LOSSES_OF_A_CRASH for key in since):
            return
        newest = sorted(since, key=lambda key: (since[key], key), reverse=True)[: self._at_once]
        self.crashes |= dict.fromkeys(newest, len(since) - 1)
        self._losses, self._at_once = {}, 2 * self._at_once


def _state_in(served: ServedModels, key: _Key) -> VersionState | None:
    return served.get(key[0], {}).get(key[1])


def _asked_to_load(state: State) -> Iterator[_Key]:
    for name, model in state.models.items():
        yield from ((name, local_version) for local_version in model.configured)
        if model.rollout is not None and model.rollout.bridge is None:
            trial = trial_name(name, model.rollout)
            yield from ((trial, local_version) for local_version in model.rollout.versions)


def load_failures(model: ModelSnapshot) -> Mapping[int, Rejection]:
    """Local version -> rejection, for configured ones that were never AVAILABLE and will not be by waiting.

    A version that answered before is not among them: when the server cannot load it any more, the server
    itself tries again, and something older answers meanwhile.
    """
    failures: dict[int, Rejection] = {}
    if is_taken_over(model):
        return failures  # the settings are at fault
    for local_version in model.state.configured:
        version = model.state.stored.get(local_version)
        reason = _reason(model, local_version)
        if version is not None and reason is not None and local_version not in model.state.confirmed:
            failures[local_version] = _rejection(model, version, reason)
    return failures


def _reason(model: ModelSnapshot, local_version: int) -> str | None:
    if model.state_of(local_version) is VersionState.FAILED:
        settings = describe_settings(model.state.settings)
        asked = f" with the serving settings of its card ({settings})" if settings else ""
        advice = ", or correct serving in model.yaml" if settings else ""
        return (
            f"the model server could not load it{asked}; its log says why. Export the model again and "
            f"upload it{advice}"
        )
    waited = model.loading_for.get(local_version, 0.0)
    if waited > model.rules.activation_timeout:
        return (
            f"the model server did not have it available within {format_duration(waited)}; "
            "make the model smaller or raise MODEL_SYNC_ACTIVATION_TIMEOUT"
        )
    along_with = model.load_crashes.get(local_version)
    if along_with is None:
        return None
    went_away = f"the model server went away {_LOSSES_OF_A_CRASH} times while loading it"
    if not along_with:
        return f"{went_away}; it is taken to be the cause"
    aside = "the newest is set aside first, to find the cause, and tried again by itself"
    return f"{went_away} and {along_with} more; {aside}"


def _rejection(model: ModelSnapshot, version: StoredVersion, reason: str) -> Rejection:
    upload = model.upload(version.bucket_version)
    listed = upload is not None and upload.fingerprint == version.fingerprint
    return next_rejection(
        model.state.rejections.get(version.bucket_version),
        upload_id=upload.upload_id if upload is not None and listed else version.fingerprint,
        reason=reason,
        stage=RejectedAt.SERVER,
        now=model.now,
        rules=model.rules,
    )
