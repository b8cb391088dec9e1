"""What this pod's model server, and those of the other pods on the volume, say over time.

Only `GET /v1/config` is asked for: it is answered during loads, takes no lock in the server, and never names
a version in a way that could block (measured on OVMS 2026.2.1). But every request holds one of the server's
few REST threads for as long as it runs, so behind slow inferences it is late: that server is busy, not away.

One pod writes models and config.json; all servers read them. A change is complete only when every live server
has made it, so each pod keeps a file with its server's states fresh, and the writer looks at all of them.
"""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Thread

import urllib3
from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.printable import printable
from edge_common.served_state import ServedModels, VersionState, parse_served_models
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from model_sync.model_server.replicas import LIVE_SECONDS, Replicas
from model_sync.planning.load_failures import LoadWatch
from model_sync.planning.rollout import tried_model
from model_sync.planning.snapshot import ServerSnapshot, by_model
from model_sync.planning.state import State

_log = get_logger()

_PROMPT = 2.0
"""Seconds within which a server that is not busy answers, and for which a caller waits."""
_PATIENCE = urllib3.Timeout(connect=5.0, read=30.0)
"""Seconds after which a question is asked anew, on another connection, which another thread may serve."""
_MOST_NAMED = 20
_LEAST_READY_FIRST = (
    VersionState.FAILED,
    VersionState.LOADING,
    VersionState.START,
    VersionState.UNLOADING,
    VersionState.END,
    VersionState.AVAILABLE,
)


class ServerBusyError(RetryableError):
    """The server is there, and has not answered yet; what it said last is the best that is known."""


class ModelServer:
    """One model server's REST address, and one connection to it. `served` is for one thread."""

    def __init__(self, url: str, answered: Callable[[], None] = lambda: None) -> None:
        """`url` such as http://localhost:8000; the first request is that of `served`.

        `answered` is called from another thread when a late answer, or the end of the server, is there.
        """
        self.url = url.rstrip("/")
        self._answered = answered
        # knows no proxies; they must not be asked
        self._pool = urllib3.PoolManager(maxsize=1, retries=False)
        self._asked: Future[bytes] | None = None
        self._asked_at = 0.0
        self._last: tuple[bytes, ServedModels] | None = None
        self.unclear: frozenset[str] = frozenset()
        """Names whose states the last answer told in another form; `served` gives those before, if any."""

    def served(self) -> ServedModels:
        """Every model and version it knows, with its state.

        Raises ServerBusyError when its answer is late, which a later call then gives, and another
        RetryableError when it is away.
        """
        if self._asked is None:
            self._asked, self._asked_at = Future(), time.monotonic()
            # a daemon, because the end of the program does not wait for a busy server
            Thread(target=self._ask, args=(self._asked,), name="ask-server", daemon=True).start()
        waited = time.monotonic() - self._asked_at
        try:
            body = self._asked.result(max(0.0, _PROMPT - waited))
        except TimeoutError as error:
            raise self._busy() from error
        except HTTPError as error:
            self._asked = None
            if _is_too_late(error):
                raise self._busy() from error
            self._last = None
            raise RetryableError(
                f"the model server at {self.url} does not answer ({type(error).__name__}); "
                "start it, or correct MODEL_SYNC_OVMS_URL"
            ) from error
        self._asked = None
        if self._last is None or self._last[0] != body:  # hundreds of models mostly say the same again
            self._last = body, self._understood(body)
        return self._last[1]

    def _understood(self, body: bytes) -> ServedModels:
        served, unclear = parse_served_models(body)
        if unclear - self.unclear:
            models = [printable(name) for name in sorted(unclear)[:_MOST_NAMED]]
            reason = (
                "the model server tells their states in a form that is not known; what it said before holds"
            )
            _log.warning("model_states_unclear", models=models, reason=reason)
        self.unclear = unclear
        before = {} if self._last is None else self._last[1]
        return {**served, **{name: before[name] for name in unclear & before.keys()}}

    def _busy(self) -> ServerBusyError:
        return ServerBusyError(
            f"the model server at {self.url} is busy: it has not answered yet; what it said last holds. "
            "If that lasts, start it with more --rest_workers"
        )

    def _ask(self, asked: Future[bytes]) -> None:
        try:
            asked.set_result(self._pool.request("GET", f"{self.url}/v1/config", timeout=_PATIENCE).data)
        except HTTPError as error:
            asked.set_exception(error)
        if time.monotonic() - self._asked_at > _PROMPT:
            self._answered()


def _is_too_late(error: HTTPError) -> bool:
    """Whether nobody answered in time; a refused connection, which urllib3 counts among these, is no such."""
    late = isinstance(error, ReadTimeoutError | ConnectTimeoutError)
    return late and not isinstance(error, NewConnectionError)


def merge_served(told: Mapping[str, ServedModels]) -> ServedModels | None:
    """The states as the writer has to see them: a version is as far as the server that is least far.

    What one server does not know counts as LOADING while another has it, and as END once the others ended it.
    None: nobody has told anything.
    """
    everybody = list(told.values())
    if len(everybody) < 2:  # noqa: PLR2004 - as it is
        return everybody[0] if everybody else None
    merged: dict[str, dict[int, VersionState]] = {}
    for name in {name for served in everybody for name in served}:
        known = [served.get(name, {}) for served in everybody]
        local_versions = {local_version for states in known for local_version in states}
        merged[name] = {
            number: _least_ready([states.get(number) for states in known]) for number in local_versions
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


def _model_of(name: str) -> str:
    return tried_model(name) or name


@dataclass
class ServerWatch:
    """Asks the server and remembers. Used by one thread."""

    url: str
    served: Callable[[], ServedModels]
    """See `ModelServer.served`."""
    replicas: Replicas | None = None
    """Where this pod and others on the volume tell what their servers serve; None: nothing is told."""
    unclear: Callable[[], Collection[str]] = frozenset
    """See `ModelServer.unclear`."""
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
        names = self.unclear() if self._own is not None else ()
        unclear = frozenset(_model_of(name) for name in names)
        busy_for = None if self._busy_since is None else now - self._busy_since
        others: Mapping[str, ServedModels] = {}
        silent = False
        if self.replicas is not None:
            # what others read of a server is never older than their patience with it
            if busy_for is None and not unclear:
                self.replicas.report(self._own, now)
            others, silent = self.replicas.others(), self.replicas.somebody_is_silent()
        # the others do not wait for a server that has said nothing for as long as for a pod that is gone
        told = dict(others)
        if self._own is not None and not (others and (busy_for or 0.0) > LIVE_SECONDS):
            told[""] = self._own
        asked, clear = state, self._own
        if unclear and clear is not None:  # a load that nobody tells of takes no time
            asked = replace(state, models={n: m for n, m in state.models.items() if n not in unclear})
            clear = {n: states for n, states in clear.items() if _model_of(n) not in unclear}
        self._loads.observe(asked, clear, now, others, busy=busy_for is not None)
        return ServerSnapshot(
            url=self.url,
            own=self._own,
            served=merge_served(told),
            outdated=busy_for is not None and "" in told,
            unclear=unclear,
            complete=self._own is not None and busy_for is None and not silent,
            busy_for=busy_for,
            failures=self._failures,
            loading_for=by_model(self._loads.loading_for),
            load_crashes=by_model(self._loads.crashes),
        )

    def _ask_own(self, now: float) -> None:
        try:
            own = self.served()
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
