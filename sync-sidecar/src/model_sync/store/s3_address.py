"""Where a bucket is: scheme, host, path, region, and the proxy on the way, from the settings. Pure."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from edge_common.errors import FatalError

from model_sync.settings import Addressing, Settings
from model_sync.store.signing import path_of

FIRST_REGION = "us-east-1"
"""What S3 takes a request for that names no other; every store that has no regions accepts it."""
_AMAZON = re.compile(r"s3(?:[.-]dualstack)?(?:[.-]([a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?:\.cn)?")
_IN_HOST_NAME = (".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com")
"""Stores that want the bucket in the host name."""
_USUAL_PORTS = {"http": 80, "https": 443}
_PROXY_NAMES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})


@dataclass(frozen=True)
class BucketAddress:
    """The address of one bucket and the region its requests are signed for."""

    scheme: str
    authority: str
    """Host and port as the Host header has them."""
    folder: str
    """`/<bucket>`, or nothing when the bucket is part of the host name."""
    region: str
    region_is_set: bool
    """Whether a person chose the region; else the store may correct it."""

    @property
    def base(self) -> str:
        """Scheme and authority."""
        return f"{self.scheme}://{self.authority}"

    def path(self, key: str) -> str:
        """Of an object, encoded; of the bucket itself for an empty key."""
        return f"{self.folder}/{path_of(key)}" if key or not self.folder else self.folder

    def in_region(self, region: str) -> "BucketAddress":
        """The same bucket, signed for another region."""
        authority = self.authority.replace("s3.amazonaws.com", f"s3.{region}.amazonaws.com")
        return replace(self, region=region, authority=authority)


def bucket_address(settings: Settings) -> BucketAddress:
    """The address that the settings lead to; raises FatalError when the endpoint cannot be one."""
    try:
        parts = urlsplit(settings.s3_endpoint.rstrip("/"))
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _unusable(settings, str(error)) from error
    if not host or parts.path or parts.query or parts.fragment or parts.username:
        bare = f"; write {parts.scheme}://{parts.netloc.rpartition('@')[2]}" if host else ""
        raise _unusable(settings, f"it must be http://host:port or https://host:port, without more{bare}")
    amazon = _AMAZON.fullmatch(host)
    region = settings.s3_region or (amazon[1] if amazon else None) or FIRST_REGION
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port is None or port == _USUAL_PORTS.get(parts.scheme) else f"{shown}:{port}"
    virtual = _is_virtual(settings, host, secure=parts.scheme == "https")
    address = BucketAddress(
        parts.scheme,
        f"{settings.bucket}.{authority}" if virtual else authority,
        "" if virtual else f"/{settings.bucket}",
        FIRST_REGION,
        bool(settings.s3_region),
    )
    return address if region == FIRST_REGION else address.in_region(region)


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that HTTP_PROXY or HTTPS_PROXY names for `url`, unless NO_PROXY excepts its host."""
    parts = urlsplit(url)
    named = {name.lower(): value.strip() for name, value in environ.items() if name.upper() in _PROXY_NAMES}
    # lower-case names come first where both are set, as in curl
    named |= {name: environ[name].strip() for name in environ.keys() & {n.lower() for n in _PROXY_NAMES}}
    proxy = named.get(f"{parts.scheme}_proxy")
    if not proxy or _is_excepted(parts.netloc, named.get("no_proxy", "")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_excepted(authority: str, exceptions: str) -> bool:
    """Whether NO_PROXY names this host: as a name, a domain, an address, a network, or with its port."""
    host = (urlsplit(f"//{authority}").hostname or "").lower()
    for entry in (part.strip().lower() for part in exceptions.split(",")):
        name = entry.removeprefix("*").lstrip(".")
        if entry == "*" or (
            name and (host == name or authority.lower() == name or host.endswith(f".{name}"))
        ):
            return True
        with suppress(ValueError):
            if ip_address(host) in ip_network(entry, strict=False):
                return True
    return False


def _is_virtual(settings: Settings, host: str, *, secure: bool) -> bool:
    if settings.s3_addressing is not Addressing.AUTO:
        return settings.s3_addressing is Addressing.VIRTUAL
    # a certificate for *.host covers no name with a further dot
    return host.endswith(_IN_HOST_NAME) and not (secure and "." in settings.bucket)


def _unusable(settings: Settings, why: str) -> FatalError:
    return FatalError(f"MODEL_SYNC_S3_ENDPOINT {settings.s3_endpoint!r} cannot be used: {why}")
