"""Following the server's models: what it serves now, and one log line for every change."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge_common.errors import EdgeError
from edge_common.logs import get_logger

from car_client.errors import ServerFailedError, ServerUnreachableError
from car_client.models.discovery import Discovery
from car_client.models.served_model import ModelTable, ServedModel

_log = get_logger()


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One line of log: an event about one model, with its details."""

    event: str
    model: str
    details: Mapping[str, object]


def changes(before: ModelTable, after: ModelTable) -> list[ModelChange]:
    """What is different in `after`, by model name."""
    names = before.usable.keys() | before.unusable.keys() | after.usable.keys() | after.unusable.keys()
    found = (_change(name, before, after) for name in sorted(names))
    return [change for change in found if change is not None]


def _change(name: str, before: ModelTable, after: ModelTable) -> ModelChange | None:
    old, new = before.usable.get(name), after.usable.get(name)
    if new is None:
        if name in after.unusable:
            if after.unusable[name] == before.unusable.get(name):
                return None
            return ModelChange("model_rejected", name, {"reason": after.unusable[name]})
        return ModelChange("model_removed", name, {"version": old.version} if old else {})
    if old is None:
        return ModelChange("model_added", name, {"version": new.version, **_description(new)})
    if old.version != new.version:
        details = {"version": new.version, "previous_version": old.version, **_description(new)}
        return ModelChange("model_version_changed", name, details)
    if old != new:
        return ModelChange("model_description_changed", name, {"version": new.version, **_description(new)})
    return None


def _description(model: ServedModel) -> dict[str, object]:
    details: dict[str, object] = {"input": str(model.input), "preprocessing": str(model.source)}
    return details | ({"warnings": list(model.warnings)} if model.warnings else {})


@dataclass(frozen=True, slots=True)
class ServerView:
    """The models as last seen, and why the server cannot be asked right now (None: it can)."""

    table: ModelTable = field(default_factory=ModelTable)
    error: str | None = None


class ModelFollower:
    """Keeps the last view of the server; threads may share it.

    While the server is away the last table stays, so that its models are known as soon as it is back.
    """

    def __init__(
        self, discovery: Discovery, *, on_change: Callable[[ServerView], None] = lambda _view: None
    ) -> None:
        """`on_change` is called with every view that differs from the one before."""
        self._discovery = discovery
        self._on_change = on_change
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self.view = ServerView()
        """What is known, without asking; replaced, never changed."""
        self.has_seen_the_server = False
        """Whether it ever answered."""

    @property
    def is_reachable(self) -> bool:
        """Whether the server answered when it was last asked."""
        return self.has_seen_the_server and self.view.error is None

    @property
    def seconds_since_look(self) -> float:
        """Since the server was last asked, whatever the answer; infinite before the first time."""
        return time.monotonic() - self._looked_at

    def refresh(self, *, max_age: float = 0.0) -> ServerView:
        """Ask the server, unless that was done less than `max_age` seconds ago; never raises for outages."""
        with self._lock:
            if self.seconds_since_look < max_age:
                return self.view
            try:
                self.learn(self._discovery.refresh())
            except (ServerUnreachableError, ServerFailedError) as error:
                self.lose(error)
            self._looked_at = time.monotonic()
            return self.view

    def run(self, stop: threading.Event, *, interval: float) -> None:
        """Ask every `interval` seconds until `stop` is set."""
        while not stop.is_set():
            self.refresh(max_age=interval / 2)
            stop.wait(interval)

    def learn(self, table: ModelTable) -> None:
        """Take over `table`: log what changed in it, and that the server is back if it was lost."""
        if self.view.error is not None:
            _log.info("server_returned")
        for change in changes(self.view.table, table):
            write = _log.warning if change.event == "model_rejected" else _log.info
            write(change.event, model=change.model, **change.details)
        self.has_seen_the_server = True
        self._replace(ServerView(table))

    def lose(self, error: EdgeError) -> None:
        """Note that the server did not answer, as `error` says; logged once until it is back."""
        if self.view.error is None:
            _log.warning("server_lost", error=str(error))
        self._replace(ServerView(self.view.table, str(error)))

    def _replace(self, view: ServerView) -> None:
        before, self.view = self.view, view
        if view != before:
            self._on_change(view)
