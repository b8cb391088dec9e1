"""The bucket as the sidecar sees it: listed, read, and written in small things.

Only ListObjectsV2, GetObject with Range and If-Match, PutObject, DeleteObject, HeadBucket and CreateBucket
are needed, so any S3 works; `push` uploads in parts, too. Every failure leaves here as one of ours, with a
sentence that names the address and what to do.
"""

import base64
import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from edge_common.errors import EdgeError
from urllib3.exceptions import HTTPError

from model_sync.bucket.catalog import ListedObject
from model_sync.bucket.keys import quoted
from model_sync.metrics import Metrics
from model_sync.settings import Settings
from model_sync.store import errors
from model_sync.store.listing import PAGE_OBJECTS, Page, Pages, without_constants
from model_sync.store.object_reads import ObjectReads, PacedStream, ThrottledStream, TokenBucket
from model_sync.store.object_store import ByteStream, Listed, ObjectFacts, Part
from model_sync.store.s3_address import FIRST_REGION
from model_sync.store.s3_client import Answer, Request, S3Client, read_at_most

if TYPE_CHECKING:
    from prometheus_client import Counter

_OUTAGES = (HTTPError, OSError, ValueError)
_MAX_PAGE_BYTES, _PAGE_SECONDS = 8 * 1024 * 1024, 60.0
_LISTING_SECONDS = 900.0
"""All pages together."""
_LOCATION = (
    '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>"
)


@dataclass(frozen=True)
class _Body:
    """The body of an answer as it arrives."""

    answer: Answer

    def read(self, amt: int | None = None, /) -> bytes:  # what has arrived, without waiting for more
        return self.answer.read() if amt is None else self.answer.read1(amt)


@dataclass(frozen=True)
class ObjectStream:
    """The body of an answer and what its headers said."""

    body: ByteStream
    facts: ObjectFacts
    received: "Counter"

    def read(self, amt: int | None = None, /) -> bytes:
        """See ByteStream."""
        content = self.body.read(amt)
        self.received.inc(len(content))
        return content


