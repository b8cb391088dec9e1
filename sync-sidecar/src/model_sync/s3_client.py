"""The SDK's client for the endpoint in the settings: connections, credentials, addressing, time limits."""

import certifi
import urllib3
from edge_common.errors import FatalError
from minio import Minio

from model_sync.credentials import DefaultChain
from model_sync.settings import Addressing, Settings

_CONNECT_TIMEOUT = 5.0
_READ_TIMEOUT = 30.0
"""Longest silence within one answer, seconds; a stalled transfer ends after this."""


def make_pool(
    settings: Settings,
    *,
    read_timeout: float = _READ_TIMEOUT,
    kind: type[urllib3.PoolManager] = urllib3.PoolManager,
) -> urllib3.PoolManager:
    """Connections to the endpoint; `read_timeout` is the longest silence in seconds.

    Retries are left to the reconcile loop, which knows what else could be done meanwhile.
    """
    return kind(
        timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT, read=read_timeout),
        maxsize=settings.concurrency + 4,
        retries=False,
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(settings.s3_ca_file) if settings.s3_ca_file else certifi.where(),
    )


def make_client(settings: Settings, pool: urllib3.PoolManager) -> Minio:
    """An SDK client for the endpoint over `pool`; raises FatalError when the endpoint cannot be used."""
    secure = settings.s3_endpoint.startswith("https://")
    authority = settings.s3_endpoint.split("://", 1)[1].rstrip("/")
    access_key = settings.s3_access_key.get_secret_value() or None
    try:
        client = Minio(
            endpoint=authority,
            access_key=access_key,
            secret_key=settings.s3_secret_key.get_secret_value() or None,
            session_token=settings.s3_session_token.get_secret_value() or None,
            secure=secure,
            region=settings.s3_region or None,
            http_client=pool,
            credentials=None if access_key else DefaultChain(),
        )
    except ValueError as error:
        raise FatalError(
            f"MODEL_SYNC_S3_ENDPOINT {settings.s3_endpoint!r} cannot be used: {error}"
        ) from error
    if settings.s3_addressing is Addressing.PATH:
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK types it not
    elif settings.s3_addressing is Addressing.VIRTUAL:
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]  # the SDK types it not
    return client
