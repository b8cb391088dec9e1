"""Addresses such as `s3://pictures/gate-1`, and the client for the store they lie in."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import urllib3
from edge_common.errors import FatalError
from minio import Minio
from minio.datatypes import Object
from minio.error import MinioException, S3Error
from minio.helpers import check_bucket_name
from urllib3.exceptions import HTTPError

from car_client.settings import Settings

SCHEME = "s3://"
STORE_ERRORS = (MinioException, HTTPError, OSError, ValueError, ParseError)
"""What the SDK raises for a store that is away, refuses, or answers something else, such as an HTML page."""
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
        try:
            check_bucket_name(bucket, strict=True)
        except ValueError as error:
            raise FatalError(f"{text!r} cannot be: {error}; correct the name of the bucket") from error
        return cls(bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}"


def s3_client(settings: Settings) -> Minio:
    """A client with bounded waits that tries once: the watch asks again. Without keys it is anonymous.

    Raises FatalError when the file of the store's authority cannot be read.
    """
    parts = urlsplit(settings.s3_endpoint)
    authority = settings.s3_ca_file
    if authority is not None and not authority.is_file():
        raise FatalError(f"CAR_CLIENT_S3_CA_FILE names {authority}, which is no file; correct it or unset it")
    client = Minio(
        parts.netloc,
        access_key=settings.s3_access_key.get_secret_value() or None,
        secret_key=settings.s3_secret_key.get_secret_value() or None,
        region=settings.s3_region or None,
        secure=parts.scheme == "https",
        http_client=urllib3.PoolManager(
            timeout=_TIMEOUT, retries=False, ca_certs=str(authority) if authority is not None else None
        ),
    )
    if settings.s3_addressing == "path":
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # of the SDK
    elif settings.s3_addressing == "virtual":
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # of the SDK
    return client


def list_objects(store: Minio, address: S3Address) -> Iterator[Object]:
    """Every object under the address, in the store's order. Raises STORE_ERRORS.

    A store that gives the same keys again and again instead of going on is among these errors.
    """
    found = store.list_objects(address.bucket, address.prefix, recursive=True)
    landmark, placed_at = None, 0
    for place, object_ in enumerate(found, start=1):
        if object_.object_name == landmark and place > placed_at + 1:  # some list one key twice in a row
            raise ValueError(
                "its listing gives the same keys again and again (it takes no notice of continuation-token)"
            )
        if place >= 2 * placed_at:  # ever further apart, so that a circle of any length is noticed
            landmark, placed_at = object_.object_name, place
        yield object_


def read_object(store: Minio, address: S3Address, key: str, at_most: int) -> bytes:
    """The first `at_most` bytes of an object. Raises STORE_ERRORS."""
    answer = store.get_object(address.bucket, key, length=at_most)
    try:
        return bytes(answer.read())
    finally:
        answer.close()
        answer.release_conn()


def write_object(store: Minio, address: S3Address, key: str, content: bytes, media_type: str) -> None:
    """Replace an object as a whole. Raises STORE_ERRORS."""
    store.put_object(address.bucket, key, io.BytesIO(content), len(content), content_type=media_type)


def reason_of(error: Exception) -> str:
    """What the store said, without what differs from one request to the next."""
    if isinstance(error, S3Error):
        return f"{error.code}: {error.message}"
    return str(error) or type(error).__name__
