"""A clock that a test moves by hand."""

from dataclasses import dataclass

from model_sync.loop.wakeup import Clock


@dataclass
class HandClock(Clock):
    """Both times move together."""

    passed: float = 0.0
    start: float = 1_700_000_000.0

    def monotonic(self) -> float:
        return self.passed

    def now(self) -> float:
        return self.start + self.passed

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.passed += seconds
