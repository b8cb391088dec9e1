"""Picture files that arrive in a bucket."""

from collections.abc import Sequence
from itertools import islice
from pathlib import PurePosixPath

from edge_common.errors import RetryableError
from edge_common.pictures.decode import SUFFIXES
from minio import Minio
from minio.datatypes import Object
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from car_client.s3_address import S3Address
from car_client.sources.source import Frame, Supply

_MOST_LISTED = 100_000
"""Keys looked at in one poll; a larger prefix should be split."""


class BucketSource:
    """Objects under an address with the suffix of a picture. An object that is replaced is offered again.

    An object appears complete or not at all, so none has to be quiet first.
    """

    def __init__(self, store: Minio, address: S3Address, *, max_bytes: int, pause: float) -> None:
        """Read at most `max_bytes` and one more of an object."""
        self._store = store
        self._address = address
        self._max_bytes = max_bytes
        self._pause = pause
        self._done: dict[str, str] = {}
        self._in_hand: set[tuple[str, str]] = set()

    def __str__(self) -> str:
        """The address."""
        return str(self._address)

    @property
    def pause(self) -> float:
        """Seconds between two listings."""
        return self._pause

    @property
    def supply(self) -> Supply:
        """Whatever comes, comes at any time."""
        return Supply.IDLE

    def poll(self, at_most: int) -> Sequence[Frame]:
        """Objects that are new, oldest first. Raises RetryableError when the store does not answer."""
        try:
            listed = {object_.object_name or "": object_ for object_ in self._list()}
            self._done = {key: etag for key, etag in self._done.items() if key in listed}
            fresh = [key for key, object_ in listed.items() if self._is_new(key, object_.etag or "")]
            fresh.sort(key=lambda key: (str(listed[key].last_modified), key))
            frames = [self._read(listed[key]) for key in fresh[:at_most]]
        except (MinioException, HTTPError, OSError) as error:
            raise RetryableError(
                f"{self._address} cannot be read: {error}; check the store, the bucket and the keys"
            ) from error
        self._in_hand.update((frame.name, frame.revision) for frame in frames)
        return frames

    def acknowledge(self, frame: Frame) -> None:
        """Remember the object by its content's tag."""
        self._in_hand.remove((frame.name, frame.revision))
        self._done[frame.name] = frame.revision

    def give_back(self, frame: Frame) -> None:
        """Read the object again at the next poll, if it is still there."""
        self._in_hand.remove((frame.name, frame.revision))

    def close(self) -> None:
        """Do nothing; no connection is in use between polls."""

    def _is_new(self, key: str, tag: str) -> bool:
        return self._done.get(key) != tag and (key, tag) not in self._in_hand

    def _list(self) -> Sequence[Object]:
        objects = self._store.list_objects(self._address.bucket, self._address.prefix, recursive=True)
        return [
            object_
            for object_ in islice(objects, _MOST_LISTED)
            if PurePosixPath(object_.object_name or "").suffix.lower() in SUFFIXES and object_.size
        ]

    def _read(self, object_: Object) -> Frame:
        name = object_.object_name or ""
        answer = self._store.get_object(self._address.bucket, name, length=self._max_bytes + 1)
        try:
            return Frame(name, answer.read(), revision=object_.etag or "")
        finally:
            answer.close()
            answer.release_conn()
