"""Which request bodies are kept in memory, and how many bytes of them at a time.

A body that nobody will read is received and dropped, so that the connection can go on. Those that are kept
have a bound together, and those for one model half of it, so that the callers of one model stop no others.
"""

from collections import Counter
from collections.abc import Callable

from ovms_lite.errors import Fault, RequestError

MAX_BODY_BYTES = 1024**3
"""Measured on OVMS 2026.2.1: a larger body is answered with 413."""

Reader = Callable[[str, str], str | None]
"""Of method and path: the name of the model that will read the body, None when nobody will.

Raises RequestError when that is already the answer.
"""


class Bodies:
    """What all connections of a server hold; `total` bytes at most. Belongs to the event loop's thread."""

    def __init__(self, reader: Reader = lambda _method, _path: "", total: int = 4 * MAX_BODY_BYTES) -> None:
        self._reader = reader
        self._total = total
        self._held: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        """Bytes of bodies in memory."""
        return self._held.total()

    @property
    def max_body(self) -> int:
        """The largest body that can be taken."""
        return min(MAX_BODY_BYTES, self._total // 2)

    def begin(self, method: str, path: str) -> "HeldBody":
        """The account of a body that begins to arrive."""
        try:
            model = self._reader(method, path)
        except RequestError as error:
            return HeldBody(self, None, error)
        return HeldBody(self, model)

    def take(self, model: str, count: int) -> bool:
        """Whether `count` more bytes may be kept for a model; if so they are, until given back."""
        if self.held_bytes + count > self._total or self._held[model] + count > self._total // 2:
            return False
        self._held[model] += count
        return True

    def give_back(self, model: str, count: int) -> None:
        """The bytes are not in memory any more."""
        self._held[model] -= count
        if not self._held[model]:
            del self._held[model]


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
