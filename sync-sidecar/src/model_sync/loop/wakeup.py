"""The loop's time, passed in so that a test can let a day go by in a second, and what cuts a wait short."""

import threading
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


class Wakeup:
    """A flag that the loop waits on and anybody may raise. Thread-safe."""

    def __init__(self) -> None:
        """Until somebody raises it, every wait lasts its whole time."""
        self._event = threading.Event()
        self._look = threading.Event()
        self._stop = threading.Event()

    def look(self) -> None:
        """List the bucket as soon as possible."""
        self._look.set()
        self._event.set()

    def work_done(self) -> None:
        """Something that the loop started has finished."""
        self._event.set()

    def stop(self) -> None:
        """End the loop."""
        self._stop.set()
        self._event.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until woken, at most `seconds`; True when somebody asked for a listing."""
        self._event.wait(max(0.0, seconds))
        self._event.clear()
        asked = self._look.is_set()
        if asked:  # cleared only when seen: one that is raised meanwhile is found by the next wait
            self._look.clear()
        return asked

    def pause(self, seconds: float) -> None:
        """Sleep in another thread of the program; ends early when the program does."""
        self._stop.wait(seconds)
