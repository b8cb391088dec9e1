"""The sidecar that reads our bucket, asked from outside: its status until a version serves, and changes."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import urllib3
from edge_common.errors import EdgeError, FatalError, RejectedError, RetryableError
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
_TIMEOUT, _LONG_TIMEOUT = 5.0, 60.0
_POLL = 0.05
_ERRORS: Mapping[int, type[EdgeError]] = {
    HTTPStatus.UNAUTHORIZED: FatalError,
    HTTPStatus.FORBIDDEN: FatalError,
    HTTPStatus.SERVICE_UNAVAILABLE: RetryableError,
}


def _answer(
    address: str, method: str, path: str, token: str = "", *, body: Any = None, timeout: float = _TIMEOUT
) -> urllib3.BaseHTTPResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        pool = urllib3.PoolManager(retries=False, timeout=timeout)
        url = address.rstrip("/").removesuffix(_STATUS) + path
        return pool.request(method, url, json=body, headers=headers)
    except HTTPError as error:
        raise FatalError(
            f"the sidecar does not answer at {address} ({type(error).__name__}); "
            "is it running? give its address with --status-url"
        ) from error


def _document(answer: urllib3.BaseHTTPResponse, address: str) -> Mapping[str, Any]:
    with suppress(ValueError):
        document = answer.json()
        if isinstance(document, dict):
            return document
    raise FatalError(f"{address} does not answer as a sidecar does; give its address with --status-url")


def read_status(address: str) -> Mapping[str, Any]:
    """What `GET /v1/status` of the sidecar at `address` says: nothing until it has taken over the volume.

    Raises FatalError when it does not answer, or something else does.
    """
    answer = _answer(address, "GET", _STATUS)
    if answer.status != HTTPStatus.OK:
        raise FatalError(f"{address} does not answer as a sidecar does; give its address with --status-url")
    return _document(answer, address)


def ask_sidecar(
    address: str, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str = ""
) -> Mapping[str, Any]:
    """The JSON object that the sidecar at `address` answers with, asked for a change or for its history.

    Raises FatalError when it does not answer or the token is not the right one, RetryableError when its store
    is away, RejectedError for what else it refuses; the sentence is the sidecar's.
    """
    answer = _answer(address, method, path, token, body=body, timeout=_LONG_TIMEOUT)
    told = _document(answer, address)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        sentence = told.get("error") or f"{address}{path} answers {answer.status}"
        raise _ERRORS.get(answer.status, RejectedError)(sentence)
    return told


def ask_for_sync(address: str, pushed_to: StoreAddress, token: str = "") -> bool:
    """Have the sidecar at `address` list its bucket now, if it surely is `pushed_to`; False when it does not.

    Nothing is lost without it: the sidecar finds the upload by itself, at the latest after its poll interval.
    """
    try:
        read = store_of(read_status(address))
        if read is None or not read.is_surely(pushed_to):
            return False
        return _answer(address, "POST", "/v1/sync", token).status == HTTPStatus.ACCEPTED
    except FatalError:
        return False


def statuses(address: str, timeout: float, *, of: StoreAddress) -> Iterator[Mapping[str, Any]]:
    """The status of the sidecar at `address`, again and again for `timeout` seconds.

    Raises FatalError when it does not answer, or reads another bucket than `of`.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        status = read_status(address)
        check_same_store(status, address, of)
        yield status
        time.sleep(_POLL)


def versions_of(status: Mapping[str, Any], model: str) -> list[Mapping[str, Any]]:
    """The entries of every version of `model`; empty when the sidecar knows none."""
    return list(status.get("models", {}).get(model, {}).get("versions", []))


def wait_until_served(
    version: VersionFolder, upload_id: str, address: str, timeout: float, *, pushed_to: StoreAddress
) -> Iterator[Mapping[str, Any] | None]:
    """Yield the status entry of `version` whenever it was asked for, until it is served.

    Raises RejectedError with the sidecar's sentence when it rejected the upload named `upload_id`,
    RetryableError when it was not served in `timeout` seconds, and FatalError as `statuses` does.
    """
    name = f"{version.model} version {version.version}"
    entry: Mapping[str, Any] | None = None
    for status in statuses(address, timeout, of=pushed_to):
        versions = versions_of(status, version.model)
        entry = next((entry for entry in versions if entry["source"] == version.version), None)
        yield entry
        if entry is not None:
            if entry["state"] == Phase.SERVING and entry["digest"] == version.digest:
                return
            if entry["state"] == Phase.REJECTED and entry["upload"] == upload_id:
                raise RejectedError(f"{name} is rejected: {entry['reason']}")
    last = f"{entry['state']}: {entry['reason']}" if entry is not None else "not seen in the bucket"
    raise RetryableError(f"{name} is not served after {format_duration(timeout)}; last: {last}")
