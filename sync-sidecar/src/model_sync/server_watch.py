"""The model server over time: its last answer, and what its loads look like."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.served_state import ServedModels, VersionState

from model_sync.clock import Clock
from model_sync.observations import LoadWatch
from model_sync.ovms_client import ModelServer
from model_sync.state import State

_log = get_logger()


@dataclass
class ServerWatch:
    """Asks the server and remembers. Used by one thread."""

    server: ModelServer
    clock: Clock
    served: ServedModels | None = None
    """The last answer; None while the server is away."""
    loads: LoadWatch = field(default_factory=LoadWatch)
    _told_away: bool = False

    def ask(self, state: State) -> None:
        """Ask what is served; `state` tells which loads to watch."""
        try:
            self.served = self.server.served()
        except RetryableError as error:
            if not self._told_away:
                _log.warning("server_away", reason=str(error))
            self.served, self._told_away = None, True
        else:
            if self._told_away:
                _log.info("server_back")
            self._told_away = False
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
            if any(states.get(number) is not VersionState.AVAILABLE for number in model.configured):
                return True
            held = {number for number, seen in states.items() if seen is not VersionState.END}
            if held - set(model.configured):
                return True
        return False
