"""Which requests of browsers a service answers: none that a stranger's page has them send.

A page whose name a stranger lets point at our address (DNS rebinding) sends that name as Host. The public DNS
holds no addresses, no single words and none of the reserved domains, so these are answered, and so are the
names that a cluster gives its services. Any other name is answered only when somebody allowed it.
"""

import socket
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_RESERVED = (".localhost", ".local", ".internal", ".home.arpa", ".svc")
"""Domains that no registry gives away; the last is how names of services end within a cluster."""
_LONGEST = 300
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ANY = "*"


class Refusal(NamedTuple):
    """Status and sentence of the answer."""

    status: int
    sentence: str


class AllowedHosts:
    """Judges Host and Origin; `names` are further names, `*.example.com` for all below one, `*` for any.

    `resolver` is the file in which a pod finds its namespace and its cluster's domain.
    """

    def __init__(self, names: Iterable[str] = (), resolver: Path = Path("/etc/resolv.conf")) -> None:
        own = {socket.gethostname().lower(), *_of_cluster(resolver)}
        self._names = {name.strip().lower() for name in names} | own
        self._admits = lru_cache(maxsize=256)(self._judge)

    def refusal(self, method: str, host: str, origin: str = "") -> Refusal | None:
        """Why a request is not answered, None when it is; an absent header is empty.

        What changes something (no GET, HEAD, OPTIONS) is not taken from pages of other hosts. Ports are not
        compared: proxies drop them.
        """
        if host and not self.admits(_without_port(host)):
            named = host[:_LONGEST]
            return Refusal(421, f"{named!r} is no name of this service; add it to the allowed hosts if it is")
        if origin and method not in _SAFE_METHODS:
            sender = _host_of(origin)
            if sender != _without_port(host) and not (sender and self._is_named(sender)):
                page = origin[:_LONGEST]
                return Refusal(403, f"a page of {page!r} may not do that; add its host to the allowed hosts")
        return None

    def admits(self, name: str) -> bool:
        """Whether requests under this name, without a port, are answered."""
        return len(name) <= _LONGEST and self._admits(name)

    def _judge(self, name: str) -> bool:
        return "." not in name or name.endswith(_RESERVED) or _is_address(name) or self._is_named(name)

    def _is_named(self, name: str) -> bool:
        return bool(self._names & {name, _ANY}) or _is_below(name, self._names)


def _of_cluster(resolver: Path) -> set[str]:
    """Patterns for `service.namespace` and `service.namespace.svc.domain`; empty outside of a cluster."""
    try:
        lines = resolver.read_text(errors="replace").splitlines()
    except OSError:
        return set()
    domains = [domain for line in lines if line.startswith("search ") for domain in line.lower().split()[1:]]
    inside = [domain.rstrip(".").partition(".svc.") for domain in domains if ".svc." in domain]
    return {f"*.{namespace}" for namespace, _, _ in inside} | {f"*.svc.{rest}" for _, _, rest in inside}


def _is_below(name: str, names: set[str]) -> bool:
    labels = name.split(".")
    return any(f"*.{'.'.join(labels[count:])}" in names for count in range(1, len(labels)))


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _without_port(host: str) -> str:
    name, separator, port = host.rpartition(":")
    bare = name if separator and port.isdecimal() else host
    return bare.lower().rstrip(".")


def _host_of(origin: str) -> str:
    try:
        return _without_port(urlsplit(origin[:_LONGEST]).netloc)
    except ValueError:
        return ""
