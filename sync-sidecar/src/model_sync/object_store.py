"""The bucket, through the `minio` SDK used as a plain S3 client.

Only ListObjectsV2, GetObject with Range and If-Match, PutObject, HeadBucket and MakeBucket are needed, so any
S3 works. Every failure leaves here as one of ours, with a sentence that names the address and what to do.
"""

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol
from xml.etree.ElementTree import ParseError

import certifi
import urllib3
from edge_common.errors import EdgeError, FatalError, RejectedError, RetryableError
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error
from urllib3.exceptions import HTTPError

from model_sync.catalog import ListedObject
from model_sync.object_names import quoted
from model_sync.settings import Addressing, Settings

_CONNECT_TIMEOUT = 5.0
_READ_TIMEOUT = 30.0
"""Longest silence within one answer, seconds; a stalled transfer ends after this."""

_PERMISSION = frozenset({"AccessDenied", "AllAccessDisabled"})
_CREDENTIALS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidTokenId"}
)
_SKEW = "RequestTimeTooSkewed"


class ObjectChangedError(RetryableError):
    """The object is no longer the one that was listed."""


class ByteStream(Protocol):
    """Bytes as they arrive."""

    def read(self, amt: int | None = None, /) -> bytes:
        """At most `amt` further bytes, all for None; empty at the end."""
        ...


class ObjectStore(Protocol):
    """What the sidecar needs of a bucket."""

    def list_objects(self) -> Iterator[ListedObject]:
        """Every object under the prefix, all pages; raises RetryableError or FatalError midway too."""
        ...

    def open_object(self, key: str, *, etag: str, offset: int = 0) -> AbstractContextManager[ByteStream]:
        """A readable stream from `offset`; raises ObjectChangedError on another ETag."""
        ...

    def read_small(self, key: str, *, etag: str, limit: int) -> bytes:
        """A whole object of at most `limit` bytes; raises RejectedError when it is larger."""
        ...

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        """Write one object; raises RetryableError or FatalError."""
        ...


