"""When a component that has ended is started again. Pure."""

from dataclasses import dataclass, replace

STEADY_SECONDS = 60.0
"""Who ran that long has recovered: the next pause is the shortest again."""
LONGEST_PAUSE = 60.0


@dataclass(frozen=True)
class Restarts:
    """What is remembered of one component; times are seconds of one monotonic clock."""

    started_at: float
    count: int = 0
    """How often it was started again."""
    early_ends: int = 0
    """How often in a row it ended before it had run for a minute."""
    due_at: float | None = None
    """When to start it again; None while it runs."""
    pause: float = 0.0
    """Seconds of the last pause before it was or is started again."""
    last_end: str = ""

    def ended(self, now: float, words: str) -> "Restarts":
        """It has ended: to be started again after 1, 2, 4, … 60 s, the longer the more often it just did."""
        early = 1 if now - self.started_at >= STEADY_SECONDS else self.early_ends + 1
        pause = min(LONGEST_PAUSE, 2.0 ** min(early - 1, 6))
        return replace(self, early_ends=early, due_at=now + pause, pause=pause, last_end=words)

    def is_due(self, now: float) -> bool:
        """Whether to start it now."""
        return self.due_at is not None and now >= self.due_at

    def started(self, now: float) -> "Restarts":
        """It was started again."""
        return replace(self, started_at=now, count=self.count + 1, due_at=None)
