"""The model server, asked what it really serves.

Only `GET /v1/config` is used: it answers during loads, takes no lock in the server, and never names a version
in a way that could block (measured on OVMS 2026.2.1). But every request holds one of the server's few REST
threads for as long as it runs, so behind slow inferences the answer is late: that server is busy, not away.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Protocol

import urllib3
from edge_common.errors import RetryableError
from edge_common.served_state import ServedModels, parse_served_models
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

_PROMPT = 2.0
"""Seconds within which a server that is not busy answers, and for which a caller waits."""
_PATIENCE = urllib3.Timeout(connect=5.0, read=30.0)
"""Seconds after which a question is asked anew, on another connection, which another thread may serve."""


class ServerBusyError(RetryableError):
    """The server is there, and has not answered yet; what it said last is the best that is known."""


class AnswersServed(Protocol):
    """A model server that tells what it serves."""

    url: str

    def served(self) -> ServedModels:
        """Every model and version it knows, with its state.

        Raises ServerBusyError when its answer is late, and another RetryableError when it is away.
        """
        ...


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

    def served(self) -> ServedModels:
        """See AnswersServed. A question that was not answered in time is answered by a later call."""
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
            raise RetryableError(
                f"the model server at {self.url} does not answer ({type(error).__name__}); "
                "start it, or correct MODEL_SYNC_OVMS_URL"
            ) from error
        self._asked = None
        if self._last is None or self._last[0] != body:  # hundreds of models mostly say the same again
            self._last = body, parse_served_models(body)
        return self._last[1]

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
