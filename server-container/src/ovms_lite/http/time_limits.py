"""How long clients may take."""

from dataclasses import dataclass


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
