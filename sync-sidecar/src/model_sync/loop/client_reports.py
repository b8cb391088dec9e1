"""What clients report of the versions that answer them, until the loop takes it in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from model_sync.swap_watch.observations import MOST_REPORTERS, Answers

Reports = Mapping[str, Mapping[int, Answers]]
"""Reporter -> local version -> its totals."""

_MOST_MODELS = 1000


@dataclass
class ClientReports:
    """The last report of each client, by model. Thread-safe; bounded, whoever reports."""

    _lock: Lock = field(default_factory=Lock)
    _last: dict[str, dict[str, Mapping[int, Answers]]] = field(default_factory=dict)

    def put(self, model: str, reporter: str, versions: Mapping[int, Answers]) -> bool:
        """Keep a report in place of the reporter's last; False when too many others report already."""
        with self._lock:
            if model not in self._last and len(self._last) >= _MOST_MODELS:
                return False
            told = self._last.setdefault(model, {})
            if reporter not in told and len(told) >= MOST_REPORTERS:
                return False
            told[reporter] = versions
            return True

    def of(self, model: str) -> Reports:
        """What is known of `model`."""
        with self._lock:
            return dict(self._last.get(model, {}))

    def forget(self, model: str) -> None:
        """Nothing of `model` is needed any more."""
        with self._lock:
            self._last.pop(model, None)
