"""One object from the bucket to a file: resumed where it broke off, bound to its ETag, digested."""

import hashlib
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

from edge_common.errors import RetryableError

from model_sync.catalog import RemoteFile
from model_sync.object_names import quoted
from model_sync.object_store import ObjectStore

_CHUNK = 1024 * 1024
_PLAIN_MD5 = re.compile(r"[0-9a-f]{32}")


class CancelledError(RetryableError):
    """The transfer was asked to end; what has arrived is kept."""


class CorruptTransferError(RetryableError):
    """What arrived is not what the ETag promises. `sha256` is of what arrived."""

    def __init__(self, message: str, sha256: str) -> None:
        """Keep the digest, so that a second transfer can be compared."""
        super().__init__(message)
        self.sha256 = sha256


def download(
    store: ObjectStore,
    file: RemoteFile,
    part: Path,
    *,
    cancelled: threading.Event,
    progress: Callable[[int], None],
) -> str:
    """Fetch `file` into `part`, fsync it, and return its SHA-256 in hex.

    Bytes that an earlier attempt left in `part` are not fetched again. `progress` gets byte counts as they
    are covered. A plain MD5 ETag is checked; ETags of multipart uploads are opaque.

    Raises:
        CancelledError: `cancelled` was set.
        ObjectChangedError: the object was replaced since it was listed.
        CorruptTransferError: the whole content is there, but does not match the ETag.
        RetryableError: the store failed, or sent too little.
    """
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with part.open("ab+") as out:
        have = out.tell()
        if have > file.size:
            out.truncate(0)
            have = 0
        out.seek(0)
        while chunk := out.read(_CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
        progress(have)
        if have < file.size:
            with store.open_object(file.key, etag=file.etag, offset=have) as stream:
                while chunk := stream.read(_CHUNK):
                    if cancelled.is_set():
                        raise CancelledError(f"the download of {quoted(file.key)} was stopped")
                    out.write(chunk)
                    sha256.update(chunk)
                    md5.update(chunk)
                    have += len(chunk)
                    progress(len(chunk))
        out.flush()
        os.fsync(out.fileno())
    if have != file.size:
        if have > file.size:
            part.unlink()
        raise RetryableError(f"{quoted(file.key)} ended after {have} of {file.size} bytes; it is tried again")
    if _PLAIN_MD5.fullmatch(file.etag) and md5.hexdigest() != file.etag:
        raise CorruptTransferError(
            f"{quoted(file.key)} arrived with other bytes than its ETag promises; it is fetched again",
            sha256.hexdigest(),
        )
    return sha256.hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
