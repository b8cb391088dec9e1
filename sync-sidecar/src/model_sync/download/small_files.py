"""Small files of an upload, several at a time: read whole, checked, written once, flushed, named.

One that does not arrive whole is left as a part, which `object_transfer.download` goes on with.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edge_common.errors import EdgeError, RetryableError

from model_sync.bucket.catalog import UploadObject
from model_sync.bucket.keys import quoted
from model_sync.download.object_download import CorruptTransferError, check_promises, has_md5
from model_sync.download.staging import Staging
from model_sync.store.object_store import ReadsSmall, SmallObject

_GROUP_FILES, _GROUP_BYTES = 16, 1024 * 1024
"""Of one group; its files are in memory at the same time."""


@dataclass(frozen=True)
class SmallFile:
    """How the fetch of a file ended: with the digest of what is in the tree now, or with a failure."""

    file: UploadObject
    sha256: str
    took: float
    """Seconds until it had arrived."""
    failure: EdgeError | None = None


def in_groups(files: Sequence[UploadObject]) -> Iterator[list[UploadObject]]:
    """Files to be fetched together."""
    group: list[UploadObject] = []
    size = 0
    for file in files:
        if group and (len(group) == _GROUP_FILES or size + file.size > _GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group


def fetch_small(
    store: ReadsSmall, files: Sequence[UploadObject], staging: Staging, stopped: Callable[[], bool]
) -> Iterator[SmallFile]:
    """Fetch `files`, of which nothing has arrived yet, into the tree of `staging`; ends early once `stopped`.

    Raises RetryableError when the store cannot be asked, and OSError when the volume refuses.
    """
    by_key: Mapping[str, UploadObject] = {file.key: file for file in files}
    for one in store.read_small_ones({file.key: file.etag for file in files}, stopped):
        file = by_key[one.key]
        sha256 = hashlib.sha256(one.content).hexdigest()
        failure = _problem(file, one, sha256)
        if failure is None:
            staging.place(file, one.content)
        elif len(one.content) < file.size:
            staging.part_path(file).write_bytes(one.content)
        yield SmallFile(file, sha256, one.took, failure)


def _problem(file: UploadObject, one: SmallObject, sha256: str) -> EdgeError | None:
    if one.failure is not None:
        return one.failure
    if len(one.content) != file.size:
        return RetryableError(
            f"{quoted(file.key)} ended after {len(one.content)} of {file.size} bytes; it is tried again"
        )
    md5 = hashlib.md5(one.content, usedforsecurity=False).hexdigest() if has_md5(file) else None
    try:
        check_promises(file, sha256=sha256, md5=md5, promised=one.sha256)
    except CorruptTransferError as error:
        return error
    return None
