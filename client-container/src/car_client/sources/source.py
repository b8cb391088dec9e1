"""What every source of pictures offers, and how often one that always has a picture is looked at."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.printable import printable

_log = get_logger()
_MOST_TOLD = 20
"""Kinds of files."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture as it arrived: a name for people, and the bytes of the file.

    `revision` tells two states of the same name apart, such as a file that was replaced.
    """

    name: str
    content: bytes = field(compare=False)
    revision: str


class SourceLostError(RetryableError):
    """A source is cut off; it tries again by itself."""

    def __init__(self, sentence: str, *, again_in: float) -> None:
        """`again_in`: seconds until it does; 0 while it does."""
        super().__init__(sentence)
        self.again_in = again_in


class Supply(Enum):
    """What is to be expected of a source that offered nothing."""

    IDLE = "idle"
    """Nothing is there now; more may come at any time."""
    UNDER_WAY = "under way"
    """Something is being fetched or opened right now."""
    ENDED = "ended"
    """Nothing will ever come again."""


class Source(ABC):
    """Where pictures arrive: a folder, a bucket, a camera, addresses; its text is a name for people.

    A frame that was offered is in hand until it is acknowledged or given back; it is not offered meanwhile.
    """

    @property
    @abstractmethod
    def pause(self) -> float:
        """Seconds after which it is worth while to poll again when a poll found nothing."""

    @property
    def supply(self) -> Supply:
        """What is to be expected next."""
        return Supply.IDLE

    @abstractmethod
    def poll(self, at_most: int) -> Sequence[Frame]:
        """Complete new frames, oldest first.

        Raises RetryableError when cut off, SourceLostError when it knows when it tries again.
        """

    @abstractmethod
    def acknowledge(self, frame: Frame) -> None:
        """Do not offer this frame again."""

    @abstractmethod
    def give_back(self, frame: Frame) -> None:
        """Offer this frame again, or what has taken its place since then."""

    def close(self) -> None:  # noqa: B027 - most hold nothing between polls
        """Release connections and devices, after the last poll."""


class LeftAside:
    """Logs how many files of which kind are left aside; again only when there is another kind."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._told: set[str] = set()

    def tell(self, found: Counter[str]) -> None:
        """Tell what was `found`, by kind, unless it is known already, or very many kinds are."""
        if found.keys() - self._told and len(self._told) < _MOST_TOLD:
            self._told |= found.keys()
            kinds = {printable(kind): count for kind, count in found.most_common(_MOST_TOLD)}
            _log.warning("files_left_aside", folder=self._folder, count=found.total(), kinds=kinds)


class Sampling:
    """Says at most once in `every` seconds that it is time."""

    def __init__(self, every: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
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
