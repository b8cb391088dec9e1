"""AWS Signature Version 4 for one request, from the method, the address, the headers and the keys. Pure."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
"""Of the body of a request that has none."""

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    """Keys of a store, with the token of a session where they are temporary."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def path_of(key: str) -> str:
    """`key` as it stands in an address."""
    return quote(key, safe="/~")


def query_of(parameters: Mapping[str, str | Sequence[str]]) -> str:
    """`parameters` as they stand in an address and in a signature: in order, each value with its name."""
    pairs = [
        (quote(name, safe="~"), quote(value, safe="~"))
        for name, values in parameters.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def signed_headers(
    method: str,
    host: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    *,
    credentials: Credentials,
    region: str,
    now: float,
    body_sha256: str = EMPTY_SHA256,
) -> dict[str, str]:
    """`headers` (names in lower case) with those that sign them, the address and the body.

    `path` and `query` are as they are sent; `now` is in Unix seconds.
    """
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    day = moment[:8]
    signed = {"host": host, "x-amz-content-sha256": body_sha256, "x-amz-date": moment, **headers}
    if credentials.session_token:
        signed["x-amz-security-token"] = credentials.session_token
    names = sorted(signed)
    lines = [method, path, query, *(f"{name}:{signed[name].strip()}" for name in names)]
    request = "\n".join([*lines, "", ";".join(names), body_sha256])
    scope = f"{day}/{region}/s3/aws4_request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.digest(_signing_key(credentials.secret_key, day, region), text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return signed


@lru_cache(maxsize=4)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
