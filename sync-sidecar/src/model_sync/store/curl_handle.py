"""What every libcurl handle of this process has in common, and how the head of an answer is read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pycurl

_BUFFER_BYTES = 256 * 1024
OK, ERRORS_FROM = 200, 300
"""The statuses between them bring what was asked for."""


@dataclass(frozen=True)
class TimeLimits:
    """Seconds."""

    connect: float
    silence: float
    """Longest without a byte."""


@dataclass(frozen=True)
class Signer:
    """What requests are signed with."""

    region: str
    access_key: str
    secret_key: str

    def sign(self, handle: pycurl.Curl) -> None:
        """Let libcurl sign the requests of `handle` (SigV4)."""
        handle.setopt(pycurl.AWS_SIGV4, f"aws:amz:{self.region}:s3")
        handle.setopt(pycurl.USERNAME, self.access_key)
        handle.setopt(pycurl.PASSWORD, self.secret_key)


def new_handle(ca_file: str, limits: TimeLimits) -> pycurl.Curl:
    """A handle without a request yet; it keeps its connection from one request to the next."""
    handle = pycurl.Curl()
    handle.setopt(pycurl.NOSIGNAL, 1)  # signals are for the main thread
    handle.setopt(pycurl.PROXY, "")  # as the SDK: not from the environment
    handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    handle.setopt(pycurl.CAINFO, ca_file)
    handle.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
    handle.setopt(pycurl.CONNECTTIMEOUT_MS, int(limits.connect * 1000))
    return handle


def header_lines(headers: Mapping[str, str]) -> list[str]:
    """As libcurl wants them."""
    return [f"{name}: {value}" for name, value in headers.items()]


def parsed_head(lines: Iterable[bytes]) -> dict[str, str]:
    """The headers among the `lines` of an answer's head, by lower-case name."""
    headers = {}
    for line in lines:
        name, separator, value = line.decode("latin-1").partition(":")
        if separator:
            headers[name.strip().lower()] = value.strip()
    return headers


def head_value(lines: Iterable[bytes], name: bytes) -> str | None:
    """The value of one header, `name` in lower case; None when it is not there. Quicker than all of them."""
    length = len(name)
    for line in lines:
        if line[:length].lower() == name and line[length : length + 1] == b":":
            return line[length + 1 :].decode("latin-1").strip()
    return None
