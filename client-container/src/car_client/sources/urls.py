"""Pictures at addresses, such as the still image of a network camera, fetched again and again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from edge_common.errors import FatalError, RetryableError
from edge_common.logs import get_logger

from car_client.sources.source import Frame, Sampling

_log = get_logger()
_TIMEOUT = urllib3.Timeout(connect=3.0, read=5.0)
_OK = 200
_MOST_ADDRESSES = 1000
_LEAST_PAUSE = 0.02


def read_addresses(file: Path) -> tuple[str, ...]:
    """One http or https address a line; blank lines and lines with # are left out. Raises FatalError."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"the list of addresses {file} cannot be read: {error}") from error
    addresses = tuple(line for line in lines if line and not line.startswith("#"))
    wrong = [address for address in addresses if not address.startswith(("http://", "https://"))]
    if wrong or not 0 < len(addresses) <= _MOST_ADDRESSES:
        what = f"{wrong[0]!r} is no http address" if wrong else f"{len(addresses)} addresses"
        raise FatalError(f"{file}: {what}; write 1 to {_MOST_ADDRESSES} addresses, one a line")
    return addresses


class UrlSource:
    """Each address in turn whenever a round is due; a picture that did not change is not offered again."""

    def __init__(self, addresses: Sequence[str], *, sampling: Sampling, max_bytes: int) -> None:
        """At most `max_bytes` and one more of an answer are read."""
        self._addresses = addresses
        self._sampling = sampling
        self._max_bytes = max_bytes
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)
        self._queue: list[str] = []
        self._in_hand: set[Frame] = set()
        self._seen: dict[str, str] = {}
        self._silent: set[str] = set()

    def __str__(self) -> str:
        """How many addresses there are."""
        return f"{len(self._addresses)} addresses"

    @property
    def pause(self) -> float:
        """Until the next round is due."""
        return max(self._sampling.seconds_left, _LEAST_PAUSE)

    def poll(self, at_most: int) -> Sequence[Frame]:
        """Pictures that are new. Raises RetryableError when no address answers any more."""
        if not self._queue and not self._in_hand and self._sampling.is_due():
            self._queue = list(self._addresses)
        frames: list[Frame] = []
        while self._queue and len(frames) < at_most:
            frame = self._fetch(self._queue.pop(0))
            if frame is not None:
                frames.append(frame)
        if len(self._silent) == len(self._addresses):
            raise RetryableError(f"none of the {self} answers; they are asked again")
        self._in_hand.update(frames)
        return frames

    def acknowledge(self, frame: Frame) -> None:
        """Offer the address again only when its content changes."""
        self._in_hand.remove(frame)
        self._seen[frame.name] = frame.revision

    def give_back(self, frame: Frame) -> None:
        """The address is asked again in the next round."""
        self._in_hand.remove(frame)

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

    def _fetch(self, address: str) -> Frame | None:
        """What the address has; None when it has nothing new, or nothing at all."""
        name = _without_credentials(address)
        try:
            answer = self._pool.request("GET", address, preload_content=False)
            content = answer.read(self._max_bytes + 1)
            answer.release_conn()
            error = None if answer.status == _OK else f"status {answer.status}"
        except urllib3.exceptions.HTTPError as failure:
            content, error = b"", str(failure)
        if error is not None:
            if address not in self._silent:
                _log.warning("address_lost", address=name, error=error)
            self._silent.add(address)
            return None
        self._silent.discard(address)
        revision = hashlib.blake2b(content, digest_size=16).hexdigest()
        return Frame(name, content, revision) if self._seen.get(name) != revision else None


def _without_credentials(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
