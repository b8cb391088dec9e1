"""Whether another plan could see anything that the last did not: planning hundreds of models takes time."""

from dataclasses import dataclass, field

_LONGEST = 15.0
"""Seconds after which a plan is made anyway: pauses end, and room may have been made on the volume."""


@dataclass
class Stillness:
    """Remembers what the last plan saw. Used by the loop's thread; times are monotonic seconds."""

    _seen: tuple[object, ...] | None = field(default=None)
    _until: float = 0.0

    def holds(self, *seen: object, now: float) -> bool:
        """Whether the last plan saw the same, had nothing to do, and is not old."""
        return self._seen == seen and now < self._until

    def begin(self, *seen: object, now: float) -> None:
        """A plan saw this, and there is nothing to do until something changes."""
        self._seen, self._until = seen, now + _LONGEST

    def end(self) -> None:
        """Something happens."""
        self._seen = None
