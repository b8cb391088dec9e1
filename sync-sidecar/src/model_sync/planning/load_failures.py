"""Versions that the server was asked to load and could not. Pure.

A failed load shows as FAILED, as LOADING that does not end, or as a server that dies of it again and again.
The server being away is no failure of the version: its clock stands still meanwhile.
"""

import math
from collections.abc import Iterable, Iterator, Mapping

from edge_common.quantities import format_duration
from edge_common.served_state import ServedModels, VersionState

from model_sync.planning.model_snapshot import LoadCrash, ModelSnapshot
from model_sync.planning.rollout import describe_settings, is_taken_over, trial_name, tried_model
from model_sync.planning.state import RejectedAt, Rejection, State, StoredVersion
from model_sync.planning.uploads import next_rejection

_LOADING = frozenset({VersionState.START, VersionState.LOADING})
_LOSSES_OF_A_CRASH = 3

_Key = tuple[str, int]
"""Model and local version."""


class LoadWatch:
    """How long the server has been loading each configured version, and of which it dies.

    When it dies while several load, nobody can tell of which. Only the newest is set aside, and the others
    start anew; so one after the other is set aside until the server lives, and a good version is soon back.
    """

    def __init__(self) -> None:
        """After a restart it begins anew, which costs a little time and never a wrong decision."""
        self.loading_for: dict[_Key, float] = {}
        """Seconds that the server, while reachable, has not had a version AVAILABLE."""
        self.crashes: dict[_Key, LoadCrash] = {}
        """Why a version is taken to be what ends the server."""
        self._losses: dict[_Key, int] = {}
        self._was_loading: set[_Key] = set()
        self._last_seen: float | None = None

    def observe(self, state: State, served: ServedModels | None, now: float, *, busy: bool = False) -> None:
        """Take in one answer of the server, or None for its absence; `now` is monotonic.

        Only time between two answers counts as waiting, and after an absence loads begin anew: a server that
        was away lets no version look slow. Nor does one that is `busy`, so that it has said nothing new.
        """
        if busy:
            self._last_seen = None
            return
        configured = set(_asked_to_load(state))
        self.loading_for = {key: value for key, value in self.loading_for.items() if key in configured}
        self._losses = {key: value for key, value in self._losses.items() if key in configured}
        self.crashes = {key: crash for key, crash in self.crashes.items() if key in configured}
        if served is None:
            self._count_loss(state, self._was_loading & configured)
            self._was_loading, self.loading_for = set(), {}
            self._last_seen = None
            return
        passed = 0.0 if self._last_seen is None else now - self._last_seen
        self._last_seen = now
        self._was_loading = set()
        for key in configured:
            version_state = served.get(key[0], {}).get(key[1])
            if version_state is VersionState.AVAILABLE:
                self.loading_for.pop(key, None)
                self._losses.pop(key, None)
                self.crashes.pop(key, None)
            else:
                self.loading_for[key] = self.loading_for.get(key, 0.0) + passed
                if version_state in _LOADING:
                    self._was_loading.add(key)

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
        newest = max(since, key=lambda key: (since[key], key))
        self.crashes[newest] = LoadCrash(_LOSSES_OF_A_CRASH, len(since) - 1)
        self._losses = {}


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
    crash = model.load_crashes.get(local_version)
    if crash is None:
        return None
    went_away = f"the model server went away {crash.losses} times while loading it"
    if not crash.along_with:
        return f"{went_away}; it is taken to be the cause"
    return (
        f"{went_away} and {crash.along_with} more; the newest is set aside first, to find the cause, and "
        "tried again by itself"
    )


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
