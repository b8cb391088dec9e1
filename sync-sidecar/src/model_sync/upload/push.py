"""Uploading a version so that it is taken up whole and at once: the files, then SHA256SUMS.

Waiting until it is served asks the sidecar's status, so it tells what the sidecar tells.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_common.errors import RejectedError, RetryableError
from edge_common.quantities import format_duration

from model_sync.bucket.catalog import build_catalog
from model_sync.bucket.checksums import format_checksums
from model_sync.bucket.keys import (
    CHECKSUMS_NAME,
    Ignored,
    Misplaced,
    VersionFile,
    interpret_key,
    is_version_name,
    quoted,
    version_name_advice,
)
from model_sync.bucket.model_formats import partner_missing
from model_sync.download.object_download import digest_file
from model_sync.planning.standing import Phase
from model_sync.planning.state import StoredFile, StoredVersion
from model_sync.store.s3_store import S3Bucket
from model_sync.upload.read_status import read_status, versions_of

_POLL = 0.05
_UPLOADS_AT_A_TIME = 4


@dataclass(frozen=True)
class VersionFolder:
    """A version folder on this machine, looked through and ready to be sent."""

    folder: Path
    model: str
    version: str
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """As the sidecar's status shows it once the version is on its volume."""
        return StoredVersion(0, self.version, "", self.files, 0.0).digest


def prepare_upload(folder: Path, model: str, version: str) -> VersionFolder:
    """Look through `folder`; raises RejectedError when it cannot become a served version."""
    if not folder.is_dir():
        raise RejectedError(f"{folder} is not a folder; name the folder that holds the version's files")
    if not is_version_name(version):
        raise RejectedError(version_name_advice(version))
    files = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        name = path.relative_to(folder).as_posix()
        meaning = interpret_key(f"{model}/{version}/{name}")
        if isinstance(meaning, Misplaced):
            raise RejectedError(meaning.advice)
        if isinstance(meaning, Ignored) or "/" in model:
            raise RejectedError(
                f"{quoted(model)} cannot be a model's name; names do not begin with '_' or '.'"
            )
        if not isinstance(meaning, VersionFile) or meaning.problem is not None or path.is_symlink():
            reason = meaning.problem if isinstance(meaning, VersionFile) else None
            raise RejectedError(reason or f"{quoted(name)} is not a plain file; copy the file itself there")
        if name != CHECKSUMS_NAME:
            files.append(StoredFile(name, path.stat().st_size, digest_file(path)))
    missing = partner_missing(file.path for file in files)
    if missing is not None:
        raise RejectedError(f"{folder} is not a complete model: {missing}")
    return VersionFolder(folder, model, version, tuple(files))


def send(upload: VersionFolder, bucket: S3Bucket, prefix: str, sent: Callable[[StoredFile], None]) -> float:
    """Upload everything, SHA256SUMS last; `sent` is called for each file. Returns the Unix time of the end.

    Raises RetryableError or FatalError when the store refuses. Then SHA256SUMS is not there, and the rest
    counts as an upload without it: it is taken up if it settles and happens to be a whole model.
    """
    base = f"{prefix}{upload.model}/{upload.version}/"

    def send_one(file: StoredFile) -> StoredFile:
        bucket.put_file(base + file.path, str(upload.folder / file.path))
        return file

    with ThreadPoolExecutor(_UPLOADS_AT_A_TIME) as pool:
        for file in pool.map(send_one, upload.files):
            sent(file)
    digests = {file.path: file.sha256 for file in upload.files}
    bucket.put_small(base + CHECKSUMS_NAME, format_checksums(digests), "text/plain")
    return time.time()


def upload_id(upload: VersionFolder, bucket: S3Bucket, prefix: str) -> str:
    """How the sidecar's status names this upload, from the bucket's own listing of it."""
    listing = bucket.list_objects(f"{prefix}{upload.model}/{upload.version}/")
    return build_catalog(listing, prefix).models[upload.model].versions[upload.version].upload_id


def wait_until_served(
    upload: VersionFolder, mark: str, status_url: str, timeout: float
) -> Iterator[Mapping[str, Any] | None]:
    """Yield the version's status entry whenever it was asked for, until it is served.

    Raises:
        RejectedError: the sidecar rejected the upload; the sentence is the sidecar's.
        RetryableError: it was not served in `timeout` seconds.
        FatalError: the sidecar does not answer at `status_url`.
    """
    deadline = time.monotonic() + timeout
    entry: Mapping[str, Any] | None = None
    while time.monotonic() < deadline:
        entry = _entry(read_status(status_url), upload)
        yield entry
        if entry is not None:
            if entry["state"] == Phase.SERVING and entry["digest"] == upload.digest:
                return
            if entry["state"] == Phase.REJECTED and entry["upload"] == mark:
                raise RejectedError(f"{upload.model} version {upload.version} is rejected: {entry['reason']}")
        time.sleep(_POLL)
    last = f"{entry['state']}: {entry['reason']}" if entry is not None else "not seen in the bucket"
    raise RetryableError(
        f"{upload.model} version {upload.version} is not served after {format_duration(timeout)}; "
        f"last: {last}"
    )


def _entry(status: Mapping[str, Any], upload: VersionFolder) -> Mapping[str, Any] | None:
    versions = versions_of(status, upload.model)
    return next((entry for entry in versions if entry["source"] == upload.version), None)
