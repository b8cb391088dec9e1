"""What the sidecar needs of a bucket: listing, reading one state of an object, writing small ones."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from model_sync.bucket.catalog import ListedObject
from model_sync.store.answers import Listed, ObjectFacts
from model_sync.store.errors import ObjectChangedError

__all__ = ["ByteStream", "KnowsFacts", "LearnsEtags", "ObjectChangedError", "ObjectStore"]


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

    def read_small(self, listed: Listed, *, limit: int) -> bytes:
        """A whole object of at most `limit` bytes, all that were listed; RejectedError when it is larger."""
        ...

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        """Write one object; raises RetryableError or FatalError."""
        ...
