"""Time, passed in, so that a test can let a day go by in a second."""

import time
from typing import Protocol


class Clock(Protocol):
    """`monotonic` for intervals, which a corrected clock must not stretch; `now` for what people read."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def now(self) -> float:
        """Unix seconds."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()

    def now(self) -> float:
        """See Clock."""
        return time.time()
