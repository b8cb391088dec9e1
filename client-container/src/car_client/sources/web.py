"""A source at an http address: a stream is read, a still image is fetched again and again."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from car_client.sources.fetch import FetchError, address_for_people, media_type_of
from car_client.sources.source import Frame, Sampling, Source, SourceLostError, Supply

_LEAST_PAUSE = 0.05
_NO_PICTURES = ("text/", "application/json")


class WebSource:
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
        """The address, without credentials."""
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
