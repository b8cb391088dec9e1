"""What one http address answers: within a time limit for the whole, with its credentials, along redirects."""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

from edge_common.printable import printable

from car_client.sources.http_address import FetchError, HttpAddress

FETCH_SECONDS: Final = 10.0
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_CHUNK: Final = 65536
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_TELLING: Final = ("image/", "multipart/", "video/", "audio/")
_JPEG: Final = b"\xff\xd8\xff"
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered: its media type in lower case, and the bytes."""

    media_type: str
    content: bytes


def fetch(
    address: str, *, max_bytes: int, seconds: float = FETCH_SECONDS, only_public: bool = False
) -> Fetched:
    """What `address` answers, at most `max_bytes` and one more; all of it within `seconds` once it has an IP.

    `only_public` goes to no address of a private network or this machine, not by a redirect either.
    Raises FetchError, also for a status other than 200 and for a stream that never ends.
    """
    with _answered(address, seconds, only_public=only_public) as answer:
        media_type = _media_type(answer)
        if media_type.startswith("multipart/"):
            raise FetchError(f"it is a stream without an end ({media_type}); watch it as a source of its own")
        chunks, size = [], 0
        while size <= max_bytes and (chunk := answer.read1(min(_CHUNK, max_bytes + 1 - size))):
            chunks.append(chunk)
            size += len(chunk)
        expected = answer.length  # what is still to come, where the server said how much
        if expected and size <= max_bytes:
            raise ConnectionError(f"the connection ended {expected} bytes too early")
        content = b"".join(chunks)
        packing = answer.headers.get("Content-Encoding") or ""
        if packing.strip().lower() in _PACKED:  # though nobody asked for it
            content = zlib.decompressobj(_GZIP_OR_ZLIB).decompress(content, max_bytes + 1)
        return Fetched(media_type, content)


def media_type_of(address: str, *, seconds: float = FETCH_SECONDS) -> str:
    """The media type that `address` says it answers, unread; where that tells nothing, what the begin tells.

    Many cameras call their still picture nothing, or `application/octet-stream`. Raises FetchError.
    """
    with _answered(address, seconds, only_public=False) as answer:
        said = _media_type(answer)
        of_known_length = answer.length is not None and not said.startswith(_TELLING)
        return "image/jpeg" if of_known_length and answer.read(len(_JPEG)) == _JPEG else said


def _media_type(answer: http.client.HTTPResponse) -> str:
    return (answer.headers.get("Content-Type") or "").partition(";")[0].strip().lower()


@contextmanager
def _answered(address: str, seconds: float, *, only_public: bool) -> Iterator[http.client.HTTPResponse]:
    """The answer with status 200, at the end of all redirects; unread."""
    deadline = time.monotonic() + seconds
    challenge = ""
    try:
        target = HttpAddress.parse(address)
        for _ in range(_MOST_REDIRECTS + 1):
            with _Exchange(target, deadline, only_public=only_public) as exchange:
                answer = exchange.ask(target.authorization(challenge))
                if answer.status == _OK:
                    yield answer
                    if time.monotonic() >= deadline:
                        raise TimeoutError
                    return
                offered = answer.headers.get("WWW-Authenticate") or ""
                if answer.status == _UNAUTHORIZED and offered.lower().startswith("digest") and not challenge:
                    challenge = offered
                    continue
                location = answer.headers.get("Location")
                if answer.status not in _REDIRECTS or not location:
                    raise FetchError(f"status {answer.status}")
                target = target.redirected(location)
    except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
        if time.monotonic() >= deadline:
            raise FetchError(f"no whole answer within {seconds:g} s") from error
        raise FetchError(_reason(error)) from error
    raise FetchError(f"more than {_MOST_REDIRECTS} redirects")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return printable(text)


class _Exchange:
    """One request on a connection of its own, which is cut at the deadline whatever the other side does."""

    def __init__(self, target: HttpAddress, deadline: float, *, only_public: bool) -> None:
        self._target = target
        self._deadline = deadline
        self._answer: http.client.HTTPResponse | None = None
        host = target.parts.hostname or ""
        self._ip = _public_ip(host, target.port) if only_public else host

    def __enter__(self) -> Self:
        remaining = max(self._deadline - time.monotonic(), 0.001)
        host = self._target.parts.hostname or ""
        connected = socket.create_connection((self._ip, self._target.port), timeout=remaining)
        self._cutter = connected.dup()
        self._timer = threading.Timer(max(self._deadline - time.monotonic(), 0), self._cut)
        self._timer.daemon = True
        self._timer.start()
        self._connection = http.client.HTTPConnection(host, self._target.port)
        self._connection.sock = connected
        try:
            if self._target.parts.scheme == "https":
                context = ssl.create_default_context()
                self._connection.sock = context.wrap_socket(connected, server_hostname=host)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        if self._answer is not None:
            self._answer.close()
        self._connection.close()
        self._cutter.close()

    def ask(self, authorization: str) -> http.client.HTTPResponse:
        netloc = self._target.parts.netloc
        headers = {"Host": netloc, "Accept": "image/*, */*;q=0.5", "Connection": "close"}
        if authorization:
            headers["Authorization"] = authorization
        self._connection.request("GET", self._target.path, headers=headers)
        self._answer = self._connection.getresponse()
        return self._answer

    def _cut(self) -> None:
        try:
            self._cutter.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it ended at the same moment


def _public_ip(host: str, port: int) -> str:
    """The IP address of `host` to connect to, so that its name cannot point elsewhere meanwhile."""
    for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        ip = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address) and (
            ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip in _NAT64
        ):
            continue
        if ip.is_global and not ip.is_multicast:
            return str(ip)
    raise FetchError(f"{printable(host)} is no public address; only those are fetched here")
