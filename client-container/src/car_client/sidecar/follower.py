"""Following the sidecar's status: what it said last, and why it cannot be asked right now."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from edge_common.errors import EdgeError
from edge_common.logs import get_logger

from car_client.errors import ServerFailedError
from car_client.kserve.connection import Answer, Connection
from car_client.sidecar.documents import History, Status, read_history, read_status

_log = get_logger()
_STATUS = "/v1/status"
_HISTORY = "/v1/history?limit=50"


@dataclass(frozen=True, slots=True)
class SidecarView:
    """The sidecar as last seen; `status` stays while it is away, and `error` says why it is."""

    address: str | None = None
    """None: no address is set, and nobody is asked."""
    status: Status | None = None
    history: History | None = None
    """None: it keeps none."""
    error: str | None = None


class SidecarFollower:
    """Asks the sidecar at `connection` for its status; threads may share it."""

    def __init__(
        self, connection: Connection | None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`connection` None asks nobody; else it bounds the time and the size of each answer."""
        self._connection = connection
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._body = b""
        self.view = SidecarView(connection.base_url if connection is not None else None)
        """What is known, without asking; replaced, never changed."""

    def refresh(self, *, max_age: float = 0.0) -> SidecarView:
        """Ask, unless that was done less than `max_age` seconds ago; never raises for outages."""
        if self._connection is None:
            return self.view
        with self._lock:
            if self._monotonic() - self._looked_at < max_age:
                return self.view
            try:
                self._learn(self._connection.get(_STATUS), self._connection.get(_HISTORY))
            except EdgeError as error:
                self._lose(str(error))
            self._looked_at = self._monotonic()
            return self.view

    def _learn(self, answer: Answer, told: Answer) -> None:
        status, address = self.view.status, self.view.address
        if answer.status != HTTPStatus.OK:
            raise ServerFailedError(
                f"{address} answers {answer.status} when it is asked for its status "
                f"({answer.error_text or 'no reason given'}); check that it is the sidecar's address"
            )
        if answer.body != self._body or status is None:  # most answers are the last one again
            status = read_status(answer.body, address or "")
            self._body = answer.body
        if self.view.error is not None:
            _log.info("sidecar_returned", address=self.view.address)
        history = read_history(told.body) if told.status == HTTPStatus.OK else None
        self.view = replace(self.view, status=status, history=history, error=None)

    def _lose(self, error: str) -> None:
        if self.view.error is None:
            _log.warning("sidecar_lost", error=error)
        self.view = replace(self.view, error=error)
