"""The model server, asked what it really serves, and what its answers tell over time.

Only `GET /v1/config` is used: it answers during loads, takes no lock in the server, and never names a version
in a way that could block (measured on OVMS 2026.2.1).
"""

from dataclasses import dataclass, field
from typing import Protocol

import urllib3
from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.served_state import ServedModels, parse_served_models
from urllib3.exceptions import HTTPError

from model_sync.model_server.replicas import Replicas, merge_served
from model_sync.planning.load_failures import LoadWatch
from model_sync.planning.snapshot import ServerSnapshot, by_model
from model_sync.planning.state import State

_log = get_logger()

_TIMEOUT = urllib3.Timeout(connect=2.0, read=5.0)
"""Seconds. A handler occupies its I/O thread, so an answer may be late."""


class AnswersServed(Protocol):
    """A model server that tells what it serves."""

    url: str

    def served(self) -> ServedModels:
        """Every model and version it knows, with its state; raises RetryableError when it is away."""
        ...


class ModelServer:
    """One model server's REST address."""

    def __init__(self, url: str) -> None:
        """`url` such as http://localhost:8000; the first request is that of `served`."""
        self.url = url.rstrip("/")
        self._pool = urllib3.PoolManager(retries=False)  # knows no proxies; they must not be asked
        self._last: tuple[bytes, ServedModels] | None = None

    def served(self) -> ServedModels:
        """Every model and version the server knows, with its state; raises RetryableError when it is away."""
        try:
            answer = self._pool.request("GET", f"{self.url}/v1/config", timeout=_TIMEOUT)
        except HTTPError as error:
            raise RetryableError(
                f"the model server at {self.url} does not answer ({type(error).__name__}); "
                "start it, or correct MODEL_SYNC_OVMS_URL"
            ) from error
        if self._last is None or self._last[0] != answer.data:  # hundreds of models mostly say the same again
            self._last = answer.data, parse_served_models(answer.data)
        return self._last[1]


@dataclass
class ServerWatch:
    """Asks the server and remembers. Used by one thread."""

    server: AnswersServed
    replicas: Replicas | None = None
    """Where this pod and others on the volume tell what their servers serve; None: nothing is told."""
    _failures: int = 0
    _loads: LoadWatch = field(default_factory=LoadWatch)

    def ask(self, state: State, now: float) -> ServerSnapshot:
        """What is served; `state` tells which loads to watch, `now` is monotonic.

        Raises OSError when the volume refuses what this pod has to tell the others.
        """
        own = self._ask_own()
        served = own
        if self.replicas is not None:
            self.replicas.report(own, now)
            if own is not None:
                served = merge_served(own, self.replicas.others())
        self._loads.observe(state, served, now)
        return ServerSnapshot(
            url=self.server.url,
            own=own,
            served=served,
            failures=self._failures,
            loading_for=by_model(self._loads.loading_for),
            load_crashes=by_model(self._loads.crashes),
        )

    def _ask_own(self) -> ServedModels | None:
        try:
            own = self.server.served()
        except RetryableError as error:
            if not self._failures:
                _log.warning("server_away", reason=str(error))
            self._failures += 1
            return None
        if self._failures:
            _log.info("server_back")
        self._failures = 0
        return own
