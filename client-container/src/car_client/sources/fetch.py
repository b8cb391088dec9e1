"""What one http address answers: within a time limit for the whole, with its credentials, along redirects."""

import base64
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from edge_common.errors import RetryableError
from edge_common.printable import printable

SCHEMES: Final = ("http://", "https://")
FETCH_SECONDS: Final = 10.0
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_CHUNK: Final = 65536
_PORTS: Final = {"http": 80, "https": 443}
_SECRET: Final = re.compile(r"(?i)([?&;][^=&;]*(?:pass|pwd|token|secret|key|auth|sig)[^=&;]*=)[^&;]*")
_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_TELLING: Final = ("image/", "multipart/", "video/", "audio/")
_JPEG: Final = b"\xff\xd8\xff"
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class FetchError(RetryableError):
    """The address gave no picture this time; says why, without credentials."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered: its media type in lower case, and the bytes."""

    media_type: str
    content: bytes


def address_for_people(address: str) -> str:
    """`address` without user, password and what looks like a key in its query; fit for logs."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an address that cannot be read"
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return printable(_SECRET.sub(r"\1***", shown))


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
        if (
            answer.headers.get("Content-Encoding", "").strip().lower() in _PACKED
        ):  # though nobody asked for it
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
        target = _Target.parse(address)
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


@dataclass(frozen=True, slots=True)
class _Target:
    """An address taken apart; user and password apart from the rest."""

    parts: SplitResult
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, address: str) -> Self:
        parts = urlsplit(address)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
        if parts.scheme not in _PORTS or not bare.hostname:
            raise FetchError("it is no http or https address")
        return cls(bare, unquote(parts.username or ""), unquote(parts.password or ""))

    @property
    def port(self) -> int:
        return self.parts.port or _PORTS[self.parts.scheme]

    @property
    def path(self) -> str:
        asked = self.parts._replace(scheme="", netloc="").geturl() or "/"
        return quote(asked if asked.startswith("/") else f"/{asked}", safe="/?&=%:;,+!*'()@$~[]")

    def redirected(self, location: str) -> Self:
        """Where `location` leads. Credentials go nowhere but to the same scheme, host and port."""
        there = type(self).parse(urljoin(self.parts.geturl(), location))
        same = (there.parts.scheme, there.parts.hostname, there.port) == (
            self.parts.scheme,
            self.parts.hostname,
            self.port,
        )
        if self.user and not same:
            raise FetchError(
                f"it redirects to {address_for_people(there.parts.geturl())}, where its credentials are not "
                "sent; write that address with those that are meant for it"
            )
        return type(self)(there.parts, self.user, self.password)

    def authorization(self, challenge: str) -> str:
        """The header's value: Basic, or Digest once `challenge` asked for it; empty without a user."""
        if not self.user:
            return ""
        if not challenge:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return f"Basic {pair}"
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        address = f"{self.parts.scheme}://{self.parts.netloc}{self.path}"
        passwords.add_password(None, address, self.user, self.password)
        digest = urllib.request.HTTPDigestAuthHandler(passwords)
        said: dict[str, Any] = urllib.request.parse_keqv_list(
            [part for part in urllib.request.parse_http_list(challenge.partition(" ")[2]) if part]
        )
        answer = digest.get_authorization(urllib.request.Request(address), said)  # noqa: S310 - computed, not opened
        return f"Digest {answer}"


class _Exchange:
    """One request on a connection of its own, which is cut at the deadline whatever the other side does."""

    def __init__(self, target: _Target, deadline: float, *, only_public: bool) -> None:
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
