"""What people have done over HTTP; the loop sees their pins in the bucket as well, and each is told once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from model_sync.planning.history import Event, HistoryEntry

OF_PINS = frozenset({Event.PINNED, Event.UNPINNED})
_ECHO_SECONDS = 60.0
"""How long after it was done something may be seen in the bucket, or before that was noted."""


@dataclass
class Noted:
    """Entries that name a person; `put` is thread-safe, the rest is the loop's."""

    _queue: SimpleQueue[HistoryEntry] = field(default_factory=SimpleQueue)
    _awaited: list[HistoryEntry] = field(default_factory=list)
    """Pins that the loop has not seen yet."""

    def put(self, entry: HistoryEntry) -> None:
        """Have it told by the next report."""
        self._queue.put(entry)

    def take(self, told: tuple[HistoryEntry, ...]) -> tuple[list[HistoryEntry], tuple[HistoryEntry, ...]]:
        """The new entries, and what was `told` without those that the new ones tell better."""
        taken = list(self._waiting())
        for entry in taken:
            if entry.event in OF_PINS:
                of_model = (
                    one for one in reversed(told) if one.event in OF_PINS and one.model == entry.model
                )
                last = next(of_model, None)
                if last is not None and _is_same(last, entry):
                    told = tuple(one for one in told if one is not last)
                else:
                    self._awaited.append(entry)
        return taken, told

    def is_echo(self, seen: HistoryEntry) -> bool:
        """Whether what was `seen` in the bucket was taken before; true once for each."""
        self._awaited = [one for one in self._awaited if seen.at - one.at < _ECHO_SECONDS]
        first = next((one for one in self._awaited if _is_same(one, seen)), None)
        if first is not None:
            self._awaited.remove(first)
        return first is not None

    def _waiting(self) -> Iterator[HistoryEntry]:
        while True:
            try:
                yield self._queue.get_nowait()
            except Empty:
                return


def _is_same(one: HistoryEntry, other: HistoryEntry) -> bool:
    what = (one.event, one.model, one.version) == (other.event, other.model, other.version)
    who = one.by == other.by or not one.by or not other.by
    return what and who and abs(one.at - other.at) < _ECHO_SECONDS
