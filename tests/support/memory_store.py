"""A bucket in memory, with the faults that real ones have."""

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edge_common.errors import EdgeError
from model_sync.bucket.catalog import ListedObject
from model_sync.store.errors import ObjectChangedError
from model_sync.store.object_store import ByteStream, Listed


@dataclass(frozen=True)
class StoredObject:
    content: bytes
    etag: str
    modified: float


@dataclass
class MemoryStore:
    """Implements ObjectStore. `on_read` may replace the bytes of one read, or raise."""

    objects: dict[str, StoredObject] = field(default_factory=dict)
    on_list: Callable[[], None] = lambda: None
    lists_nothing: bool = False
    """Let listings succeed and be empty, as a store does that was started on the wrong disk."""
    on_read: Callable[[str, int, bytes], bytes] = lambda _key, _offset, content: content
    reads: list[tuple[str, int]] = field(default_factory=list)
    """Key and offset of every object that was opened."""
    now: Callable[[], float] = lambda: 1_700_000_000.0

    def put(self, key: str, content: bytes, *, etag: str | None = None) -> None:
        """Upload; the ETag is the MD5 unless given."""
        mark = etag if etag is not None else hashlib.md5(content, usedforsecurity=False).hexdigest()
        self.objects[key] = StoredObject(content, mark, self.now())

    def remove_folder(self, prefix: str) -> None:
        """Remove every object below `prefix`."""
        self.objects = {key: value for key, value in self.objects.items() if not key.startswith(prefix)}

    def list_objects(self, prefix: str = "") -> Iterator[ListedObject]:
        self.on_list()
        if self.lists_nothing:
            return
        below = ((key, stored) for key, stored in sorted(self.objects.items()) if key.startswith(prefix))
        for key, stored in below:
            yield ListedObject(key, len(stored.content), stored.etag, stored.modified)

    @contextmanager
    def open_object(
        self, listed: Listed, *, offset: int = 0, length: int | None = None
    ) -> Iterator[ByteStream]:
        key = listed.key
        self.reads.append((key, offset))
        stored = self.objects.get(key)
        if stored is None or stored.etag != listed.etag:
            raise ObjectChangedError(f"cannot read '{key}': it was replaced or removed since it was listed")
        end = None if length is None else offset + length
        yield io.BytesIO(self.on_read(key, offset, stored.content[offset:end]))

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        assert content_type
        self.put(key, content)

    def remove(self, key: str) -> None:
        self.objects.pop(key, None)

    def fail_with(self, error: EdgeError | None) -> None:
        """Let every listing fail from now on; None: no longer."""

        def fail() -> None:
            if error is not None:
                raise error

        self.on_list = fail
