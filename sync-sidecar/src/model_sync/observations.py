"""What only shows over time: quiet uploads, slow loads, a server that keeps going away. In memory only.

After a restart all of it starts anew, which costs a little time and never a wrong decision.
"""

from collections.abc import Mapping

from edge_common.served_state import ServedModels, VersionState

from model_sync.catalog import Catalog
from model_sync.state import State

_LOADING = frozenset({VersionState.START, VersionState.LOADING})


class QuietUploads:
    """For how long the listing of each version has not changed."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._seen: dict[tuple[str, str], tuple[str, float]] = {}

    def after_listing(self, catalog: Catalog, now: float) -> None:
        """Take in one complete listing; `now` is monotonic."""
        seen = {}
        for name, model in catalog.models.items():
            for source, version in model.versions.items():
                before = self._seen.get((name, source))
                unchanged = before is not None and before[0] == version.upload_mark
                seen[name, source] = (version.upload_mark, before[1] if before and unchanged else now)
        self._seen = seen

    def quiet_for(self, model: str, now: float) -> Mapping[str, float]:
        """Source -> seconds, as of the last listing and `now`."""
        return {source: now - since for (name, source), (_, since) in self._seen.items() if name == model}


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
    """How long the server has been loading each configured version, and how often it died of it."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._waited: dict[tuple[str, int], float] = {}
        self._losses: dict[tuple[str, int], int] = {}
        self._was_loading: set[tuple[str, int]] = set()
        self._last_seen: float | None = None

    def observe(self, state: State, served: ServedModels | None, now: float) -> None:
        """Take in one answer of the server, or None for its absence; `now` is monotonic.

        Only time between two answers counts as waiting, so an absent server lets no version look slow.
        """
        configured = {(name, number) for name, model in state.models.items() for number in model.configured}
        self._waited = {key: value for key, value in self._waited.items() if key in configured}
        self._losses = {key: value for key, value in self._losses.items() if key in configured}
        if served is None:
            for key in self._was_loading & configured:
                self._losses[key] = self._losses.get(key, 0) + 1
            self._was_loading = set()
            self._last_seen = None
            return
        passed = 0.0 if self._last_seen is None else now - self._last_seen
        self._last_seen = now
        self._was_loading = set()
        for name, number in configured:
            version_state = served.get(name, {}).get(number)
            if version_state is VersionState.AVAILABLE:
                self._waited.pop((name, number), None)
                self._losses.pop((name, number), None)
            else:
                self._waited[name, number] = self._waited.get((name, number), 0.0) + passed
                if version_state in _LOADING:
                    self._was_loading.add((name, number))

    def loading_for(self, model: str) -> Mapping[int, float]:
        """Number -> seconds that the server, while reachable, has not had it AVAILABLE."""
        return {number: waited for (name, number), waited in self._waited.items() if name == model}

    def losses(self, model: str) -> Mapping[int, int]:
        """Number -> how often the server went away while loading it."""
        return {number: losses for (name, number), losses in self._losses.items() if name == model}
