"""Reading objects over libcurl, which signs, sends and parses in C.

For a small object the SDK spends most of a sidecar's processor time on the request itself; this takes a
fraction of it (docs/performance.md). A stream is pulled: nothing is received that nobody asked for.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree as ET

import pycurl
from minio import Minio
from minio.credentials.providers import Provider

from model_sync.store.curl_handle import (
    ERRORS_FROM,
    OK,
    Signer,
    TimeLimits,
    header_lines,
    new_handle,
    parsed_head,
)
from model_sync.store.small_reads import SmallAnswer, SmallReads, SmallRequest

_READ_BYTES = 256 * 1024
_ANSWER_AFTER = 0.25
"""Seconds after which `read` hands out what it has, so that a caller can stop a slow transfer."""
_MAX_ERROR_BYTES = 64 * 1024
_NO_DESCRIPTOR_PAUSE = 0.001
_ANY_KEY = "k"


class S3RefusalError(Exception):
    """The store answered, and not with the object."""

    def __init__(self, status: int, body: bytes) -> None:
        """`body` is the XML that S3 describes errors with, if it sent any."""
        self.code, self.message = _described(body)
        self.status = status
        super().__init__(f"status {status}: {self.code or 'no code'}, {self.message or 'no message'}")


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


class _Connection:
    """One libcurl handle with a connection of its own, used by one transfer at a time."""

    def __init__(self, ca_file: str, limits: TimeLimits) -> None:
        self._silence = limits.silence
        self._multi = pycurl.CurlMulti()
        self._easy = new_handle(ca_file, limits)
        self._easy.setopt(pycurl.WRITEFUNCTION, self._take_body)
        self._head: list[bytes] = []
        self._easy.setopt(pycurl.HEADERFUNCTION, self._head.append)
        self._begin()

    def _begin(self) -> None:
        self._head.clear()
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._ended = False
        self._failure: OSError | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer, by lower-case name."""
        return parsed_head(self._head)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str], signer: Signer) -> Iterator[None]:
        """Send a request and wait for the answer's head; the body is read inside the block."""
        self._begin()
        easy = self._easy
        easy.setopt(pycurl.URL, url)
        easy.setopt(pycurl.HTTPHEADER, header_lines(headers))
        signer.sign(easy)
        self._multi.add_handle(easy)
        try:
            self._pump(1)
            status = easy.getinfo(pycurl.RESPONSE_CODE)
            if not OK <= status < ERRORS_FROM:
                self._pump(_MAX_ERROR_BYTES)
                self._raise_failure()
                raise S3RefusalError(status, self._taken(_MAX_ERROR_BYTES))
            yield
        finally:
            self._multi.remove_handle(easy)  # an unfinished answer's connection is closed by this

    def read(self, amt: int | None = None, /) -> bytes:
        """At most `amt` bytes, all for None; empty at the end. Raises OSError."""
        if amt is None:
            return b"".join(iter(lambda: self.read(_READ_BYTES), b""))
        self._pump(amt)
        if not self._buffered:
            self._raise_failure()
        return self._taken(amt)

    def close(self) -> None:
        self._easy.close()
        self._multi.close()

    def _pump(self, wanted: int) -> None:
        """Receive until `wanted` bytes are there or the answer has ended; something, once time is up."""
        begun = time.monotonic()
        while self._buffered < wanted and not self._ended:
            _, running = self._multi.perform()
            if running == 0:
                self._end()
            elif self._buffered < wanted:
                waited = time.monotonic() - begun
                if self._buffered and waited >= _ANSWER_AFTER:
                    return
                if waited >= self._silence:
                    raise TimeoutError(f"nothing arrived for {self._silence:g} s")
                if self._multi.select(_ANSWER_AFTER) < 0:
                    time.sleep(_NO_DESCRIPTOR_PAUSE)  # libcurl is between two sockets, or resolves a name

    def _end(self) -> None:
        self._ended = True
        _, _, failed = self._multi.info_read()
        for _, _, reason in failed:
            self._failure = ConnectionError(reason)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _taken(self, amt: int) -> bytes:
        taken: list[bytes] = []
        left = amt
        while left and self._chunks:
            chunk = self._chunks.popleft()
            if len(chunk) > left:
                self._chunks.appendleft(chunk[left:])
                chunk = chunk[:left]
            taken.append(chunk)
            left -= len(chunk)
        self._buffered -= amt - left
        return b"".join(taken)

    def _take_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._buffered += len(chunk)


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
        self._free: list[_Connection] = []
        self._small = SmallReads(lambda: new_handle(ca_file, limits), limits, small_connections)

    @contextmanager
    def open(self, key: str, headers: Mapping[str, str]) -> Iterator[_Connection]:
        """GET one object: its headers and a stream of its body.

        Raises:
            S3RefusalError: the store answered with an error.
            OSError: the connection failed, or was silent for too long; also while reading.
            MinioException, HTTPError: the bucket's region could not be found out.
        """
        address, token, signer = self._prepared()
        with self._lock:
            connection = self._free.pop() if self._free else None
        connection = connection or _Connection(self._ca_file, self._limits)
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
    return S3RefusalError(answer.status, answer.content[:_MAX_ERROR_BYTES])


def _described(body: bytes) -> tuple[str, str]:
    """Code and message of S3's XML; empty when it is something else."""
    try:
        root = ET.fromstring(body)  # noqa: S314 - at most 64 KiB; expat bounds the expansion of entities
    except ET.ParseError:
        return "", ""
    return root.findtext("Code") or "", root.findtext("Message") or ""
