"""Tells the sidecar how a version that has just taken over answers, as long as it watches that version."""

import json
import secrets
import socket
import threading
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import quote

from edge_common.errors import EdgeError
from edge_common.logs import get_logger

from car_client.kserve.connection import Connection
from car_client.sidecar.documents import Watch
from car_client.sidecar.follower import SidecarFollower
from car_client.sidecar.tally import Tally, Totals

_log = get_logger()
_LOOK_SECONDS = 1.0
_REPORT_EVERY = 3
"""Looks."""
_WATCHING = "watching"


@dataclass(frozen=True, slots=True)
class _Begun:
    """A watch as first seen: what was counted of the new version by then, and of the one before lately."""

    since: datetime | None
    new: Totals
    before: Totals


class Reporter:
    """Posts totals; what goes wrong is told once, and never disturbs an inference. Runs in one thread."""

    def __init__(
        self, connection: Connection, follower: SidecarFollower, tally: Tally, *, token: str = ""
    ) -> None:
        """`connection` is the sidecar's, `token` its sync token, which it asks for from other hosts."""
        self._connection = connection
        self._follower = follower
        self._tally = tally
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._name = f"{socket.gethostname()[:40] or 'client'}-{secrets.token_hex(4)}"
        self._begun: dict[str, _Begun] = {}
        self._told = ""

    def run(self, stop: threading.Event) -> None:
        """Look every second, report every third, until `stop` is set."""
        looks = 0
        while not stop.wait(_LOOK_SECONDS):
            self.look(report=looks % _REPORT_EVERY == 0)
            looks += 1

    def look(self, *, report: bool = True) -> None:
        """See what is watched, and report of it."""
        view = self._follower.refresh(max_age=_LOOK_SECONDS)
        models = view.status.models if view.status is not None and view.error is None else {}
        watched = {name: model.watch for name, model in models.items() if model.watch is not None}
        watched = {name: watch for name, watch in watched.items() if watch.state == _WATCHING}
        self._begun = {name: begun for name, begun in self._begun.items() if name in watched}
        for name, watch in watched.items():
            begun = self._begun.get(name)
            if begun is None or begun.since != watch.since:
                new = self._tally.totals(name, watch.local_version)
                begun = _Begun(watch.since, new, self._tally.lately(name, watch.local_before))
                self._begun[name] = begun
            if report:
                self._report(name, watch, begun)

    def _report(self, name: str, watch: Watch, begun: _Begun) -> None:
        new = self._tally.totals(name, watch.local_version).since(begun.new)
        told = {watch.local_version: new, watch.local_before: begun.before}
        versions = {str(version): asdict(totals) for version, totals in told.items()}
        body = json.dumps({"reporter": self._name, "versions": versions}).encode()
        path = f"/v1/models/{quote(name, safe='')}/observations"
        try:
            answer = self._connection.request("POST", path, body=[body], headers=self._headers)
            answer.checked("the report of what a new version answers")
            self._told = ""
        except EdgeError as error:
            if self._told != str(error):
                _log.info("report_not_taken", model=name, reason=str(error))
            self._told = str(error)
