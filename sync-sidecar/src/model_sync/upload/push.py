"""Uploading a version so that it is taken up whole and at once: the files, then SHA256SUMS.

Its number is the highest one when that holds the files, else the next. Earlier files come back under a new,
higher number: the sidecar serves the highest one, and nothing in the bucket is removed for a rollback.
"""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_common.errors import RejectedError

from model_sync.bucket.catalog import ListedModel, Upload, build_catalog
from model_sync.bucket.checksums import MAX_CHECKSUMS_BYTES, format_checksums, parse_checksums
from model_sync.bucket.keys import CHECKSUMS_NAME, LATEST, SIGNATURE_NAME, is_version_name
from model_sync.planning.state import StoredFile
from model_sync.settings import Settings
from model_sync.store.object_store import read_small
from model_sync.upload.folder import VersionFolder
from model_sync.upload.sidecar_status import StoreAddress

if TYPE_CHECKING:
    from model_sync.store.s3_store import S3Bucket

ReadSums = Callable[[Upload], Mapping[str, str] | None]
"""The path -> SHA-256 that a version's SHA256SUMS lists; None when it has none that can be read."""


@dataclass(frozen=True)
class Target:
    """A version folder in the bucket; `there` when it holds exactly the files already."""

    version: str
    there: bool


def choose_target(
    model: str,
    remote: ListedModel | None,
    files: Collection[StoredFile],
    read_sums: ReadSums,
    wanted: str | None = None,
) -> Target:
    """The version for `files`: `wanted`, else the highest one when it holds them, else the next number.

    An upload of these files that broke off is completed under its number. Raises RejectedError when `wanted`
    holds other files, and when `latest` is in the bucket, because no number comes before it.
    """
    versions = remote.versions if remote is not None else {}
    content = {file.path: file.sha256 for file in files}

    def holds(version: Upload) -> bool:
        listed = {file.path for file in version.files}
        return read_sums(version) == content and content.keys() <= listed

    numbers = sorted(int(name) for name in versions if is_version_name(name) and name != LATEST)
    following = str(numbers[-1] + 1 if numbers else 1)
    if wanted is not None:
        there = versions.get(wanted)
        if there is None or wanted == LATEST or _broken_off(there, files):
            return Target(wanted, there is not None and holds(there))
        if holds(there):
            return Target(wanted, there=True)
        raise RejectedError(
            f"{model} version {wanted} is in the bucket with other files; leave the version out to take "
            f"the next free number, {following}"
        )
    if LATEST in versions:
        raise RejectedError(
            f"the bucket has {model}/{LATEST}, which is served before every number; "
            f"promote with --version {LATEST}, or remove that folder"
        )
    if not numbers:
        return Target(following, there=False)
    highest = versions[str(numbers[-1])]
    if holds(highest):
        return Target(highest.bucket_version, there=True)
    return Target(highest.bucket_version if _broken_off(highest, files) else following, there=False)


def _broken_off(version: Upload, files: Collection[StoredFile]) -> bool:
    """Whether it is the beginning of an upload of `files`: SHA256SUMS would have come last."""
    ours = {(file.path, file.size) for file in files}
    return version.checksums is None and {(file.path, file.size) for file in version.files} <= ours


_UPLOADS_AT_A_TIME = 4


class Destination:
    """The bucket that the settings name, under the prefix that the sidecar calls its own."""

    def __init__(self, settings: Settings, bucket: "S3Bucket | None" = None) -> None:
        """Connect unless `bucket` is, and make it if the settings want that.

        Raises RetryableError or FatalError.
        """
        from model_sync.store.s3_store import S3Bucket  # noqa: PLC0415 - slow to import, and not always needed

        self._settings = settings
        self.store = StoreAddress(settings.s3_endpoint, settings.bucket)
        """The store and bucket, as these settings call them."""
        self._bucket = bucket or S3Bucket(settings)
        self._bucket.ensure_exists(create=settings.create_bucket)

    def address(self, version: VersionFolder) -> str:
        """Where `version` lies once it is sent, for people."""
        return f"{self._settings.s3_endpoint}/{self._settings.bucket}/{self._key(version)}"

    def send(self, version: VersionFolder, sent: Callable[[StoredFile], None] = lambda _: None) -> float:
        """Upload all files, then model.sig, SHA256SUMS last; `sent` is called for each.

        Returns the Unix time of the end. Raises RetryableError or FatalError when the store refuses. Then
        SHA256SUMS is not there, and the rest counts as an upload without it: it is taken up if it stays as it
        is and happens to be a whole model.
        """
        base = self._key(version)

        def send_one(file: StoredFile) -> StoredFile:
            self._bucket.put_file(f"{base}/{file.path}", str(version.folder / file.path))
            return file

        signature = [file for file in version.files if file.path == SIGNATURE_NAME]
        with ThreadPoolExecutor(_UPLOADS_AT_A_TIME) as pool:
            for file in pool.map(send_one, [file for file in version.files if file not in signature]):
                sent(file)
        for file in signature:
            sent(send_one(file))
        digests = {file.path: file.sha256 for file in version.files}
        self._bucket.put_small(f"{base}/{CHECKSUMS_NAME}", format_checksums(digests), "text/plain")
        return time.time()

    def upload_id(self, version: VersionFolder) -> str:
        """How the sidecar's status names this upload, from the bucket's own listing of it."""
        listed = self._listed(version.model)
        upload = listed.versions.get(version.version) if listed is not None else None
        return upload.upload_id if upload is not None else ""

    def choose_target(self, version: VersionFolder, wanted: str | None = None) -> Target:
        """Where the files of `version` go, or lie already, as `choose_target` says."""
        listed = self._listed(version.model)
        return choose_target(version.model, listed, version.files, self._read_sums, wanted)

    def _key(self, version: VersionFolder) -> str:
        return f"{self._settings.home_prefix}{version.model}/{version.version}"

    def _listed(self, model: str) -> ListedModel | None:
        prefix = self._settings.home_prefix
        return build_catalog(self._bucket.list_objects(f"{prefix}{model}/"), prefix).models.get(model)

    def _read_sums(self, upload: Upload) -> Mapping[str, str] | None:
        sums = upload.checksums
        if sums is None:
            return None
        try:
            paths = {file.path for file in upload.files}
            return parse_checksums(read_small(self._bucket, sums, MAX_CHECKSUMS_BYTES), paths)
        except RejectedError:  # not a list of ours: then these are other files
            return None
