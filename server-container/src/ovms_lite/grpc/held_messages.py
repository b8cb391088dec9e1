"""How many bytes of gRPC messages are in memory at a time: all together, and those for one model."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ovms_lite.errors import Fault, RequestError


class HeldMessages:
    """What all calls hold; `total` bytes at most, half of it for one model. Belongs to one thread."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._held: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        """Bytes of messages in memory."""
        return self._held.total()

    @contextmanager
    def keep(self, model: str, count: int) -> Iterator[None]:
        """Count `count` bytes for a model during a call; raises RequestError beyond the bounds."""
        held = self.held_bytes
        if held + count > self.total or self._held[model] + count > self.total // 2:
            raise RequestError(Fault.OVERLOADED, f"{held} bytes of messages are in memory")
        self._held[model] += count
        try:
            yield
        finally:
            self._held[model] -= count
            if not self._held[model]:
                del self._held[model]
