"""From what a person writes (`/pictures`, `s3://...`, `rtsp://...`, `camera:0`, `urls:FILE`) to a source."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from edge_common.errors import FatalError
from edge_common.printable import printable

from car_client.s3_address import SCHEME, S3Address, s3_client
from car_client.settings import Settings
from car_client.sources.bucket import BucketSource
from car_client.sources.fetch import media_type_of
from car_client.sources.folder import FolderSource
from car_client.sources.http_address import SCHEMES, FetchError, address_for_people
from car_client.sources.source import Frame, Sampling, Source, SourceLostError, Supply
from car_client.sources.stream import StreamSource, VideoSource
from car_client.sources.urls import UrlSource, read_addresses

_LEAST_PAUSE = 0.05
_NO_PICTURES = ("text/", "application/json")
_STREAMS = ("rtsp://", "rtsps://", "rtmp://", "udp://")
_CAMERA = "camera:"
_VIDEO = "video:"
_URLS = "urls:"


class WebSource(Source):
    """Asks `address` once what it is, until it says so, and is from then on that kind of source."""

    def __init__(
        self,
        address: str,
        *,
        still: Callable[[], Source],
        stream: Callable[[], Source],
        media_type: Callable[[str], str] = media_type_of,
    ) -> None:
        """`still` and `stream` open the source once the kind is known."""
        self._address = address
        self._name = address_for_people(address)
        self._still = still
        self._stream = stream
        self._media_type = media_type
        self._again = Sampling(2.0)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="kind")
        self._asking: Future[str] | None = None
        self._error = ""
        self._source: Source | None = None

    def __str__(self) -> str:
        return self._name

    @property
    def pause(self) -> float:
        """That of the source it is; short while that is not known."""
        return self._source.pause if self._source is not None else _LEAST_PAUSE

    @property
    def supply(self) -> Supply:
        """Under way until it is known what it is, or that it is away."""
        if self._source is not None:
            return self._source.supply
        return Supply.IDLE if self._error else Supply.UNDER_WAY

    def poll(self, at_most: int) -> Sequence[Frame]:
        """What the source has. Raises RetryableError while the address answers nothing, or no pictures."""
        if self._source is None:
            self._source = self._known()
        if self._source is None:
            if self._error:
                raise SourceLostError(
                    f"{self._name} has no picture: {self._error}; it is asked again",
                    again_in=self._again.seconds_left,
                )
            return []
        return self._source.poll(at_most)

    def acknowledge(self, frame: Frame) -> None:
        """As the source it is."""
        if self._source is not None:
            self._source.acknowledge(frame)

    def give_back(self, frame: Frame) -> None:
        """As the source it is."""
        if self._source is not None:
            self._source.give_back(frame)

    def close(self) -> None:
        """Close the source it is."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        if self._source is not None:
            self._source.close()

    def _known(self) -> Source | None:
        """The source, when the answer is there; asks if nobody did lately."""
        if self._asking is None:
            if self._again.is_due():
                self._asking = self._worker.submit(self._media_type, self._address)
            return None
        if not self._asking.done():
            return None
        asking, self._asking = self._asking, None
        try:
            kind = asking.result()
        except FetchError as error:
            self._error = str(error)
            return None
        if kind.startswith(_NO_PICTURES):
            self._error = f"it answers {kind}; check the address, and whether it wants a sign-in"
            return None
        return self._still() if kind.startswith("image/") else self._stream()


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
