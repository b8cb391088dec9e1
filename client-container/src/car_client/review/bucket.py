"""The place of a bucket where pictures wait for a person: two objects each, replaced as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from edge_common.errors import FatalError, RejectedError, RetryableError
from edge_common.logs import get_logger
from edge_common.printable import printable
from minio import Minio
from minio.error import S3Error

from car_client.review.items import ReviewId, ReviewRecord
from car_client.s3_address import (
    SCHEME,
    STORE_ERRORS,
    S3Address,
    list_objects,
    read_object,
    reason_of,
    s3_client,
    write_object,
)
from car_client.settings import Settings

_log = get_logger()
MOST_ITEMS = 1000
_MOST_KEYS = 5 * MOST_ITEMS
"""Looked at in one listing; others may have put something there."""
_MOST_RECORD_BYTES = 64 * 1024
_PICTURE, _RECORD = ".jpg", ".json"
_NOTHING = frozenset({"NoSuchKey", "InvalidRange"})
"""What the store says of an object that is not there, and of an empty one."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A picture that waits, and its record."""

    id: ReviewId
    record: ReviewRecord


def open_review(settings: Settings) -> "ReviewBucket | None":
    """The place that the settings name; None for none. Raises FatalError when it cannot be that one."""
    if settings.review is None:
        return None
    if not settings.review.startswith(SCHEME):
        raise FatalError(f"pictures cannot be reviewed at {settings.review!r}; write s3://BUCKET/PREFIX")
    address = S3Address.parse(settings.review)
    for source in settings.source:
        if not source.address.startswith(SCHEME):
            continue
        watched = S3Address.parse(source.address)
        if watched.bucket == address.bucket and address.prefix.startswith(watched.prefix):
            raise FatalError(
                f"{watched} is watched, so that what is sent to {address} would be classified again; "
                "name another prefix for one of them"
            )
    return ReviewBucket(s3_client(settings), address, max_bytes=settings.max_picture_bytes)


class ReviewBucket:
    """Threads and clients may share it: whoever writes a record last has said what it holds."""

    def __init__(self, store: Minio, address: S3Address, *, max_bytes: int) -> None:
        """Read at most `max_bytes` of a picture."""
        self._store = store
        self._address = address
        self._max_bytes = max_bytes
        self._known: dict[str, tuple[str, ReviewRecord]] = {}
        """Key to the ETag and what the object held then."""

    def __str__(self) -> str:
        return str(self._address)

    def send(self, jpeg: bytes, record: ReviewRecord, *, now: datetime) -> ReviewItem:
        """Write both objects, the record last; that of the same file since today stays as it is.

        Raises RejectedError when the place is full, RetryableError when the store is in the way.
        """
        item = ReviewItem(ReviewId.of(jpeg, now.astimezone(UTC).date().isoformat()), record)
        there = self.read(item.id)
        if there is None and len(self._listed()) >= MOST_ITEMS:
            raise RejectedError(
                f"{self} holds {MOST_ITEMS} pictures, which is as many as it may; take them with "
                "`car-client review` and delete its oldest days"
            )
        self._put(self._key(item.id, _PICTURE), jpeg, "image/jpeg")
        if there is None:
            self._put(self._key(item.id, _RECORD), record.content(), "application/json")
        return there or item

    def label(self, id_: ReviewId, label: str | None, by: str) -> ReviewItem | None:
        """Replace the record with one of this `label`; None when there is none. Raises RetryableError."""
        there = self.read(id_)
        if there is None:
            return None
        record = there.record.model_copy(update={"label": label, "by": printable(by)})
        self._put(self._key(id_, _RECORD), record.content(), "application/json")
        return ReviewItem(id_, record)

    def items(self, at_most: int) -> tuple[list[ReviewItem], int]:
        """The newest, newest first, and how many there are. Raises RetryableError."""
        listed = self._listed()
        found = []
        for id_, tag in listed[:at_most]:
            record = self._record(id_, tag)
            if record is not None:
                found.append(ReviewItem(id_, record))
        return found, len(listed)

    def read(self, id_: ReviewId) -> ReviewItem | None:
        """One of them; None when it is not there or no record. Raises RetryableError."""
        record = self._record(id_, None)
        return ReviewItem(id_, record) if record is not None else None

    def picture(self, id_: ReviewId) -> bytes | None:
        """The JPEG file; None when there is none, or one with too many bytes. Raises RetryableError."""
        content = self._get(self._key(id_, _PICTURE), self._max_bytes + 1)
        return content if content is not None and len(content) <= self._max_bytes else None

    def _listed(self) -> list[tuple[ReviewId, str]]:
        """Those with both objects, the newest picture first, with the ETags of their records."""
        tags: dict[ReviewId, str] = {}
        pictures: dict[ReviewId, datetime] = {}
        with self._told():
            for object_ in islice(list_objects(self._store, self._address), _MOST_KEYS):
                name = (object_.object_name or "").removeprefix(self._address.prefix)
                id_ = ReviewId.parse(name.removesuffix(_PICTURE).removesuffix(_RECORD))
                if id_ is None or object_.last_modified is None:
                    continue
                if name.endswith(_RECORD):
                    tags[id_] = object_.etag or ""
                elif name.endswith(_PICTURE):
                    pictures[id_] = object_.last_modified
        newest = sorted(tags.keys() & pictures.keys(), key=lambda id_: (pictures[id_], id_), reverse=True)
        return [(id_, tags[id_]) for id_ in newest]

    def _record(self, id_: ReviewId, tag: str | None) -> ReviewRecord | None:
        key = self._key(id_, _RECORD)
        if tag and key in self._known and self._known[key][0] == tag:
            return self._known[key][1]
        content = self._get(key, _MOST_RECORD_BYTES)
        if content is None:
            return None
        try:
            record = ReviewRecord.parse(key, content)
        except RejectedError as error:
            _log.warning("review_record_unreadable", error=str(error))
            return None
        if tag:
            if len(self._known) >= _MOST_KEYS:
                self._known.clear()
            self._known[key] = (tag, record)
        return record

    def _key(self, id_: ReviewId, suffix: str) -> str:
        return f"{self._address.prefix}{id_}{suffix}"

    def _put(self, key: str, content: bytes, kind: str) -> None:
        with self._told():
            write_object(self._store, self._address, key, content, kind)

    def _get(self, key: str, at_most: int) -> bytes | None:
        with self._told():
            try:
                return read_object(self._store, self._address, key, at_most)
            except S3Error as error:
                if error.code in _NOTHING:
                    return None
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except STORE_ERRORS as error:
            raise RetryableError(
                f"{self} cannot be used: {reason_of(error)}; check store and bucket, and that the keys in "
                "CAR_CLIENT_S3_ACCESS_KEY and _SECRET_KEY may list, read and write there"
            ) from error
