"""What this pod's model server, and those of the other pods on the volume, say over time."""

from dataclasses import dataclass, field

from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.served_state import ServedModels

from model_sync.model_server.client import AnswersServed, ServerBusyError
from model_sync.model_server.replicas import Replicas, merge_served
from model_sync.planning.load_failures import LoadWatch
from model_sync.planning.snapshot import ServerSnapshot, by_model
from model_sync.planning.state import State

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
        busy = self._busy_since is not None
        served = self._own
        if self.replicas is not None:
            if not busy:  # what others read of a server is never older than their patience with it
                self.replicas.report(self._own, now)
            if served is not None:
                served = merge_served(served, self.replicas.others())
        self._loads.observe(state, served, now, busy=busy)
        return ServerSnapshot(
            url=self.server.url,
            own=self._own,
            served=served,
            busy_for=None if self._busy_since is None else now - self._busy_since,
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
            _log.info("server_back")
        self._own, self._failures, self._busy_since = own, 0, None
