"""What this pod's model server, and those of the other pods on the volume, say over time.

One pod writes models and config.json; all servers read them. A change is complete only when every live server
has made it, so each pod keeps a file with its server's states fresh, and the writer looks at all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.served_state import ServedModels, VersionState

from model_sync.model_server.client import AnswersServed, ServerBusyError
from model_sync.model_server.replicas import LIVE_SECONDS, Replicas
from model_sync.planning.load_failures import LoadWatch
from model_sync.planning.snapshot import ServerSnapshot, by_model
from model_sync.planning.state import State

_LEAST_READY_FIRST = (
    VersionState.FAILED,
    VersionState.LOADING,
    VersionState.START,
    VersionState.UNLOADING,
    VersionState.END,
    VersionState.AVAILABLE,
)


def _common(told: Mapping[str, ServedModels]) -> ServedModels | None:
    """What those who have told have in common; None when nobody has."""
    if not told:
        return None
    first, *rest = told
    return merge_served(told[first], {pod: told[pod] for pod in rest})


def merge_served(own: ServedModels, others: Mapping[str, ServedModels]) -> ServedModels:
    """The states as the writer has to see them: a version is as far as the server that is least far.

    What one server does not know counts as LOADING while another has it, and as END once the others ended it.
    """
    if not others:
        return own
    everybody = [own, *others.values()]
    merged: dict[str, dict[int, VersionState]] = {}
    for name in {name for served in everybody for name in served}:
        local_versions = {local_version for served in everybody for local_version in served.get(name, {})}
        merged[name] = {
            local_version: _least_ready([served.get(name, {}).get(local_version) for served in everybody])
            for local_version in local_versions
        }
    return merged


def _least_ready(states: list[VersionState | None]) -> VersionState:
    known = {state for state in states if state is not None}
    if known == {VersionState.END}:
        return VersionState.END
    if VersionState.AVAILABLE in known and VersionState.END in known:
        known.add(VersionState.UNLOADING)  # ended on one, answering on another: neither gone nor relied upon
    if None in states:
        known.add(VersionState.LOADING)
    return min(known, key=_LEAST_READY_FIRST.index)


_log = get_logger()


@dataclass
class ServerWatch:
    """Asks the server and remembers. Used by one thread."""

    server: AnswersServed
    replicas: Replicas | None = None
    """Where this pod and others on the volume tell what their servers serve; None: nothing is told."""
    _own: ServedModels | None = None
    """What this pod's server said last; None while it is away."""
    _busy_since: float | None = None
    _failures: int = 0
    _loads: LoadWatch = field(default_factory=LoadWatch)

    def ask(self, state: State, now: float) -> ServerSnapshot:
        """What is served; `state` tells which loads to watch, `now` is monotonic.

        Raises OSError when the volume refuses what this pod has to tell the others.
        """
        self._ask_own(now)
        busy_for = None if self._busy_since is None else now - self._busy_since
        others: Mapping[str, ServedModels] = {}
        silent = False
        if self.replicas is not None:
            if busy_for is None:  # what others read of a server is never older than their patience with it
                self.replicas.report(self._own, now)
            others, silent = self.replicas.others(), self.replicas.somebody_is_silent()
        # the others do not wait for a server that has said nothing for as long as for a pod that is gone
        told = dict(others)
        if self._own is not None and not (others and (busy_for or 0.0) > LIVE_SECONDS):
            told[""] = self._own
        self._loads.observe(state, self._own, now, others, busy=busy_for is not None)
        return ServerSnapshot(
            url=self.server.url,
            own=self._own,
            served=_common(told),
            outdated=busy_for is not None and "" in told,
            complete=self._own is not None and busy_for is None and not silent,
            busy_for=busy_for,
            failures=self._failures,
            loading_for=by_model(self._loads.loading_for),
            load_crashes=by_model(self._loads.crashes),
        )

    def _ask_own(self, now: float) -> None:
        try:
            own = self.server.served()
        except ServerBusyError as error:
            if self._busy_since is None:
                _log.warning("server_busy", reason=str(error))
                self._busy_since = now
            return
        except RetryableError as error:
            if not self._failures:
                _log.warning("server_away", reason=str(error))
            self._failures += 1
            self._own = self._busy_since = None
            return
        if self._failures or self._busy_since is not None:
            _log.info("server_returned")
        self._own, self._failures, self._busy_since = own, 0, None
