"""A clock that a test moves by hand."""

from dataclasses import dataclass


@dataclass
class HandClock:
    """Implements Clock; both times move together."""

    passed: float = 0.0
    start: float = 1_700_000_000.0

    def monotonic(self) -> float:
        return self.passed

    def now(self) -> float:
        return self.start + self.passed

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.passed += seconds
