"""The model server over time: its last answer, and what its loads look like."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.served_state import ServedModels, VersionState

from model_sync.clock import Clock
from model_sync.model_server.client import ModelServer
from model_sync.model_server.replicas import Replicas, merge_served
from model_sync.planning.history import LoadWatch
from model_sync.planning.state import State

_log = get_logger()


@dataclass
class ServerWatch:
    """Asks the server and remembers. Used by one thread."""

    server: ModelServer
    clock: Clock
    replicas: Replicas | None = None
    """Where this pod and others on the volume tell what their servers serve; None: nobody else is there."""
    served: ServedModels | None = None
    """What every live server on the volume has in common; None while this pod's own is away."""
    own: ServedModels | None = None
    """The last answer of this pod's server."""
    loads: LoadWatch = field(default_factory=LoadWatch)
    failures: int = 0
    """How often in a row it did not answer."""

    def ask(self, state: State) -> None:
        """Ask what is served; `state` tells which loads to watch. Raises OSError when the volume refuses."""
        try:
            self.served = self.server.served()
        except RetryableError as error:
            if not self.failures:
                _log.warning("server_away", reason=str(error))
            self.served = None
            self.failures += 1
        else:
            if self.failures:
                _log.info("server_back")
            self.failures = 0
        self.own = self.served
        if self.replicas is not None:
            self.replicas.report(self.own, self.clock.monotonic())
            if self.own is not None:
                self.served = merge_served(self.own, self.replicas.others())
        self.loads.observe(state, self.served, self.clock.monotonic())

    def of(self, model: str) -> Mapping[int, VersionState] | None:
        """The states of one model's versions; None while the server is away."""
        return None if self.served is None else self.served.get(model, {})

    def in_motion(self, state: State) -> bool:
        """Whether the server is expected to change something soon: a load, or the end of a version."""
        if self.served is None:
            return False
        for name, model in state.models.items():
            states = self.served.get(name, {})
            if any(
                states.get(local_version) is not VersionState.AVAILABLE for local_version in model.configured
            ):
                return True
            held = {local_version for local_version, seen in states.items() if seen is not VersionState.END}
            if held - set(model.configured):
                return True
        return False
