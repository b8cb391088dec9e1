"""Requests to one bucket over urllib3: addressed, signed, sent, and refused in the store's own words.

Every request of the sidecar goes through here. A redirect is never followed: the answer would come from
another place than the settings name.
"""

import hashlib
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import certifi
import urllib3
from edge_common.errors import FatalError
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers, parse_url

from model_sync.settings import Settings
from model_sync.store.errors import CREDENTIALS_REFUSED, S3RefusalError
from model_sync.store.s3_address import BucketAddress, bucket_address, proxy_for
from model_sync.store.signing import EMPTY_SHA256, Credentials, credential_source, query_of, signed_headers

_CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
"""Longest silence within one answer, seconds; a stalled transfer ends after this."""
_MAX_SHORT_BYTES = 64 * 1024
_ERRORS_FROM = 300
_FURTHER_TRIES = 2
"""One after the store corrected the region, one after it refused credentials that were renewed since."""
_STREAMED_BYTES = 256 * 1024

Answer = urllib3.BaseHTTPResponse


@dataclass(frozen=True)
class Request:
    """What is asked of the bucket, or of an object in it; names of headers in lower case."""

    method: str
    key: str = ""
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class S3Client:
    """Sends requests for one bucket. Thread-safe."""

    def __init__(self, settings: Settings, *, now: Callable[[], float] = time.time) -> None:
        """Prepare connections; nothing is asked of the store yet. Raises FatalError for unusable settings."""
        self.address = bucket_address(settings)
        self.credentials = credential_source(settings)
        self.pool = _pool(settings, self.address)
        self._now = now
        self._direct: dict[str, urllib3.HTTPConnectionPool] = {}

    @contextmanager
    def open(self, request: Request, *, read_timeout: float = READ_TIMEOUT) -> Iterator[Answer]:
        """Send `request` and yield its answer, of which only the head was read.

        Raises S3RefusalError when the store answers with an error or a redirect, and HTTPError or OSError
        when the connection fails, or is silent for too long; also while reading.
        """
        answer = self._accepted(request, read_timeout)
        try:
            yield answer
        finally:
            _release(answer)

    def ask(self, request: Request) -> bytes:
        """Send `request` and return the body of its answer; raises as `open`, ValueError for a long one."""
        with self.open(request) as answer:
            return read_at_most(answer, _MAX_SHORT_BYTES)

    def _accepted(self, request: Request, read_timeout: float) -> Answer:
        for tries_left in reversed(range(_FURTHER_TRIES + 1)):
            address, credentials = self.address, self.credentials.current()
            answer = self._sent(request, read_timeout, address, credentials)
            if answer.status < _ERRORS_FROM:
                return answer
            refusal = _refusal(answer)
            if not tries_left or not self._can_do_better(refusal, address, credentials):
                raise refusal
        raise AssertionError("the last try either returns or raises")

    def _sent(
        self, request: Request, read_timeout: float, address: BucketAddress, credentials: Credentials
    ) -> Answer:
        path, query = address.path(request.key), query_of(request.query)
        headers = signed_headers(
            request.method,
            address.authority,
            path,
            query,
            request.headers,
            credentials=credentials,
            region=address.region,
            now=self._now(),
            body_sha256=hashlib.sha256(request.body).hexdigest() if request.body else EMPTY_SHA256,
        )
        headers["Host"] = headers.pop("host")  # as urllib3 writes it, or a proxy is sent two
        target = f"{path}?{query}" if query else path
        through_proxy = self.pool.proxy is not None
        connections = self.pool if through_proxy else self._connections(address.base)
        return connections.urlopen(
            request.method,
            f"{address.base}{target}" if through_proxy else target,
            headers=headers,
            body=request.body or None,
            preload_content=False,
            decode_content=False,
            redirect=False,
            timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT, read=read_timeout),
        )

    def _connections(self, base: str) -> urllib3.HTTPConnectionPool:
        """Those to `base`; looking them up in the manager would take a tenth of a small request's time."""
        if base not in self._direct:
            self._direct[base] = self.pool.connection_from_url(base)
        return self._direct[base]

    def _can_do_better(self, refusal: S3RefusalError, address: BucketAddress, used: Credentials) -> bool:
        """Whether the next try would differ: in the region that the store names, or by other credentials."""
        told = refusal.region
        if told and not address.region_is_set and told != address.region:
            self.address = address.in_region(told)
            return True
        return refusal.code in CREDENTIALS_REFUSED and self.credentials.renewed() != used


def read_at_most(answer: Answer, limit: int, *, until: float | None = None) -> bytes:
    """The rest of an answer; ValueError when it has more than `limit` bytes, TimeoutError after `until`.

    `until` is monotonic seconds: a body that trickles is never silent for long.
    """
    parts: list[bytes] = []
    size = 0
    while chunk := answer.read1(_STREAMED_BYTES):
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            raise ValueError(f"the store answers with more than {limit} bytes")
        if until is not None and time.monotonic() > until:
            raise TimeoutError(f"the store sent only {size} bytes in all the time it had")
    return b"".join(parts)


def _refusal(answer: Answer) -> S3RefusalError:
    """What a refused request was answered with; its connection is free afterwards."""
    try:
        body = read_at_most(answer, _MAX_SHORT_BYTES, until=time.monotonic() + READ_TIMEOUT)
    except (HTTPError, OSError, ValueError):
        body = b""  # the status says enough
    finally:
        _release(answer)
    return S3RefusalError(answer.status, body, answer.headers)


def _release(answer: Answer) -> None:
    if not answer.closed:  # what is left would be taken for the next answer
        answer.close()
    answer.release_conn()


def _pool(settings: Settings, address: BucketAddress) -> urllib3.PoolManager:
    """Connections to the endpoint.

    Retries are left to the reconcile loop, which knows what else could be done meanwhile.
    """
    most = settings.concurrency + 4  # downloads, the listing and what it looks ahead, status, cards
    tls = {"ssl_context": _trusting(settings.s3_ca_file)} if address.scheme == "https" else {}
    return connections_to(
        address.base, maxsize=most, block=False, retries=False, cert_reqs="CERT_REQUIRED", **tls
    )


def connections_to(url: str, **options: Any) -> urllib3.PoolManager:
    """Connections to the host of `url`, through a proxy where the environment names one.

    `options` are those of urllib3. Raises FatalError for a proxy that cannot be used.
    """
    proxy = proxy_for(url, os.environ)
    if proxy is None:
        return urllib3.PoolManager(**options)
    try:
        login = parse_url(proxy).auth
        headers = make_headers(proxy_basic_auth=unquote(login)) if login else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)
    except (HTTPError, ValueError) as error:
        name = f"{parse_url(url).scheme or 'http'}_proxy".upper()
        raise FatalError(f"the proxy that {name} names cannot be used: {error}") from error


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """TLS that trusts `ca_file`, else the public authorities; the file is read here, whatever its name is."""
    if ca_file is None:
        return ssl.create_default_context(cafile=certifi.where())
    try:
        text = ca_file.read_text(encoding="ascii", errors="ignore")
        return ssl.create_default_context(cadata=text or "empty")
    except (OSError, ssl.SSLError) as error:
        raise FatalError(
            f"MODEL_SYNC_S3_CA_FILE {str(ca_file)!r} holds no certificate that can be read: {error}"
        ) from error