class S3Bucket:
    """One bucket on one endpoint. Thread-safe."""

    def __init__(self, settings: Settings, metrics: Metrics | None = None) -> None:
        """Prepare a client; nothing is asked of the store yet. Raises FatalError for an unusable endpoint."""
        self._metrics = metrics or Metrics()
        self.endpoint, self.name = settings.s3_endpoint, settings.bucket
        self._where = errors.BucketPlace(self.name, self.endpoint)
        self._client = S3Client(settings)
        self._bandwidth = TokenBucket(settings.bandwidth) if settings.bandwidth else None
        self._constant_etags: set[str] = set()
        self._reads = ObjectReads(self._client)
        self.md5_etags: set[bool] = set()
        """See ObjectStore."""

    def list_objects(self, prefix: str = "") -> Iterator[ListedObject]:
        """See ObjectStore. A listing that may be incomplete, or never ends, is a RetryableError."""
        until = time.monotonic() + _LISTING_SECONDS
        pages = Pages()
        with self._translated("list the bucket"), ThreadPoolExecutor(1, "listing") as ahead:
            page: Page | None = self._page(prefix, None)
            while page is not None:
                token = pages.following(page)
                # the store prepares the next page while this one is read
                following = None if token is None else ahead.submit(self._page, prefix, token)
                yield from without_constants(pages.objects(page), self._constant_etags)
                page = None if following is None else following.result()
                if time.monotonic() > until:
                    raise errors.StoreFaultError(f"the listing did not end within {_LISTING_SECONDS:g} s")

    def _page(self, prefix: str, token: str | None) -> Page:
        query = {"list-type": "2", "max-keys": PAGE_OBJECTS, "encoding-type": "url"}
        query |= {"prefix": prefix, "delimiter": ""}  # policies may ask for both, even when they are empty
        if token is not None:
            query["continuation-token"] = token
        until = time.monotonic() + _PAGE_SECONDS
        with self._asked("list", "list the bucket"), self._client.open(Request("GET", query=query)) as answer:
            return Page(read_at_most(answer, _MAX_PAGE_BYTES, until=until))

    @contextmanager
    def open_object(
        self, listed: Listed, *, offset: int = 0, length: int | None = None
    ) -> Iterator[ByteStream]:
        """See ObjectStore. The stream raises our errors, too, when the connection breaks midway."""
        doing = f"read {quoted(listed.key)}"
        with self._translated(doing), ExitStack() as until_read:
            with self._asked("read", doing):
                opened = self._reads.open(listed, Part(offset, length))
                answer, facts = until_read.enter_context(opened)
            body = PacedStream(_Body(answer), listed.key)
            paced = body if self._bandwidth is None else ThrottledStream(body, self._bandwidth)
            yield ObjectStream(paced, facts, self._metrics.received_bytes)

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        """See ObjectStore."""
        md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        headers = {"content-type": content_type, "content-md5": md5}  # which buckets with object lock want
        with self._asked("write", f"write {quoted(key)}"):
            self._client.ask(Request("PUT", key, headers=headers, body=content))

    def put_file(self, key: str, path: str) -> None:
        """Upload the file `path`, in parts when it is large; raises RetryableError or FatalError."""
        with self._asked("write", f"write {quoted(key)}"):
            _upload_by_sdk(self._client, self.name, key, path)

    def remove(self, key: str) -> None:
        """See RemovesObjects."""
        with self._asked("remove", f"remove {quoted(key)}"):
            self._client.ask(Request("DELETE", key))

    def ensure_exists(self, *, create: bool) -> None:
        """Raises FatalError when the bucket is missing and may not, or cannot, be created."""
        with self._asked("head", "look for the bucket"):
            try:
                self._client.ask(Request("HEAD"))
            except errors.S3RefusalError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
            else:
                return
        if not create:
            raise errors.missing_bucket(self._where)
        region = self._client.address.region
        with self._asked("write", "create the bucket"):
            body = b"" if region == FIRST_REGION else _LOCATION.format(region).encode()
            self._client.ask(Request("PUT", body=body))

    @contextmanager
    def _asked(self, operation: str, doing: str) -> Iterator[None]:
        """One request, measured; its errors are ours already."""
        with self._metrics.store_request(operation), self._translated(doing):
            yield

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except EdgeError:
            raise
        except errors.S3RefusalError as error:
            raise errors.refused(error, doing, self._where) from error
        except errors.StoreFaultError as error:
            raise errors.faulty(error, doing, self._where) from error
        except _OUTAGES as error:
            raise errors.outage(error, doing, self._where) from error


def _upload_by_sdk(client: S3Client, bucket: str, key: str, path: str) -> None:
    """Write the file `path` as `key`; raises S3RefusalError, HTTPError or OSError."""
    # imported here because only `push` needs the SDK, which takes long to import
    from minio import Minio  # noqa: PLC0415
    from minio.credentials.providers import StaticProvider  # noqa: PLC0415
    from minio.error import InvalidResponseError, MinioException, S3Error  # noqa: PLC0415

    address, keys = client.address, client.credentials.current()
    sdk = Minio(
        endpoint=address.authority.removeprefix(f"{bucket}.") if not address.folder else address.authority,
        secure=address.scheme == "https",
        region=address.region,
        http_client=client.pool,
        credentials=StaticProvider(keys.access_key, keys.secret_key, keys.session_token),
    )
    if address.folder:
        sdk.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK types it not
    else:
        sdk.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK types it not
    try:
        sdk.fput_object(bucket, key, path)
    except S3Error as error:
        raise errors.S3RefusalError(
            error.response.status, error.response.data, error.response.headers
        ) from error
    except (MinioException, InvalidResponseError) as error:
        raise OSError(str(error)) from error
