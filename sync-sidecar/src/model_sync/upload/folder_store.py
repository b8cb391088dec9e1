"""A folder on this machine, read the way the sidecar reads a bucket."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_common.errors import FatalError, RejectedError

from model_sync.bucket.catalog import ListedObject
from model_sync.bucket.keys import quoted
from model_sync.store.answers import Listed
from model_sync.store.object_store import ByteStream, ObjectChangedError


class FolderStore:
    """Lists the files of one model folder as the objects an upload of it would make; an `ObjectStore`."""

    def __init__(self, model_folder: Path) -> None:
        """`model_folder` is what would be uploaded; its own name is the model's."""
        self._folder = model_folder.resolve()

    def list_objects(self, prefix: str = "") -> Iterator[ListedObject]:
        """Every file below the folder, with keys that begin with the model's name, and with `prefix`."""
        for path in sorted(self._folder.rglob("*")):
            key = path.relative_to(self._folder.parent).as_posix()
            if path.is_file() and key.startswith(prefix):
                status = path.stat()
                yield ListedObject(key, status.st_size, _mark(path), status.st_mtime)

    @contextmanager
    def open_object(
        self, listed: Listed, *, offset: int = 0, length: int | None = None
    ) -> Iterator[ByteStream]:
        """Open the file of `listed` at `offset`; raises ObjectChangedError if it is no longer the listed one.

        `length` is what the reader intends to read; a file costs nothing beyond that.
        """
        del length
        with self._unchanged(listed).open("rb", buffering=0) as file:
            file.seek(offset)
            yield file

    def read_small(self, listed: Listed, *, limit: int) -> bytes:
        """Read the file of `listed`; raises RejectedError when it is larger than `limit` bytes."""
        path = self._unchanged(listed)
        if path.stat().st_size > limit:
            raise RejectedError(
                f"{quoted(listed.key)} is larger than the {limit} bytes that such a file may have"
            )
        return path.read_bytes()

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        """Refuse: a check changes nothing."""
        raise FatalError(f"{quoted(key)} ({content_type}, {len(content)} bytes) is not written by a check")

    def _unchanged(self, listed: Listed) -> Path:
        path = self._folder.parent / listed.key
        if not path.is_file() or _mark(path) != listed.etag:
            raise ObjectChangedError(f"{quoted(listed.key)} changed while it was checked; check again")
        return path


def _mark(path: Path) -> str:
    """What stands for an ETag: changes with the file, and is not taken for an MD5 digest."""
    status = path.stat()
    return f"{status.st_mtime_ns}-{status.st_size}"
