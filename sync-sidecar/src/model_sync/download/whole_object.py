"""A small object read whole, and compared with what the store listed."""

import hashlib

from edge_common.errors import RejectedError, RetryableError

from model_sync.bucket.catalog import UploadObject
from model_sync.bucket.keys import quoted
from model_sync.download.object_download import has_md5
from model_sync.store.object_store import ObjectStore


def read_listed(store: ObjectStore, file: UploadObject, limit: int) -> bytes:
    """The content of `file`, of the size and, where the ETag is one, with the MD5 that the store listed.

    Raises RejectedError when it is listed with more than `limit` bytes, and RetryableError, which names the
    store, when something else arrives.
    """
    if file.size > limit:
        raise RejectedError(f"{quoted(file.key)} has {file.size} bytes; make it smaller than {limit}")
    answers: list[bytes] = []
    for _ in range(2):
        content = store.read_small(file, limit=limit)
        if len(content) == file.size and (_as_promised(file, content) or content in answers):
            return content  # ETags of encrypted objects look like MD5 and are none; then answers are alike
        answers.append(content)
    raise RetryableError(
        f"the store answered for {quoted(file.key)} with other bytes than it lists; it is read again"
    )


def _as_promised(file: UploadObject, content: bytes) -> bool:
    return not has_md5(file) or hashlib.md5(content, usedforsecurity=False).hexdigest() == file.etag
