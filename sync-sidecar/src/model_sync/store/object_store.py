"""What the sidecar needs of a bucket: listing, reading one state of an object, writing small ones.

And whether the answer to a read is the one that was asked for.
"""

import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

from edge_common.errors import RejectedError, RetryableError

from model_sync.bucket.catalog import ListedObject, UploadObject
from model_sync.bucket.checksums import CHECKSUM_HEADER, whole_sha256
from model_sync.bucket.keys import quoted
from model_sync.store.errors import ObjectChangedError, RangeIgnoredError, StoreFaultError
from model_sync.store.listing import usable_etag

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_PLAIN_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_ENCRYPTED_BY = ("x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm")
_MOST_SKEW = 1.0
"""Seconds between the date in a listing and that of an answer, which has no fractions."""
_SMALL_SECONDS = 30.0
"""For one small object, so that a store that trickles does not hold its reader."""

Listed = ListedObject | UploadObject
"""An object as it was listed."""


class ByteStream(Protocol):
    """Bytes as they arrive; what the store says of their object may be told as `facts`."""

    def read(self, amt: int | None = None, /) -> bytes:
        """At most `amt` further bytes, all for None; empty at the end."""
        ...


class ObjectStore(Protocol):
    """What the sidecar needs of a bucket.

    One that remembers whether its ETags are what they look like has `md5_etags`, too: True once the ETag of
    an encrypted object was its MD5, False once that of a plain one was.
    """

    def list_objects(self, prefix: str = "") -> Iterator[ListedObject]:
        """Every object under `prefix`, all pages; raises RetryableError or FatalError midway too."""
        ...

    def open_object(
        self, listed: Listed, *, offset: int = 0, length: int | None = None
    ) -> AbstractContextManager[ByteStream]:
        """A readable stream of `length` bytes, else all, from `offset`.

        Raises ObjectChangedError when the object is no longer the listed one, and RangeIgnoredError when the
        store can only give all of it.
        """
        ...

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        """Write one object; raises RetryableError or FatalError."""
        ...


class RemovesObjects(ObjectStore, Protocol):
    """A bucket from which objects may be removed."""

    def remove(self, key: str) -> None:
        """Remove one object, a missing one is no error; raises RetryableError or FatalError."""
        ...


def read_small(store: ObjectStore, listed: Listed, limit: int) -> bytes:
    """The content of `listed`, of the size and, where the ETag is one, with the MD5 that the store listed.

    Raises RejectedError when it is listed with more than `limit` bytes, and RetryableError, which names the
    store, when something else arrives.
    """
    if listed.size > limit:
        raise RejectedError(f"{quoted(listed.key)} has {listed.size} bytes; make it smaller than {limit}")
    answers: list[bytearray] = []
    until = time.monotonic() + _SMALL_SECONDS
    for _ in range(2):
        content = bytearray()
        with store.open_object(listed) as stream:
            while len(content) <= listed.size and (chunk := stream.read(listed.size + 1 - len(content))):
                content += chunk
                if time.monotonic() > until:
                    raise RetryableError(
                        f"the store sent {len(content)} of {listed.size} bytes of {quoted(listed.key)} in "
                        f"{_SMALL_SECONDS:g} s; it is read again"
                    )
        if len(content) == listed.size and (_as_promised(listed, content) or content in answers):
            # ETags of encrypted objects look like MD5 and are none; then answers are alike
            return bytes(content)
        answers.append(content)
    raise RetryableError(
        f"the store answered for {quoted(listed.key)} with other bytes than it lists; it is read again"
    )


def _as_promised(listed: Listed, content: bytearray) -> bool:
    return not has_md5(listed) or hashlib.md5(content, usedforsecurity=False).hexdigest() == listed.etag


@dataclass(frozen=True)
class Part:
    """Which bytes are asked for: `length` of them, else all, from `offset`."""

    offset: int = 0
    length: int | None = None

    @property
    def whole(self) -> bool:
        """Whether these are all."""
        return self.offset == 0 and self.length is None

    def end(self, size: int) -> int:
        """The byte after the last, in an object of `size` bytes."""
        return size if self.length is None else min(size, self.offset + self.length)


@dataclass(frozen=True)
class ObjectFacts:
    """What the head of an answer says of the object; empty where it says nothing."""

    etag: str = ""
    modified: float = 0.0
    sha256: str | None = None
    """Of the whole object, in hex; None: the store keeps none."""
    encrypted: bool = False
    """Encrypted by the store, whose ETag then need not be the MD5."""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "ObjectFacts":
        """The facts in the `headers` of an answer."""
        return cls(
            usable_etag(headers.get("etag", ""), 0),
            http_date(headers.get("last-modified", "")),
            whole_sha256(headers.get(CHECKSUM_HEADER)),
            any(headers.get(name) for name in _ENCRYPTED_BY),
        )


def check_part(status: int, headers: Mapping[str, str], listed: Listed, part: Part) -> None:
    """Whether an answer brings the bytes that were asked for.

    Raises:
        RangeIgnoredError: it brings the whole object instead of a part.
        ObjectChangedError: the object has another size than was listed.
        StoreFaultError: it brings other bytes than were asked for.
    """
    span = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if status != HTTPStatus.PARTIAL_CONTENT:
        if not part.whole:
            raise RangeIgnoredError(f"the store gives all of {quoted(listed.key)} where a part was asked for")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) != listed.size:
            raise _resized(listed, length)
        return
    if span is None:
        raise StoreFaultError(f"it gives a part of {quoted(listed.key)} and does not say which")
    first, last, size = int(span[1]), int(span[2]), span[3]
    if size not in {"*", str(listed.size)}:
        raise _resized(listed, size)
    if (first, last + 1) != (part.offset, part.end(listed.size)):
        asked = f"{part.offset}-{part.end(listed.size) - 1}"
        raise StoreFaultError(f"it gives bytes {first}-{last} of {quoted(listed.key)}, asked for {asked}")


def is_listed_state(facts: ObjectFacts, listed: Listed, etag: str) -> bool | None:
    """Whether an answer brings the state that was listed, which carries `etag`; None: it does not tell."""
    if etag and facts.etag:
        return etag.casefold() == facts.etag.casefold()
    return same_date(facts, listed)


def same_date(facts: ObjectFacts, listed: Listed) -> bool | None:
    """Whether the object has the date that was listed; None: one of the two is not told."""
    if not facts.modified or not listed.modified:
        return None
    return abs(facts.modified - listed.modified) <= _MOST_SKEW


def has_md5(listed: Listed) -> bool:
    """Whether the ETag looks like the MD5 of the object."""
    return _PLAIN_MD5.fullmatch(listed.etag) is not None


def http_date(text: str) -> float:
    """Unix seconds of a date in a header; 0.0 for none, and for an odd one."""
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp()) if text else 0.0
    except (ValueError, IndexError, OverflowError):
        return 0.0


def _resized(listed: Listed, size: str) -> ObjectChangedError:
    return ObjectChangedError(
        f"{quoted(listed.key)} has {size} bytes and was listed with {listed.size}; it was replaced since, "
        "or something before the store answers with another page"
    )
