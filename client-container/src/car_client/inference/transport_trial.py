"""Whether files or pixels are faster for a model, found by trying both: what a network costs nobody tells."""

import statistics
import threading
from collections import deque
from typing import Final

from car_client.settings import Transport

_TRIES: Final = 5
"""Requests each way, newest kept, that are compared by their median."""
_CLEARLY: Final = 0.8
"""Files have to be faster by a fifth: decoding them costs the server what it could spend on inferences."""
_LOOK_AGAIN: Final = 100
"""Every so many requests one goes the other way, so that a network that changes is noticed."""


class TransportTrial:
    """Alternates until both ways were tried, then keeps to the better one. Threads may share it."""

    def __init__(self) -> None:
        """Nothing is known; pixels go first."""
        self._lock = threading.Lock()
        self._asked = 0
        self._seconds = {way: deque[float](maxlen=_TRIES) for way in (Transport.TENSOR, Transport.JPEG)}

    def choose(self) -> Transport:
        """`JPEG` or `TENSOR` for the next request."""
        with self._lock:
            self._asked += 1
            if any(len(noted) < _TRIES for noted in self._seconds.values()):
                return Transport.TENSOR if self._asked % 2 else Transport.JPEG
            better, other = self._ranked()
            return better if self._asked % _LOOK_AGAIN else other

    def note(self, transport: Transport, seconds: float) -> None:
        """A picture sent as `transport` had its answer `seconds` after it was decoded."""
        with self._lock:
            self._seconds[transport].append(seconds)

    def _ranked(self) -> tuple[Transport, Transport]:
        files, pixels = (statistics.median(self._seconds[way]) for way in (Transport.JPEG, Transport.TENSOR))
        if files < pixels * _CLEARLY:
            return Transport.JPEG, Transport.TENSOR
        return Transport.TENSOR, Transport.JPEG
