"""What every source of pictures offers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture as it arrived: a name for people, and the bytes of the file.

    `revision` tells two states of the same name apart, such as a file that was replaced.
    """

    name: str
    content: bytes = field(compare=False)
    revision: str


class Source(Protocol):
    """Something pictures arrive in.

    A frame that was offered is in hand until it is acknowledged or given back; it is not offered meanwhile.
    """

    @property
    def pause(self) -> float:
        """Seconds after which it is worth while to poll again when a poll found nothing."""

    def poll(self, at_most: int) -> Sequence[Frame]:
        """Complete new frames, oldest first. Raises RetryableError when cut off."""

    def acknowledge(self, frame: Frame) -> None:
        """Do not offer this frame again."""

    def give_back(self, frame: Frame) -> None:
        """Offer this frame again, or what has taken its place since then."""

    def close(self) -> None:
        """Let go of connections and devices; nothing is polled afterwards."""
