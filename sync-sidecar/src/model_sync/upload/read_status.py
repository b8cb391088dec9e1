"""The status of a running sidecar, asked for from outside."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import urllib3
from edge_common.errors import FatalError
from urllib3.exceptions import HTTPError

_TIMEOUT = 5.0


def read_status(address: str) -> Mapping[str, Any]:
    """What `GET /v1/status` of the sidecar at `address` says: nothing until it has taken over the volume.

    Raises FatalError when it does not answer, or something else does.
    """
    try:
        url = f"{address.rstrip('/')}/v1/status"
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


def versions_of(status: Mapping[str, Any], model: str) -> list[Mapping[str, Any]]:
    """The entries of every version of `model`; empty when the sidecar knows none."""
    return list(status.get("models", {}).get(model, {}).get("versions", []))
