"""Uploading a version so that it is taken up whole and at once: the files, then SHA256SUMS."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from edge_common.errors import RejectedError

from model_sync.bucket.catalog import ListedModel, Upload, build_catalog
from model_sync.bucket.checksums import MAX_BYTES, format_checksums, parse_checksums
from model_sync.bucket.keys import CHECKSUMS_NAME
from model_sync.planning.state import StoredFile
from model_sync.settings import Settings
from model_sync.upload.same_store import StoreAddress
from model_sync.upload.target import Target, choose_target
from model_sync.upload.version_folder import VersionFolder

_UPLOADS_AT_A_TIME = 4


class Destination:
    """The bucket that the settings name, under the prefix that the sidecar calls its own."""

    def __init__(self, settings: Settings) -> None:
        """Connect, and make the bucket if the settings want that; raises RetryableError or FatalError."""
        from model_sync.store.s3_store import S3Bucket  # noqa: PLC0415 - slow to import, and not always needed

        self._settings = settings
        self._bucket = S3Bucket(settings)
        self._bucket.ensure_exists(create=settings.create_bucket)

    @property
    def store(self) -> StoreAddress:
        """The store and bucket, as these settings call them."""
        return StoreAddress(self._settings.s3_endpoint, self._settings.bucket)

    def address(self, version: VersionFolder) -> str:
        """Where `version` lies once it is sent, for people."""
        return f"{self._settings.s3_endpoint}/{self._settings.bucket}/{self._key(version)}"

    def send(self, version: VersionFolder, sent: Callable[[StoredFile], None] = lambda _: None) -> float:
        """Upload all files, SHA256SUMS last; `sent` is called for each. Returns the Unix time of the end.

        Raises RetryableError or FatalError when the store refuses. Then SHA256SUMS is not there, and the rest
        counts as an upload without it: it is taken up if it stays as it is and happens to be a whole model.
        """
        base = self._key(version)

        def send_one(file: StoredFile) -> StoredFile:
            self._bucket.put_file(f"{base}/{file.path}", str(version.folder / file.path))
            return file

        with ThreadPoolExecutor(_UPLOADS_AT_A_TIME) as pool:
            for file in pool.map(send_one, version.files):
                sent(file)
        digests = {file.path: file.sha256 for file in version.files}
        self._bucket.put_small(f"{base}/{CHECKSUMS_NAME}", format_checksums(digests), "text/plain")
        return time.time()

    def upload_id(self, version: VersionFolder) -> str:
        """How the sidecar's status names this upload, from the bucket's own listing of it."""
        listed = self._listed(version.model)
        upload = listed.versions.get(version.version) if listed is not None else None
        return upload.upload_id if upload is not None else ""

    def choose_target(self, version: VersionFolder, wanted: str | None = None) -> Target:
        """Where the files of `version` go, or lie already; see `target.choose_target`."""
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
            return parse_checksums(self._bucket.read_small(sums, limit=MAX_BYTES))
        except RejectedError:  # not a list of ours: then these are other files
            return None
