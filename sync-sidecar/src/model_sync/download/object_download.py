"""One object from the bucket to a file: resumed where it broke off, bound to its ETag, digested."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from io import FileIO
from pathlib import Path

from edge_common.atomic_files import flush_to_disk
from edge_common.errors import RetryableError

from model_sync.bucket.catalog import UploadObject
from model_sync.bucket.keys import quoted
from model_sync.download.part_journal import journal_path
from model_sync.download.ranged_download import (
    CHUNK,
    PIECE,
    CancelledError,
    RangedTransfer,
    ended,
    facts_of,
    stopped,
)
from model_sync.store.errors import RangeIgnoredError
from model_sync.store.object_store import ObjectFacts, ObjectStore, has_md5

__all__ = ["CancelledError", "CorruptTransferError", "digest_file", "download", "read_whole"]

RANGED_FROM = 2 * PIECE
"""Bytes from which on an object is fetched over several connections."""
IN_MEMORY = 256 * 1024
"""Bytes up to which an object is written only when it is whole and checked; a kill may cost so much."""


class CorruptTransferError(RetryableError):
    """What arrived is not what the store promises. `sha256` is of what arrived."""

    def __init__(self, message: str, sha256: str, *, proven: bool = False) -> None:
        """Keep the digest, so that a second transfer can be compared.

        `proven`: what the store promises of other objects was true, so it is no promise in looks only.
        """
        super().__init__(message)
        self.sha256 = sha256
        self.proven = proven


def read_whole(
    store: ObjectStore, file: UploadObject, part: Path, *, cancelled: threading.Event
) -> tuple[bytes, str]:
    """The checked content of a small `file` and its SHA-256. Raises as `download`.

    What arrived before the connection broke is left in `part`, which `download` goes on with.
    """
    if cancelled.is_set():
        raise stopped(file)
    chunks: list[bytes] = []
    size = 0
    facts = ObjectFacts()
    try:
        with store.open_object(file) as stream:
            facts = facts_of(stream)
            while size <= file.size and (chunk := stream.read(CHUNK)):
                chunks.append(chunk)
                size += len(chunk)
        if size != file.size:
            raise ended(file, size)
    except RetryableError:
        if 0 < size < file.size:
            part.write_bytes(b"".join(chunks))
        raise
    content = b"".join(chunks)
    sha256 = hashlib.sha256(content).hexdigest()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() if has_md5(file) else None
    check_promises(store, file, facts, sha256=sha256, md5=md5)
    return content, sha256


def download(
    store: ObjectStore,
    file: UploadObject,
    part: Path,
    *,
    cancelled: threading.Event,
    progress: Callable[[int], None],
    helpers: Executor | None = None,
) -> str:
    """Fetch `file` into `part`, fsync it, and return its SHA-256 in hex.

    Bytes that an earlier attempt left in `part` are not fetched again. `progress` gets byte counts as they
    are covered. A plain MD5 ETag is checked, and the SHA-256 that the store kept with a small object; ETags
    of multipart uploads are opaque. `helpers` lends its idle threads to large objects; None: one connection.

    Raises as `RangedTransfer.run`, and CorruptTransferError when the whole content is there, but is not what
    the store promises.
    """
    with_md5 = has_md5(file)
    if file.size >= RANGED_FROM:
        transfer = RangedTransfer(store, file, cancelled=cancelled, progress=progress)
        try:
            sha256, md5 = transfer.run(part, helpers, with_md5=with_md5)
        except RangeIgnoredError:
            progress(-transfer.covered_bytes)
            part.unlink(missing_ok=True)
            journal_path(part).unlink(missing_ok=True)
        else:
            check_promises(store, file, transfer.facts, sha256=sha256, md5=md5)
            return sha256
    try:
        sha256, md5, facts = _download_whole(store, file, part, cancelled, progress, with_md5=with_md5)
    except RangeIgnoredError:
        progress(-part.stat().st_size)
        part.unlink()
        sha256, md5, facts = _download_whole(store, file, part, cancelled, progress, with_md5=with_md5)
    check_promises(store, file, facts, sha256=sha256, md5=md5)
    return sha256


def check_promises(
    store: ObjectStore, file: UploadObject, facts: ObjectFacts, *, sha256: str, md5: str | None
) -> None:
    """Compare what arrived with the store's own SHA-256, else with an ETag that looks like an MD5.

    Of an object that the store encrypted the ETag proves nothing, until that of another one did. Raises
    CorruptTransferError.
    """
    if facts.sha256 is not None:
        if facts.sha256 != sha256:
            raise _corrupt(file, "checksum", sha256, proven=True)
        return
    if md5 is None:
        return
    known: set[bool] = getattr(store, "md5_etags", set())
    if md5 == file.etag.lower():
        known.add(facts.encrypted)
    elif not facts.encrypted or facts.encrypted in known:
        raise _corrupt(file, "ETag", sha256, proven=facts.encrypted in known)


def _corrupt(file: UploadObject, what: str, sha256: str, *, proven: bool) -> CorruptTransferError:
    return CorruptTransferError(
        f"the store gives {quoted(file.key)} with other bytes than its {what} promises; if that stays so, "
        "upload the file again, and tell whoever runs the store or a cache before it",
        sha256,
        proven=proven,
    )


def _download_whole(
    store: ObjectStore,
    file: UploadObject,
    part: Path,
    cancelled: threading.Event,
    progress: Callable[[int], None],
    *,
    with_md5: bool,
) -> tuple[str, str | None, ObjectFacts]:
    """SHA-256, MD5 (`with_md5`), both in hex, and what the store says of the object."""
    digests = [hashlib.sha256(), *([hashlib.md5(usedforsecurity=False)] if with_md5 else [])]
    facts = ObjectFacts()
    with part.open("ab+", buffering=0) as out:
        have = _digest_existing(out, file.size, digests)
        progress(have)
        if have < file.size:
            with store.open_object(file, offset=have) as stream:
                facts = facts_of(stream)
                while chunk := stream.read(CHUNK):
                    if cancelled.is_set():
                        raise stopped(file)
                    _append(out, chunk)
                    have += len(chunk)
                    progress(len(chunk))
                    for digest in digests:
                        digest.update(chunk)
        flush_to_disk(out.fileno(), part)
    if have != file.size:
        if have > file.size:
            part.unlink()
        raise ended(file, have)
    sha256, *md5 = (digest.hexdigest() for digest in digests)
    return sha256, md5[0] if md5 else None, facts


def _digest_existing(out: FileIO, size: int, digests: Sequence["hashlib._Hash"]) -> int:
    """How many bytes an earlier attempt left, digested; what is too long is begun anew."""
    have = out.tell()
    if have > size:
        out.truncate(0)
        return 0
    out.seek(0)
    while chunk := out.read(CHUNK) if have else b"":
        for digest in digests:
            digest.update(chunk)
    return have


def _append(out: FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[out.write(view) :]


def digest_file(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
