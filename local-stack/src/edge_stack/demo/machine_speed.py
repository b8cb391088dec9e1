"""How much slower than the machine of the promises this one is now, by itself or by its other work."""

import time
from collections.abc import Callable

_ROUNDS = 2_500_000
_REFERENCE_SECONDS = 0.3
"""What the work took on an idle core of the machine that the promises were measured on."""
MOST = 10.0
"""More is no patience any more."""


def measured_slowness(clock: Callable[[], float] = time.perf_counter, rounds: int = _ROUNDS) -> float:
    """How many times longer a fixed piece of work takes here than there; 1 for a faster machine, at most 10.

    One figure for slow cores and for cores that others use; it is of this moment, and takes 0.3 s on an idle
    machine.
    """
    begun, total = clock(), 0
    for number in range(rounds):
        total += number * number % 7
    return min(MOST, max(1.0, (clock() - begun) / _REFERENCE_SECONDS))


def in_words(patience: float) -> str:
    """What the report says of it; nothing when nothing is scaled."""
    if patience <= 1:
        return ""
    return f"; slower or busier than the machine of the promises: {patience:.1f} times the time is allowed"
