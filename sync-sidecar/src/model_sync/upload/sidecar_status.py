"""The status of the sidecar that reads our bucket, asked for from outside, once or until a version serves."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import urllib3
from edge_common.errors import FatalError, RejectedError, RetryableError
from edge_common.quantities import format_duration
from urllib3.exceptions import HTTPError

from model_sync.planning.uploads import Phase
from model_sync.upload.folder import VersionFolder


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


_STATUS = "/v1/status"
_TIMEOUT = 5.0
_POLL = 0.05


def read_status(address: str) -> Mapping[str, Any]:
    """What `GET /v1/status` of the sidecar at `address` says: nothing until it has taken over the volume.

    Raises FatalError when it does not answer, or something else does.
    """
    try:
        url = f"{_base(address)}{_STATUS}"
        answer = urllib3.PoolManager(retries=False, timeout=_TIMEOUT).request("GET", url)
    except HTTPError as error:
        raise FatalError(
            f"the sidecar does not answer at {address} ({type(error).__name__}); "
            "is it running? give its address with --status-url"
        ) from error
    try:
        document = answer.json() if answer.status == HTTPStatus.OK else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise FatalError(f"{address} does not answer as a sidecar does; give its address with --status-url")
    return document


def ask_for_sync(address: str, pushed_to: StoreAddress, token: str = "") -> bool:
    """Have the sidecar at `address` list its bucket now, if it surely is `pushed_to`; False when it does not.

    Nothing is lost without it: the sidecar finds the upload by itself, at the latest after its poll interval.
    """
    try:
        read = store_of(read_status(address))
        if read is None or not read.is_surely(pushed_to):
            return False
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)
        answer = pool.request("POST", f"{_base(address)}/v1/sync", headers=headers)
    except (FatalError, HTTPError):
        return False
    return answer.status == HTTPStatus.ACCEPTED


def _base(address: str) -> str:
    return address.rstrip("/").removesuffix(_STATUS)


def versions_of(status: Mapping[str, Any], model: str) -> list[Mapping[str, Any]]:
    """The entries of every version of `model`; empty when the sidecar knows none."""
    return list(status.get("models", {}).get(model, {}).get("versions", []))


def wait_until_served(
    version: VersionFolder, upload_id: str, address: str, timeout: float, *, pushed_to: StoreAddress
) -> Iterator[Mapping[str, Any] | None]:
    """Yield the status entry of `version` whenever it was asked for, until it is served.

    Raises:
        RejectedError: the sidecar rejected the upload named `upload_id`; the sentence is the sidecar's.
        RetryableError: it was not served in `timeout` seconds.
        FatalError: the sidecar does not answer at `address`, or reads another bucket than `pushed_to`.
    """
    name = f"{version.model} version {version.version}"
    deadline = time.monotonic() + timeout
    entry: Mapping[str, Any] | None = None
    while time.monotonic() < deadline:
        status = read_status(address)
        check_same_store(status, address, pushed_to)
        versions = versions_of(status, version.model)
        entry = next((entry for entry in versions if entry["source"] == version.version), None)
        yield entry
        if entry is not None:
            if entry["state"] == Phase.SERVING and entry["digest"] == version.digest:
                return
            if entry["state"] == Phase.REJECTED and entry["upload"] == upload_id:
                raise RejectedError(f"{name} is rejected: {entry['reason']}")
        time.sleep(_POLL)
    last = f"{entry['state']}: {entry['reason']}" if entry is not None else "not seen in the bucket"
    raise RetryableError(f"{name} is not served after {format_duration(timeout)}; last: {last}")
