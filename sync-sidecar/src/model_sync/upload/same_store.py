"""Whether the sidecar that is asked reads the bucket that was written to. Pure."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from edge_common.errors import FatalError


@dataclass(frozen=True)
class StoreAddress:
    """A bucket of a store, as somebody calls it."""

    endpoint: str
    bucket: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.endpoint.rstrip('/')}/{self.bucket}"

    def is_surely(self, other: "StoreAddress") -> bool:
        """Whether both name the same bucket at the same address."""
        return self.bucket == other.bucket and _place(self.endpoint) == _place(other.endpoint)

    def is_surely_not(self, other: "StoreAddress") -> bool:
        """Whether the buckets differ, or both are of this machine and at different ports.

        Else two names may lead to one store: in a cluster it is called otherwise than outside.
        """
        mine, theirs = _place(self.endpoint), _place(other.endpoint)
        here = mine[0] == theirs[0] == "localhost"
        return self.bucket != other.bucket or (here and mine != theirs)


def store_of(status: Mapping[str, Any]) -> StoreAddress | None:
    """The store that the sidecar of a status document reads; None before it has said so."""
    store = status.get("store")
    return StoreAddress(store["endpoint"], store["bucket"]) if store else None


def check_same_store(status: Mapping[str, Any], address: str, pushed_to: StoreAddress) -> None:
    """Raise FatalError when the sidecar at `address` surely reads another bucket than `pushed_to`."""
    read = store_of(status)
    if read is not None and read.is_surely_not(pushed_to):
        raise FatalError(
            f"the sidecar {status.get('instance')} at {address} reads {read}, not {pushed_to}, "
            "where the upload is; give the address of the sidecar that reads it with --status-url"
        )


def _place(endpoint: str) -> tuple[str, int | None]:
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    with suppress(ValueError):  # a name
        host = "localhost" if ip_address(host).is_loopback else host
    return host, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
