"""From what a person writes (`/pictures`, `s3://...`, `rtsp://...`, `camera:0`, `urls:FILE`) to a source."""

from pathlib import Path
from urllib.parse import urlsplit

from edge_common.errors import FatalError
from edge_common.printable import printable

from car_client.s3_address import SCHEME, S3Address, s3_client
from car_client.settings import Settings
from car_client.sources.bucket import BucketSource
from car_client.sources.fetch import SCHEMES
from car_client.sources.folder import FolderSource
from car_client.sources.source import Sampling, Source
from car_client.sources.stream import StreamSource
from car_client.sources.urls import UrlSource, read_addresses
from car_client.sources.video import VideoSource
from car_client.sources.web import WebSource

_STREAMS = ("rtsp://", "rtsps://", "rtmp://", "udp://")
_CAMERA = "camera:"
_VIDEO = "video:"
_URLS = "urls:"


def open_source(address: str, settings: Settings, *, every: float | None = None) -> Source:
    """The source at `address`. Raises FatalError when it cannot be one; outages show when it is polled.

    `every`: seconds between two of its pictures; None: what `settings` say.
    """
    max_bytes = settings.max_picture_bytes
    every = every or settings.sample_interval
    sampling = Sampling(every)
    if address.startswith(SCHEME):
        store = s3_client(settings)
        return BucketSource(store, S3Address.parse(address), max_bytes=max_bytes, pause=settings.interval)
    if address.startswith(SCHEMES):
        return WebSource(
            address,
            still=lambda: UrlSource([address], every=every, max_bytes=max_bytes),
            stream=lambda: StreamSource(address, sampling=sampling, name=_host(address)),
        )
    if address.startswith(_STREAMS):
        return StreamSource(address, sampling=sampling, name=_host(address))
    if address.startswith(_CAMERA):
        number = address.removeprefix(_CAMERA)
        if not number.isdecimal():
            raise FatalError(f"{address!r} names no camera; write camera:0 for the first one")
        return StreamSource(int(number), sampling=sampling, name=address)
    if address.startswith(_VIDEO):
        file = Path(address.removeprefix(_VIDEO))
        if not file.is_file():
            raise FatalError(f"there is no video {file}; name another one")
        return VideoSource(file, every=every)
    if address.startswith(_URLS):
        addresses = read_addresses(Path(address.removeprefix(_URLS)))
        return UrlSource(addresses, every=every, max_bytes=max_bytes)
    return FolderSource(
        Path(address), max_bytes=max_bytes, quiet_time=settings.interval, subfolders=settings.subfolders
    )


def _host(address: str) -> str:
    try:
        return printable(urlsplit(address).hostname or "stream")
    except ValueError as error:
        raise FatalError(f"the address of the stream cannot be read: {error}; correct it") from error
