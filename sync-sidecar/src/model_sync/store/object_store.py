"""What the sidecar needs of a bucket: listing, reading one state of an object, writing small ones."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from edge_common.errors import RejectedError, RetryableError

from model_sync.bucket.catalog import ListedObject
from model_sync.bucket.keys import quoted
from model_sync.store.answers import Listed, ObjectFacts, has_md5
from model_sync.store.errors import ObjectChangedError

__all__ = [
    "ByteStream",
    "KnowsFacts",
    "LearnsEtags",
    "ObjectChangedError",
    "ObjectStore",
    "RemovesObjects",
    "read_small",
]


_SMALL_SECONDS = 30.0
"""For one small object, so that a store that trickles does not hold its reader."""


class ByteStream(Protocol):
    """Bytes as they arrive."""

    def read(self, amt: int | None = None, /) -> bytes:
        """At most `amt` further bytes, all for None; empty at the end."""
        ...


@runtime_checkable
class KnowsFacts(Protocol):
    """A stream that knows what the store says of its object."""

    @property
    def facts(self) -> ObjectFacts:
        """Of the answer that is read."""
        ...


@runtime_checkable
class LearnsEtags(Protocol):
    """A store of which is remembered whether its ETags are what they look like."""

    @property
    def md5_etags(self) -> set[bool]:
        """Holds True once the ETag of an encrypted object was its MD5, False once that of a plain one was."""
        ...


class ObjectStore(Protocol):
    """What the sidecar needs of a bucket."""

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
            return bytes(
                content
            )  # ETags of encrypted objects look like MD5 and are none; then answers are alike
        answers.append(content)
    raise RetryableError(
        f"the store answered for {quoted(listed.key)} with other bytes than it lists; it is read again"
    )


def _as_promised(listed: Listed, content: bytearray) -> bool:
    return not has_md5(listed) or hashlib.md5(content, usedforsecurity=False).hexdigest() == listed.etag
