"""The SDK's client for the endpoint in the settings: connections, credentials, addressing, time limits."""

import certifi
import urllib3
from edge_common.errors import FatalError
from minio import Minio
from minio.credentials.providers import Provider, StaticProvider

from model_sync.settings import Addressing, Settings
from model_sync.store.credentials import DefaultChain
from model_sync.store.curl_handle import TimeLimits
from model_sync.store.s3_reader import S3Reader

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
        ca_certs=_ca_file(settings),
    )


def make_provider(settings: Settings) -> Provider:
    """The keys of the settings, else the default chain."""
    access_key = settings.s3_access_key.get_secret_value()
    if not access_key:
        return DefaultChain()
    return StaticProvider(
        access_key,
        settings.s3_secret_key.get_secret_value(),
        settings.s3_session_token.get_secret_value() or None,
    )


def make_reader(settings: Settings, client: Minio, provider: Provider) -> S3Reader:
    """What reads the objects of the bucket in the settings."""
    limits = TimeLimits(connect=_CONNECT_TIMEOUT, silence=_READ_TIMEOUT)
    return S3Reader(
        client,
        settings.bucket,
        provider,
        _ca_file(settings),
        limits,
        small_connections=settings.concurrency,
    )


def _ca_file(settings: Settings) -> str:
    return str(settings.s3_ca_file) if settings.s3_ca_file else certifi.where()


def make_client(settings: Settings, pool: urllib3.PoolManager, provider: Provider | None = None) -> Minio:
    """An SDK client for the endpoint over `pool`; raises FatalError when the endpoint cannot be used."""
    secure = settings.s3_endpoint.startswith("https://")
    authority = settings.s3_endpoint.split("://", 1)[1].rstrip("/")
    try:
        client = Minio(
            endpoint=authority,
            secure=secure,
            region=settings.s3_region or None,
            http_client=pool,
            credentials=provider or make_provider(settings),
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
