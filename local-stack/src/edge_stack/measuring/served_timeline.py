"""When each version of each model came and went, as the model server itself says."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import urllib3
from edge_common.errors import RetryableError
from edge_common.served_state import ServedModels, VersionState, parse_served_models

from edge_stack.processes.waiting import http_get

LOOK_EVERY_SECONDS = 0.02
"""How exact the recorded times are; a look costs the server well under a millisecond."""


@dataclass(frozen=True)
class Transition:
    """A version was seen in a new state."""

    at: float
    """Unix seconds of the first look that showed it."""
    model: str
    version: int
    state: VersionState


def read_served(url: str, pool: urllib3.PoolManager | None = None) -> ServedModels:
    """What the server at `url` serves; raises RetryableError when it does not answer `/v1/config`."""
    served, _ = parse_served_models(http_get(f"{url}/v1/config", pool=pool).data)
    return served


class ServedTimeline:
    """Watches the server from entering the context until leaving it; outages are passed over."""

    def __init__(self, url: str, *, now: Callable[[], float] = time.time) -> None:
        self._url = url
        self._now = now
        self._known: dict[tuple[str, int], VersionState] = {}
        self._transitions: list[Transition] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="served-timeline")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()

    def transitions(self) -> list[Transition]:
        """All changes so far, in order."""
        return self._transitions.copy()

    def last(self, model: str, version: int, state: VersionState) -> float | None:
        """When the version most recently came into `state`; None: it never did."""
        times = [t.at for t in self.transitions() if (t.model, t.version, t.state) == (model, version, state)]
        return times[-1] if times else None

    def _watch(self) -> None:
        pool = urllib3.PoolManager()
        while not self._stopping.wait(LOOK_EVERY_SECONDS):
            try:
                self._note(read_served(self._url, pool))
            except RetryableError:
                continue  # the server is starting or stopping: nothing changed that could be told

    def _note(self, served: ServedModels) -> None:
        at = self._now()
        for model, versions in served.items():
            for version, state in versions.items():
                if self._known.get((model, version)) is not state:
                    self._known[model, version] = state
                    self._transitions.append(Transition(at, model, version, state))
