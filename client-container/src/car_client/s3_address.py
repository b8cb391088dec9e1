"""Addresses such as `s3://pictures/gate-1`, and the client for the store they lie in."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import urllib3
from edge_common.errors import FatalError
from minio import Minio
from pydantic import SecretStr

SCHEME = "s3://"
_TIMEOUT = urllib3.Timeout(connect=3.0, read=10.0)


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket, and what the keys in it begin with (empty, or ending in a slash)."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `s3://bucket/prefix`; raises FatalError when there is no bucket in it."""
        bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
        if not bucket:
            raise FatalError(f"{text!r} names no bucket; write s3://BUCKET or s3://BUCKET/PREFIX")
        return cls(bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")

    def __str__(self) -> str:
        """`s3://bucket/prefix/`."""
        return f"{SCHEME}{self.bucket}/{self.prefix}"


def s3_client(endpoint: str, access_key: SecretStr, secret_key: SecretStr) -> Minio:
    """A client with bounded waits that tries once: the watch asks again. Without keys it is anonymous."""
    parts = urlsplit(endpoint)
    return Minio(
        parts.netloc,
        access_key=access_key.get_secret_value() or None,
        secret_key=secret_key.get_secret_value() or None,
        secure=parts.scheme == "https",
        http_client=urllib3.PoolManager(timeout=_TIMEOUT, retries=False),
    )