class S3Bucket:
    """One bucket on one endpoint. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        """Prepare a client; nothing is asked of the store yet. Raises FatalError for an unusable endpoint."""
        self._settings = settings
        self.endpoint = settings.s3_endpoint
        self.name = settings.bucket
        self._client = make_client(settings, make_pool(settings))

    def list_objects(self, prefix: str | None = None) -> Iterator[ListedObject]:
        """See ObjectStore; `prefix` instead of the one in the settings."""
        below = self._settings.prefix if prefix is None else prefix
        with self._translated("list the bucket"):
            found = self._client.list_objects(self.name, prefix=below or None, recursive=True)
            for entry in found:
                yield ListedObject(
                    key=entry.object_name or "",
                    size=entry.size or 0,
                    etag=(entry.etag or "").strip('"'),
                    modified=entry.last_modified.timestamp() if entry.last_modified else 0.0,
                )

    @contextmanager
    def open_object(self, key: str, *, etag: str, offset: int = 0) -> Iterator[ByteStream]:
        """See ObjectStore. The stream raises our errors, too, when the connection breaks midway."""
        with self._translated(f"read {quoted(key)}"):
            response = self._client.get_object(
                self.name, key, offset=offset, request_headers={"If-Match": f'"{etag}"'}
            )
            try:
                yield response
            finally:
                response.close()
                response.release_conn()

    def read_small(self, key: str, *, etag: str, limit: int) -> bytes:
        """See ObjectStore."""
        with self.open_object(key, etag=etag) as stream:
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise RejectedError(f"{quoted(key)} has more than {limit} bytes; make it smaller")
        return content

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        """See ObjectStore."""
        with self._translated(f"write {quoted(key)}"):
            self._client.put_object(
                self.name, key, io.BytesIO(content), length=len(content), content_type=content_type
            )

    def put_file(self, key: str, path: str) -> None:
        """Upload the file `path`, in parts when it is large; raises RetryableError or FatalError."""
        with self._translated(f"write {quoted(key)}"):
            self._client.fput_object(self.name, key, path)

    def remove(self, key: str) -> None:
        """Remove one object; a missing one is no error."""
        with self._translated(f"remove {quoted(key)}"):
            self._client.remove_object(self.name, key)

    def ensure_exists(self, *, create: bool) -> None:
        """Raises FatalError when the bucket is missing and may not, or cannot, be created."""
        with self._translated("look for the bucket"):
            if self._client.bucket_exists(self.name):
                return
        if not create:
            raise FatalError(_missing_bucket(self.name, self.endpoint))
        with self._translated("create the bucket"):
            self._client.make_bucket(self.name)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except EdgeError:
            raise
        except S3Error as error:
            raise self._from_s3(error, doing) from error
        except (MinioException, InvalidResponseError, HTTPError, OSError, ValueError, ParseError) as error:
            raise RetryableError(
                f"cannot {doing} '{self.name}' at {self.endpoint}: {_short(error)}; "
                "check that the store runs and the address is right"
            ) from error

    def _from_s3(self, error: S3Error, doing: str) -> EdgeError:
        where = f"'{self.name}' at {self.endpoint}"
        code = error.code or ""
        if code == "NoSuchBucket":
            return FatalError(_missing_bucket(self.name, self.endpoint))
        if code in {"PreconditionFailed", "NoSuchKey", "InvalidRange"}:
            return ObjectChangedError(f"cannot {doing}: it was replaced or removed since it was listed")
        if code in _CREDENTIALS:
            return FatalError(
                f"the store at {self.endpoint} does not accept the credentials ({code}); "
                "check MODEL_SYNC_S3_ACCESS_KEY and MODEL_SYNC_S3_SECRET_KEY"
            )
        if code in _PERMISSION:
            return FatalError(
                f"not allowed to {doing} in {where}; "
                "grant this access key s3:ListBucket and s3:GetObject there"
            )
        if code == _SKEW:
            return FatalError(
                f"the clocks of this machine and of {self.endpoint} differ too much; correct them"
            )
        return RetryableError(
            f"cannot {doing} in {where}: {code or 'no code'}, {error.message or 'no message'}"
        )


def make_pool(
    settings: Settings,
    *,
    read_timeout: float = _READ_TIMEOUT,
    kind: type[urllib3.PoolManager] = urllib3.PoolManager,
) -> urllib3.PoolManager:
    """Connections to the endpoint; `read_timeout` is the longest silence in seconds.

    Retries are left to the reconcile loop, which knows what else could be done meanwhile.
    """
    return kind(
        timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT, read=read_timeout),
        maxsize=settings.concurrency + 4,
        retries=False,
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(settings.s3_ca_file) if settings.s3_ca_file else certifi.where(),
    )


def make_client(settings: Settings, pool: urllib3.PoolManager) -> Minio:
    """An SDK client for the endpoint over `pool`; raises FatalError when the endpoint cannot be used."""
    secure = settings.s3_endpoint.startswith("https://")
    authority = settings.s3_endpoint.split("://", 1)[1].rstrip("/")
    access_key = settings.s3_access_key.get_secret_value() or None
    try:
        client = Minio(
            endpoint=authority,
            access_key=access_key,
            secret_key=settings.s3_secret_key.get_secret_value() or None,
            session_token=settings.s3_session_token.get_secret_value() or None,
            secure=secure,
            region=settings.s3_region or None,
            http_client=pool,
        )
    except ValueError as error:
        raise FatalError(
            f"MODEL_SYNC_S3_ENDPOINT {settings.s3_endpoint!r} cannot be used: {error}"
        ) from error
    if settings.s3_addressing is Addressing.PATH:
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK types it not
    elif settings.s3_addressing is Addressing.VIRTUAL:
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK types it not
    return client


def _missing_bucket(bucket: str, endpoint: str) -> str:
    return (
        f"the bucket '{bucket}' does not exist at {endpoint}; create it (mc mb local/{bucket}), "
        "or set MODEL_SYNC_CREATE_BUCKET=true"
    )


def _short(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    text = " ".join(str(reason).split())
    return text if len(text) <= 200 else text[:197] + "..."  # noqa: PLR2004 - one log line's worth
