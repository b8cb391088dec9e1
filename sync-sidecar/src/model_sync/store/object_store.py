"""What the sidecar needs of a bucket: listing, reading one state of an object, writing small ones."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from model_sync.bucket.catalog import ListedObject
from model_sync.store.errors import ObjectChangedError

__all__ = ["ByteStream", "KnowsDigest", "ObjectChangedError", "ObjectStore"]


class ByteStream(Protocol):
    """Bytes as they arrive."""

    def read(self, amt: int | None = None, /) -> bytes:
        """At most `amt` further bytes, all for None; empty at the end."""
        ...


@runtime_checkable
class KnowsDigest(Protocol):
    """A stream that may know what the store says its object's content is."""

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the whole object in hex; None: the store keeps none."""
        ...


class ObjectStore(Protocol):
    """What the sidecar needs of a bucket."""

    def list_objects(self, prefix: str = "") -> Iterator[ListedObject]:
        """Every object under `prefix`, all pages; raises RetryableError or FatalError midway too."""
        ...

    def open_object(
        self, key: str, *, etag: str, offset: int = 0, length: int | None = None
    ) -> AbstractContextManager[ByteStream]:
        """A readable stream of `length` bytes, else all, from `offset`.

        Raises ObjectChangedError on another ETag.
        """
        ...

    def read_small(self, key: str, *, etag: str, limit: int) -> bytes:
        """A whole object of at most `limit` bytes; raises RejectedError when it is larger."""
        ...

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        """Write one object; raises RetryableError or FatalError."""
        ...
