"""Reading objects over libcurl, which signs, sends and parses in C.

For a small object the SDK spends most of a sidecar's processor time on the request itself; this takes a
fraction of it (docs/performance.md). A stream is pulled: nothing is received that nobody asked for.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

from minio import Minio
from minio.credentials.providers import Provider

from model_sync.store.curl_handle import ERRORS_FROM, OK, Signer, TimeLimits, header_lines, new_handle
from model_sync.store.object_connection import ObjectConnection
from model_sync.store.s3_refusal import MAX_ERROR_BYTES, S3RefusalError
from model_sync.store.small_reads import SmallAnswer, SmallReads, SmallRequest

_ANY_KEY = "k"


@dataclass(frozen=True)
class BucketAddress:
    """Where a bucket's objects are, and what its requests are signed for."""

    base: str
    """Address of the bucket; a key follows after a slash."""
    region: str

    def url(self, key: str) -> str:
        """Of an object."""
        return f"{self.base}/{quote(key, safe='/~')}"

    @classmethod
    def asked_of(cls, client: Minio, bucket: str) -> "BucketAddress":
        """What the SDK found out: it knows the addressing, and asks the store for the region.

        Raises what the SDK raises when the store does not answer.
        """
        signed = urlsplit(client.presigned_get_object(bucket, _ANY_KEY))
        region = parse_qs(signed.query)["X-Amz-Credential"][0].split("/")[-3]
        return cls(f"{signed.scheme}://{signed.netloc}{signed.path.removesuffix('/' + _ANY_KEY)}", region)


class S3Reader:
    """Opens objects of one bucket; keeps the connections that are free. Thread-safe."""

    def __init__(
        self,
        client: Minio,
        bucket: str,
        provider: Provider,
        ca_file: str,
        limits: TimeLimits,
        *,
        small_connections: int = 1,
    ) -> None:
        """Nothing is asked of the store before the first object."""
        self._client = client
        self._bucket = bucket
        self._provider = provider
        self._ca_file = ca_file
        self._limits = limits
        self._lock = threading.Lock()
        self._address: BucketAddress | None = None
        self._free: list[ObjectConnection] = []
        self._small = SmallReads(lambda: new_handle(ca_file, limits), limits, small_connections)

    @contextmanager
    def open(self, key: str, headers: Mapping[str, str]) -> Iterator[ObjectConnection]:
        """GET one object: its headers and a stream of its body.

        Raises:
            S3RefusalError: the store answered with an error.
            OSError: the connection failed, or was silent for too long; also while reading.
            MinioException, HTTPError: the bucket's region could not be found out.
        """
        address, token, signer = self._prepared()
        with self._lock:
            connection = self._free.pop() if self._free else None
        connection = connection or ObjectConnection(self._ca_file, self._limits)
        try:
            with connection.get(address.url(key), {**headers, **token}, signer):
                yield connection
        finally:
            with self._lock:
                self._free.append(connection)

    def read_small(
        self, wanted: Mapping[str, Mapping[str, str]], stopped: Callable[[], bool]
    ) -> Iterator[SmallAnswer]:
        """GET small objects whole, in any order; `wanted` is key -> headers. Ends early once `stopped`.

        Raises MinioException or HTTPError when the bucket's region could not be found out. What else goes
        wrong is in the answer: `refusal_of` tells a refusal.
        """
        address, token, signer = self._prepared()
        requests = [
            SmallRequest(key, address.url(key), header_lines({**headers, **token}), signer)
            for key, headers in wanted.items()
        ]
        return self._small.read(requests, stopped)

    def _prepared(self) -> tuple[BucketAddress, Mapping[str, str], Signer]:
        """Where to ask, with which further headers, signed with what."""
        address, credentials = self._known_address(), self._provider.retrieve()
        token = credentials.session_token
        signer = Signer(address.region, credentials.access_key, credentials.secret_key)
        return address, {"x-amz-security-token": token} if token else {}, signer

    def _known_address(self) -> BucketAddress:
        with self._lock:
            if self._address is None:
                self._address = BucketAddress.asked_of(self._client, self._bucket)
            return self._address


def refusal_of(answer: SmallAnswer) -> S3RefusalError | None:
    """The store's error; None when it answered with the object, or not at all."""
    if answer.status == 0 or OK <= answer.status < ERRORS_FROM:
        return None
    return S3RefusalError(answer.status, answer.content[:MAX_ERROR_BYTES])
