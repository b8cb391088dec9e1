"""What only shows over time: quiet uploads, slow loads, a server that keeps going away. In memory only.

After a restart all of it starts anew, which costs a little time and never a wrong decision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge_common.served_state import ServedModels, VersionState

from model_sync.bucket.catalog import Catalog
from model_sync.planning.by_model import ByModel
from model_sync.planning.state import State

_LOADING = frozenset({VersionState.START, VersionState.LOADING})
_LOSSES_THAT_BLAME = 3

_Key = tuple[str, int]
"""Model and number."""


@dataclass(frozen=True)
class Blame:
    """A version is taken to be what ends the server. `losses`: how often it went away while loading it."""

    losses: int
    along_with: int
    """How many other versions that never answered either were loading then; any of them may be the cause."""


class QuietUploads:
    """For how long the listing of each version has not changed."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._seen: ByModel[str, tuple[str, float]] = ByModel()

    def after_listing(self, catalog: Catalog, now: float) -> None:
        """Take in one complete listing; `now` is monotonic."""
        seen: ByModel[str, tuple[str, float]] = ByModel()
        for name, model in catalog.models.items():
            for bucket_version, version in model.versions.items():
                before = self._seen.get((name, bucket_version))
                unchanged = before is not None and before[0] == version.upload_id
                seen[name, bucket_version] = (version.upload_id, before[1] if before and unchanged else now)
        self._seen = seen

    def quiet_for(self, model: str, now: float) -> Mapping[str, float]:
        """Source -> seconds, as of the last listing and `now`."""
        return {bucket_version: now - since for bucket_version, (_, since) in self._seen.of(model).items()}


class Trials:
    """Since when each model's serving settings are on trial."""

    def __init__(self) -> None:
        """No trial seen yet."""
        self._since: dict[str, float] = {}

    def observe(self, state: State, now: float) -> None:
        """Take in which trials run; `now` is monotonic."""
        running = [name for name, model in state.models.items() if model.before_trial is not None]
        self._since = {name: self._since.get(name, now) for name in running}

    @property
    def any_running(self) -> bool:
        """Whether any model's settings are on trial."""
        return bool(self._since)

    def running_for(self, model: str, now: float) -> float:
        """Seconds since the model's trial was first seen; 0 when there is none."""
        return now - self._since.get(model, now)


class LoadWatch:
    """How long the server has been loading each configured version, and of which it dies.

    When it dies while several load, nobody can tell of which. Only the newest is blamed, and the others start
    anew; so one after the other is set aside until the server lives, and a good version is soon back.
    """

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._waited: dict[_Key, float] = {}
        self._losses: dict[_Key, int] = {}
        self._blamed: dict[_Key, Blame] = {}
        self._was_loading: set[_Key] = set()
        self._last_seen: float | None = None

    def observe(self, state: State, served: ServedModels | None, now: float) -> None:
        """Take in one answer of the server, or None for its absence; `now` is monotonic.

        Only time between two answers counts as waiting, and after an absence loads begin anew: a server that
        was away lets no version look slow.
        """
        configured = {
            (name, local_version)
            for name, model in state.models.items()
            for local_version in model.configured
        }
        self._waited = {key: value for key, value in self._waited.items() if key in configured}
        self._losses = {key: value for key, value in self._losses.items() if key in configured}
        self._blamed = {key: blame for key, blame in self._blamed.items() if key in configured}
        if served is None:
            self._count_loss(state, self._was_loading & configured)
            self._was_loading, self._waited = set(), {}
            self._last_seen = None
            return
        passed = 0.0 if self._last_seen is None else now - self._last_seen
        self._last_seen = now
        self._was_loading = set()
        for name, local_version in configured:
            version_state = served.get(name, {}).get(local_version)
            if version_state is VersionState.AVAILABLE:
                for seen in (self._waited, self._losses, self._blamed):
                    seen.pop((name, local_version), None)
            else:
                self._waited[name, local_version] = self._waited.get((name, local_version), 0.0) + passed
                if version_state in _LOADING:
                    self._was_loading.add((name, local_version))

    def loading_for(self, model: str) -> Mapping[int, float]:
        """Number -> seconds that the server, while reachable, has not had it AVAILABLE."""
        return {
            local_version: waited for (name, local_version), waited in self._waited.items() if name == model
        }

    def blamed(self, model: str) -> Mapping[int, Blame]:
        """Number -> why it is taken to be what ends the server."""
        return {
            local_version: blame for (name, local_version), blame in self._blamed.items() if name == model
        }

    def _count_loss(self, state: State, loading: Iterable[_Key]) -> None:
        since = {
            (name, local_version): state.model(name).stored[local_version].published_at
            for name, local_version in loading
            if local_version in state.model(name).stored and local_version not in state.model(name).confirmed
        }
        for key in since:
            self._losses[key] = self._losses.get(key, 0) + 1
        if not any(self._losses[key] >= _LOSSES_THAT_BLAME for key in since):
            return
        newest = max(since, key=lambda key: (since[key], key))
        self._blamed[newest] = Blame(_LOSSES_THAT_BLAME, len(since) - 1)
        self._losses = {}
