"""An http address taken apart: what people may see of it, where it redirects to, and its credentials."""

import base64
import re
import urllib.request
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from edge_common.errors import RetryableError
from edge_common.printable import printable

SCHEMES: Final = ("http://", "https://")
_PORTS: Final = {"http": 80, "https": 443}
_SECRET: Final = re.compile(r"(?i)([?&;][^=&;]*(?:pass|pwd|token|secret|key|auth|sig)[^=&;]*=)[^&;]*")


class FetchError(RetryableError):
    """The address gave no picture this time; says why, without credentials."""


def address_for_people(address: str) -> str:
    """`address` without user, password and what looks like a key in its query; fit for logs."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an address that cannot be read"
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return printable(_SECRET.sub(r"\1***", shown))


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """An address taken apart; user and password apart from the rest."""

    parts: SplitResult
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, address: str) -> Self:
        """Raises FetchError for what is no http or https address, ValueError for what is none at all."""
        parts = urlsplit(address)
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
        if parts.scheme not in _PORTS or not bare.hostname:
            raise FetchError("it is no http or https address")
        return cls(bare, unquote(parts.username or ""), unquote(parts.password or ""))

    @property
    def port(self) -> int:
        """The one it names, else that of its scheme."""
        return self.parts.port or _PORTS[self.parts.scheme]

    @property
    def path(self) -> str:
        """Path and query as they are asked for."""
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
