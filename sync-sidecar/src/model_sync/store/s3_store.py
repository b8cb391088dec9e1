"""The bucket, through the `minio` SDK used as a plain S3 client, and libcurl for what is read most.

Only ListObjectsV2, GetObject with Range and If-Match, PutObject, HeadBucket and MakeBucket are needed, so any
S3 works. Every failure leaves here as one of ours, with a sentence that names the address and what to do.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from edge_common.errors import EdgeError, RejectedError
from minio.error import InvalidResponseError, MinioException, S3Error
from prometheus_client import Counter
from urllib3.exceptions import HTTPError

from model_sync.bucket.catalog import ListedObject
from model_sync.bucket.checksums import CHECKSUM_HEADER, whole_sha256
from model_sync.bucket.keys import quoted
from model_sync.metrics import Metrics
from model_sync.settings import Settings
from model_sync.store.bandwidth import ThrottledStream, TokenBucket
from model_sync.store.curl_handle import head_value
from model_sync.store.errors import BucketPlace, missing_bucket, outage, refusal
from model_sync.store.listing import PAGE_OBJECTS, Page
from model_sync.store.object_store import ByteStream, SmallObject
from model_sync.store.s3_client import make_client, make_pool, make_provider, make_reader
from model_sync.store.s3_reader import refusal_of
from model_sync.store.s3_refusal import S3RefusalError
from model_sync.store.small_reads import MOST_BYTES, SmallAnswer

_CHECKSUM = CHECKSUM_HEADER.encode()

_REFUSALS = (S3Error, S3RefusalError)
_OUTAGES = (MinioException, InvalidResponseError, HTTPError, OSError, ValueError, ParseError)


@dataclass(frozen=True)
class ObjectStream:
    """The body of an answer and what its headers said."""

    body: ByteStream
    sha256: str | None
    received: Counter

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
        self.endpoint = settings.s3_endpoint
        self.name = settings.bucket
        provider = make_provider(settings)
        self._client = make_client(settings, make_pool(settings), provider)
        self._reader = make_reader(settings, self._client, provider)
        self._bandwidth = TokenBucket(settings.bandwidth) if settings.bandwidth else None

    def list_objects(self, prefix: str = "") -> Iterator[ListedObject]:
        """See ObjectStore."""
        with self._translated("list the bucket"), ThreadPoolExecutor(1, "listing") as ahead:
            page: Page | None = self._page(prefix, None)
            while page is not None:
                token = page.next_token
                # the store prepares the next page while this one is read
                following = None if token is None else ahead.submit(self._page, prefix, token)
                yield from page.objects()
                page = None if following is None else following.result()

    def _page(self, prefix: str, token: str | None) -> Page:
        query: dict[str, str | list[str] | tuple[str]] = {
            "list-type": "2",
            "max-keys": PAGE_OBJECTS,
            "encoding-type": "url",
        }
        query |= {"prefix": prefix, "delimiter": ""}  # policies may ask for both, even when they are empty
        if token is not None:
            query["continuation-token"] = token
        # the SDK's public listing reads each page at a tenth of the speed and does not look ahead
        with self._asked("list", "list the bucket"):
            answer = self._client._execute("GET", self.name, query_params=query)  # noqa: SLF001 - see above
        return Page(answer.data)

    @contextmanager
    def open_object(
        self, key: str, *, etag: str, offset: int = 0, length: int | None = None
    ) -> Iterator[ByteStream]:
        """See ObjectStore. The stream raises our errors, too, when the connection breaks midway."""
        whole = offset == 0 and length is None
        headers = _headers_for(etag)
        if not whole:
            headers["Range"] = (
                f"bytes={offset}-" if length is None else f"bytes={offset}-{offset + length - 1}"
            )
        doing = f"read {quoted(key)}"
        with self._translated(doing), ExitStack() as until_read:
            with self._asked("read", doing):
                answer = until_read.enter_context(self._reader.open(key, headers))
            yield ObjectStream(
                answer if self._bandwidth is None else ThrottledStream(answer, self._bandwidth),
                whole_sha256(answer.headers.get(CHECKSUM_HEADER)) if whole else None,
                self._metrics.received_bytes,
            )

    @property
    def small(self) -> int:
        """See ReadsSmall; with a limit on the bandwidth every object is read piece by piece."""
        return MOST_BYTES if self._bandwidth is None else 0

    def read_small_ones(
        self, wanted: Mapping[str, str], stopped: Callable[[], bool]
    ) -> Iterator[SmallObject]:
        """See ReadsSmall. Raises RetryableError when the store does not even tell its region."""
        with self._translated("read the bucket"):
            answers = self._reader.read_small(
                {key: _headers_for(etag) for key, etag in wanted.items()}, stopped
            )
            for answer in answers:
                yield self._small_object(answer)

    def _small_object(self, answer: SmallAnswer) -> SmallObject:
        refused = refusal_of(answer)
        error = refused or answer.failure
        failure = None if error is None else self._ours(error, f"read {quoted(answer.key)}")
        content = answer.content if refused is None else b""
        answered = answer.status != 0 and refused is None
        self._metrics.count_read(answer.first_byte_after, None if answered else failure)
        self._metrics.received_bytes.inc(len(content))
        digest = whole_sha256(head_value(answer.head, _CHECKSUM)) if failure is None else None
        return SmallObject(answer.key, content, digest, answer.took, failure)

    def read_small(self, key: str, *, etag: str, limit: int) -> bytes:
        """See ObjectStore."""
        content = b""
        with self.open_object(key, etag=etag) as stream:
            while len(content) <= limit and (chunk := stream.read(limit + 1 - len(content))):
                content += chunk
        if len(content) > limit:
            raise RejectedError(f"{quoted(key)} has more than {limit} bytes; make it smaller")
        return content

    def put_small(self, key: str, content: bytes, content_type: str) -> None:
        """See ObjectStore."""
        with self._asked("write", f"write {quoted(key)}"):
            self._client.put_object(
                self.name, key, io.BytesIO(content), length=len(content), content_type=content_type
            )

    def put_file(self, key: str, path: str) -> None:
        """Upload the file `path`, in parts when it is large; raises RetryableError or FatalError."""
        with self._asked("write", f"write {quoted(key)}"):
            self._client.fput_object(self.name, key, path)

    def remove(self, key: str) -> None:
        """Remove one object; a missing one is no error."""
        with self._asked("remove", f"remove {quoted(key)}"):
            self._client.remove_object(self.name, key)

    def ensure_exists(self, *, create: bool) -> None:
        """Raises FatalError when the bucket is missing and may not, or cannot, be created."""
        with self._asked("head", "look for the bucket"):
            if self._client.bucket_exists(self.name):
                return
        if not create:
            raise missing_bucket(BucketPlace(self.name, self.endpoint))
        with self._asked("write", "create the bucket"):
            self._client.make_bucket(self.name)

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
        except (*_REFUSALS, *_OUTAGES) as error:
            raise self._ours(error, doing) from error

    def _ours(self, error: Exception, doing: str) -> EdgeError:
        where = BucketPlace(self.name, self.endpoint)
        if isinstance(error, _REFUSALS):
            return refusal(error.code or "", error.message or "", doing, where)
        return outage(error, doing, where)


def _headers_for(etag: str) -> dict[str, str]:
    """Of a request for that one state of an object, and what the store knows of its digest."""
    return {"If-Match": f'"{etag}"', "x-amz-checksum-mode": "ENABLED"}
