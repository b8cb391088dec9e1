"""How often something that always has a picture is looked at."""

import time
from collections.abc import Callable


class Sampling:
    """Says at most once in `every` seconds that it is time."""

    def __init__(self, every: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """The first time is now."""
        self._every = every
        self._monotonic = monotonic
        self._next = float("-inf")

    @property
    def seconds_left(self) -> float:
        """Until it is time; 0 when it is."""
        return max(0.0, self._next - self._monotonic())

    def is_due(self) -> bool:
        """Whether it is time; then it is not again before `every` seconds have passed."""
        now = self._monotonic()
        if now < self._next:
            return False
        self._next = now + self._every
        return True
