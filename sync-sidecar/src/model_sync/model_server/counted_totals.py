"""What a server has counted of each version so far, going on where it began anew, and a window ago."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from model_sync.model_server.server_counts import Key, ReadsCounts
from model_sync.swap_watch.observations import ServerCounts

NOTHING = ServerCounts()


@dataclass
class CountedTotals:
    """Totals that only grow, though a server that is started anew counts from zero. Used by one thread."""

    counts: ReadsCounts
    window: float
    """Seconds that are looked back."""
    readings: int = 0
    """How many brought counts."""
    is_readable: bool = False
    """Whether the last one did."""
    _totals: dict[Key, ServerCounts] = field(default_factory=dict)
    _raw: Mapping[Key, ServerCounts] = field(default_factory=dict)
    _earlier: deque[tuple[float, Mapping[Key, ServerCounts]]] = field(default_factory=deque)
    """Totals of times within the window, and the last before it."""

    def read(self, known: Collection[Key], now: float) -> None:
        """Take in a reading, and remember only the versions `known`; `now` is monotonic."""
        counted = self.counts.counts()
        self.is_readable = counted is not None
        if counted is None:
            return
        self.readings += 1
        for key, counts in counted.items():
            self._totals[key] = self.of(key) + (counts - self._raw.get(key, NOTHING))
        self._raw = counted
        self._totals = {key: counts for key, counts in self._totals.items() if key in known}
        self._earlier.append((now, dict(self._totals)))
        while len(self._earlier) > 1 and self._earlier[1][0] <= now - self.window:
            self._earlier.popleft()

    def of(self, key: Key) -> ServerCounts:
        """What was counted of a version in all."""
        return self._totals.get(key, NOTHING)

    def of_window_start(self, key: Key, now: float) -> ServerCounts:
        """What was counted of a version when the last window began; nothing, where nobody read so early."""
        at, first = self._earlier[0] if self._earlier else (now, {})
        return first.get(key, NOTHING) if at <= now - self.window else NOTHING
