"""Pictures at addresses, such as the still image of a network camera, fetched again and again."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from edge_common.errors import FatalError
from edge_common.logs import get_logger

from car_client.sources.fetch import FETCH_SECONDS, fetch
from car_client.sources.http_address import SCHEMES, FetchError, address_for_people
from car_client.sources.source import Frame, Source, SourceLostError, Supply

_log = get_logger()
_MOST_ADDRESSES = 1000
_MOST_AT_ONCE = 64
"""Addresses asked at the same time; bounds threads, and answers that wait for their turn."""
_LEAST_PAUSE = 0.02
_LONGEST_PAUSE = 60.0
_OVERDUE = f"no whole answer within {FETCH_SECONDS:g} s"


def read_addresses(file: Path) -> tuple[str, ...]:
    """One http or https address a line; blank lines and lines with # are left out. Raises FatalError."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"the list of addresses {file} cannot be read: {error}") from error
    addresses = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    wrong = [address for address in addresses if not address.startswith(SCHEMES)]
    if wrong or not 0 < len(addresses) <= _MOST_ADDRESSES:
        what = (
            f"{address_for_people(wrong[0])!r} is no http address" if wrong else f"{len(addresses)} addresses"
        )
        raise FatalError(f"{file}: {what}; write 1 to {_MOST_ADDRESSES} addresses, one a line")
    return addresses


@dataclass(slots=True, eq=False)
class _Place:
    """One address, and how it went there lately."""

    address: str
    name: str = field(init=False)
    due: float = float("-inf")
    fetching: Future[bytes] | None = None
    overdue_at: float = float("inf")
    seen: str = ""
    """Revision of the picture that was classified last."""
    busy: bool = False
    """Its picture is in hand, or waits to be taken."""
    failures: int = 0
    error: str = ""

    def __post_init__(self) -> None:
        self.name = address_for_people(self.address)


class UrlSource(Source):
    """Each address every `every` seconds; a picture that did not change is not offered again.

    A fetch has a worker of its own and a time limit for the whole, so that a slow address delays no other.
    One that fails is told when the reason changes, and asked again after pauses that grow to a minute.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        every: float,
        max_bytes: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """At most `max_bytes` and one more of an answer are read."""
        self._places = [_Place(address) for address in addresses]
        self._every = every
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._workers = ThreadPoolExecutor(min(len(addresses), _MOST_AT_ONCE), thread_name_prefix="fetch")
        self._ready: deque[tuple[Frame, _Place]] = deque()
        self._in_hand: dict[Frame, _Place] = {}

    def __str__(self) -> str:
        return self._places[0].name if len(self._places) == 1 else f"{len(self._places)} addresses"

    @property
    def pause(self) -> float:
        """Until an answer may be there, or an address is due."""
        if any(place.fetching for place in self._places):
            return _LEAST_PAUSE
        now = self._monotonic()
        soonest = min(
            max(place.due, now + self._every) if place.busy else place.due for place in self._places
        )
        return max(soonest - now, _LEAST_PAUSE)

    @property
    def supply(self) -> Supply:
        """Under way until each address was asked once, and while answers wait."""
        first = any(place.due == float("-inf") or place.fetching for place in self._places)
        return Supply.UNDER_WAY if first or self._ready else Supply.IDLE

    def poll(self, at_most: int) -> Sequence[Frame]:
        """Pictures that are new. Raises SourceLostError when no address answers any more."""
        for place in self._places:
            self._collect(place)
        busy = sum(place.fetching is not None for place in self._places) + len(self._ready)
        due = [place for place in self._places if self._is_due(place)]
        for place in sorted(due, key=lambda place: place.due)[: max(_MOST_AT_ONCE - busy, 0)]:
            self._begin(place)
        frames: list[Frame] = []
        while self._ready and len(frames) < at_most:
            frame, place = self._ready.popleft()
            self._in_hand[frame] = place
            frames.append(frame)
        if not (frames or self._ready or self._in_hand) and all(place.failures for place in self._places):
            reasons = {place.error for place in self._places}
            why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
            again_in = max(0.0, min(place.due for place in self._places) - self._monotonic())
            raise SourceLostError(f"nothing comes from {self}{why}; it is asked again", again_in=again_in)
        return frames

    def acknowledge(self, frame: Frame) -> None:
        """Offer the address again only when its content changes."""
        place = self._in_hand.pop(frame)
        place.busy = False
        place.seen = frame.revision

    def give_back(self, frame: Frame) -> None:
        """The address is asked again when it is due."""
        self._in_hand.pop(frame).busy = False

    def close(self) -> None:
        """Begin no more fetches; those under way end by their own time limit."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _is_due(self, place: _Place) -> bool:
        return place.fetching is None and not place.busy and place.due <= self._monotonic()

    def _begin(self, place: _Place) -> None:
        now = self._monotonic()
        place.due = now + self._every
        place.overdue_at = now + FETCH_SECONDS + 1
        place.fetching = self._workers.submit(self._fetch, place.address)

    def _fetch(self, address: str) -> bytes:
        return fetch(address, max_bytes=self._max_bytes).content

    def _collect(self, place: _Place) -> None:
        """Take over what became of a fetch; one that hangs beyond its limit is told, and waited for."""
        if place.fetching is None:
            return
        if not place.fetching.done():
            if self._monotonic() >= place.overdue_at:
                place.overdue_at = float("inf")
                self._fail(place, _OVERDUE)
            return
        fetching, place.fetching = place.fetching, None
        try:
            content = fetching.result()
        except FetchError as error:
            self._fail(place, str(error))
            return
        if place.failures:
            _log.info("address_returned", address=place.name)
        place.failures, place.error = 0, ""
        revision = hashlib.blake2b(content, digest_size=16).hexdigest()
        if place.seen != revision:
            place.busy = True
            self._ready.append((Frame(place.name, content, revision), place))

    def _fail(self, place: _Place, error: str) -> None:
        if error != place.error:
            _log.warning("address_lost", address=place.name, error=error)
        place.error = error
        place.failures += 1
        pause = min(max(self._every, 0.5) * 2.0 ** min(place.failures, 10), _LONGEST_PAUSE)
        place.due = self._monotonic() + max(pause, self._every)
