"""The keys that requests are signed with, and AWS Signature Version 4 for one request.

The keys are those of the settings, or what the surroundings offer. A signature follows from the method, the
address, the headers, the keys and the time alone.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

import urllib3
from edge_common.errors import FatalError
from urllib3.exceptions import HTTPError

from model_sync.settings import Settings, read_settings

if TYPE_CHECKING:
    from minio.credentials.providers import Provider

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
"""Of the body of a request that has none."""
_ALGORITHM = "AWS4-HMAC-SHA256"
_METADATA_TIMEOUT = 2.0
"""Seconds; where there is no metadata service nothing answers at all."""


@dataclass(frozen=True)
class Credentials:
    """Keys of a store, with the token of a session where they are temporary."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def credential_source(settings: Settings) -> "SetKeys | DefaultChain":
    """The keys of the settings, else the default chain; either is thread-safe."""
    return SetKeys(settings) if settings.s3_access_key.get_secret_value() else DefaultChain()


class SetKeys:
    """The keys of the settings, which may stand in files that somebody replaces."""

    def __init__(self, settings: Settings, read: Callable[[], Settings] | None = None) -> None:
        """Begin with those of `settings`; `read` gives the settings anew, from the environment if None."""
        self._keys = _keys_of(settings)
        self._read = read or (lambda: read_settings(os.environ))

    def current(self) -> Credentials:
        """The keys to sign with now."""
        return self._keys

    def renewed(self) -> Credentials:
        """The keys after the store refused those; files that cannot be read now leave them as they are."""
        with suppress(FatalError):
            found = _keys_of(self._read())
            self._keys = found if found.access_key else self._keys
        return self._keys


def _keys_of(settings: Settings) -> Credentials:
    return Credentials(
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
        settings.s3_session_token.get_secret_value() or None,
    )


class DefaultChain:
    """Environment (AWS_*, MINIO_*), the AWS credentials file, a web identity, the instance's role."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._chain: Provider | None = None

    def current(self) -> Credentials:
        """Keys of the first source that has any; raises FatalError when none has."""
        if self._chain is None:
            self._chain = _sdk_chain()
        try:
            found = self._chain.retrieve()
        except (ValueError, HTTPError, OSError) as error:
            raise FatalError(
                "no credentials for the store were found; set MODEL_SYNC_S3_ACCESS_KEY and "
                "MODEL_SYNC_S3_SECRET_KEY, or AWS_* variables, a credentials file or an instance role"
            ) from error
        # stripped, because a Secret may end with a line break, which the SDK takes for a part of the key
        token = found.session_token.strip() if found.session_token else None
        return Credentials(found.access_key.strip(), found.secret_key.strip(), token)

    def renewed(self) -> Credentials:
        """The keys after the store refused those: looked up anew."""
        self._chain = None
        return self.current()


def _sdk_chain() -> "Provider":
    # imported here because the SDK takes longer to import than everything else together
    from minio.credentials.providers import (  # noqa: PLC0415
        AWSConfigProvider,
        ChainedProvider,
        EnvAWSProvider,
        EnvMinioProvider,
        IamAwsProvider,
    )

    pool = urllib3.PoolManager(timeout=_METADATA_TIMEOUT, retries=False)
    # the SDK knows only Amazon's service; MinIO and private endpoints exchange web identities, too
    identity = os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    service = os.environ.get("AWS_ENDPOINT_URL_STS") if identity else None
    role = IamAwsProvider(custom_endpoint=service, http_client=pool)
    return ChainedProvider([EnvAWSProvider(), EnvMinioProvider(), AWSConfigProvider(), role])


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
