"""What clients may take: time, and memory for the bodies of their requests.

A body that nobody will read is received and dropped, so that the connection can go on.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ovms_lite.errors import Fault, RequestError
from ovms_lite.memory import HeldBytes

MAX_BODY_BYTES = 1024**3
"""Measured on OVMS 2026.2.1: a larger body is answered with 413."""
Reader = Callable[[str, str], str | None]
"""Of method and path: the name of the model that will read the body, None when nobody will.

Raises RequestError when that is already the answer.
"""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long clients may take, in seconds and bytes per second.

    OVMS has no such limits, so a few slow clients can hold all its connections.

    `silent`: until the first byte of a connection, and between two of a request; `request`: from a request's
    first byte to its last, plus what its body takes at `body_rate`; `answer`: for reading some of an answer
    that waits; `idle`: between two requests; `look`: between two checks; `farewell`: how long a connection
    without a request stays when the server ends, see RestServer.stop.
    """

    silent: float = 30.0
    request: float = 30.0
    body_rate: float = 10_000.0
    answer: float = 60.0
    idle: float = 600.0
    look: float = 1.0
    farewell: float = 1.0

    def allows_request(self, seconds: float, body_bytes: int) -> bool:
        """Whether a request that began `seconds` ago and has `body_bytes` by now may go on arriving."""
        return seconds <= self.request + body_bytes / self.body_rate


class Bodies(HeldBytes):
    """What all connections of a server hold."""

    def __init__(self, reader: Reader = lambda _method, _path: "", total: int = 4 * MAX_BODY_BYTES) -> None:
        super().__init__(total)
        self._reader = reader

    @property
    def max_body(self) -> int:
        """The largest body that can be taken."""
        return min(MAX_BODY_BYTES, self.total // 2)

    def begin(self, method: str, path: str) -> "HeldBody":
        """The account of a body that begins to arrive."""
        try:
            model = self._reader(method, path)
        except RequestError as error:
            return HeldBody(self, None, error)
        return HeldBody(self, model)


class HeldBody:
    """One body; `refusal` is the answer when it is not kept although one is wanted for it."""

    __slots__ = ("_bodies", "_bytes", "_model", "refusal")

    def __init__(self, bodies: Bodies, model: str | None, refusal: RequestError | None = None) -> None:
        self._bodies = bodies
        self._model = model
        self._bytes = 0
        self.refusal = refusal

    def keeps(self, count: int) -> bool:
        """Whether the next `count` bytes are to be kept; what was kept is to be dropped when not."""
        if self._model is None:
            return False
        if self._bodies.take(self._model, count):
            self._bytes += count
            return True
        held = self._bodies.held_bytes
        self.refusal = RequestError(Fault.OVERLOADED, f"{held} bytes of request bodies are in memory")
        self.release()
        self._model = None
        return False

    def release(self) -> None:
        """The body is answered, or will not be."""
        if self._model is not None and self._bytes:
            self._bodies.give_back(self._model, self._bytes)
            self._bytes = 0
