"""Picture files that arrive in a bucket."""

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import PurePosixPath

from edge_common.errors import RetryableError
from edge_common.logs import get_logger
from edge_common.pictures.decode import SUFFIXES
from edge_common.printable import printable
from minio import Minio
from minio.datatypes import Object
from minio.error import S3Error

from car_client.s3_address import STORE_ERRORS, S3Address, list_objects, read_object, reason_of
from car_client.sources.source import Frame, LeftAside, Source, Supply

_log = get_logger()
_LISTED_AT_ONCE = 10_000
"""Keys looked at in one poll; a listing goes on where the last poll left it."""
_GONE = "NoSuchKey"
_ITS_OWN_FAULT = frozenset({"AccessDenied", "InvalidObjectState"})
"""What the store says of one object and not of itself: no right to read it, or it lies in an archive."""
_SOON = 0.02


class BucketSource(Source):
    """Objects under an address with the suffix of a picture, any number of them, and again when replaced.

    An object appears complete or not at all, so none has to be quiet first.
    """

    def __init__(self, store: Minio, address: S3Address, *, max_bytes: int, pause: float) -> None:
        """Read at most `max_bytes` and one more of an object."""
        self._store = store
        self._address = address
        self._max_bytes = max_bytes
        self._pause = pause
        self._listing: Iterator[Object] | None = None
        self._complete = False
        """Whether everything was listed once."""
        self._new: deque[Object] = deque()
        self._done: set[bytes] = set()
        """Marks of objects that were classified; a mark is shorter than a key."""
        self._listed: set[bytes] = set()
        self._in_hand: dict[Frame, bytes] = {}
        self._aside: Counter[str] = Counter()
        self._left_aside = LeftAside(str(self))

    def __str__(self) -> str:
        return printable(str(self._address))

    @property
    def pause(self) -> float:
        """Seconds between two listings; soon, while one is not complete."""
        return _SOON if self.supply is Supply.UNDER_WAY else self._pause

    @property
    def supply(self) -> Supply:
        """Under way until everything was listed and offered once."""
        under_way = not self._complete or self._listing is not None or self._new
        return Supply.UNDER_WAY if under_way else Supply.IDLE

    def poll(self, at_most: int) -> Sequence[Frame]:
        """Objects that are new, the oldest of a part of the listing first.

        Raises RetryableError when the store does not answer.
        """
        frames: list[Frame] = []
        try:
            if not self._new:
                self._list_on()
            while self._new and len(frames) < at_most:
                frame = self._read(self._new[0])
                self._new.popleft()
                if frame is not None:
                    frames.append(frame)
        except STORE_ERRORS as error:
            self._listing = None
            self._complete = True  # a look that fails is over as well
            for frame in frames:
                del self._in_hand[frame]
            raise RetryableError(
                f"{self} cannot be read: {reason_of(error)}; check the store, the bucket and the keys"
            ) from error
        return frames

    def acknowledge(self, frame: Frame) -> None:
        """Remember the object by its content's tag."""
        self._done.add(self._in_hand.pop(frame))

    def give_back(self, frame: Frame) -> None:
        """Read the object again at the next listing, if it is still there."""
        del self._in_hand[frame]

    def _list_on(self) -> None:
        """Look at the next keys, from the first one on after the last."""
        if self._listing is None:
            self._listing = list_objects(self._store, self._address)
            self._listed = set()
            self._aside = Counter()
        part = list(islice(self._listing, _LISTED_AT_ONCE))
        in_hand = set(self._in_hand.values())
        new = [object_ for object_ in part if self._is_picture(object_)]
        marks = {_mark(object_): object_ for object_ in new}
        self._listed |= marks.keys()
        fresh = [marks[mark] for mark in marks.keys() - self._done - in_hand]
        self._new.extend(sorted(fresh, key=lambda o: (str(o.last_modified), o.object_name)))
        if len(part) < _LISTED_AT_ONCE:
            self._listing = None
            self._complete = True
            self._done &= self._listed
            self._left_aside.tell(self._aside)

    def _is_picture(self, object_: Object) -> bool:
        name = object_.object_name or ""
        suffix = PurePosixPath(name).suffix.lower()
        if name.endswith("/") or not object_.size:
            return False
        if suffix not in SUFFIXES:
            self._aside[suffix or "without a suffix"] += 1
        return suffix in SUFFIXES

    def _read(self, object_: Object) -> Frame | None:
        """The object; None when it is gone meanwhile, or may not be read, which is told."""
        key = object_.object_name or ""
        name, mark = printable(key), _mark(object_)
        try:
            content = read_object(self._store, self._address, key, self._max_bytes + 1)
        except S3Error as error:
            if error.code == _GONE:
                return None
            if error.code not in _ITS_OWN_FAULT:
                raise
            _log.warning("picture_rejected", image=name, error=f"{name} cannot be read: {reason_of(error)}")
            self._done.add(mark)
            return None
        frame = Frame(name, content, revision=object_.etag or "")
        self._in_hand[frame] = mark
        return frame


def _mark(object_: Object) -> bytes:
    text = f"{object_.etag}\0{object_.object_name}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=12).digest()
