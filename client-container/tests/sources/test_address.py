from collections.abc import Callable, Iterator, Sequence

import pytest
from car_client.sources.address import WebSource
from car_client.sources.http_address import FetchError
from car_client.sources.source import Frame, Source, Supply
from edge_common.errors import RetryableError
from eventually import wait_until

Open = Callable[[Callable[[str], str]], WebSource]


class Still(Source):
    """A source that always has the same frame."""

    pause = 7.0

    def __init__(self, name: str) -> None:
        self.frame = Frame(name, b"", "1")
        self.closed = False
        self.back: list[Frame] = []

    def poll(self, at_most: int) -> Sequence[Frame]:
        return [self.frame][:at_most]

    def acknowledge(self, frame: Frame) -> None:
        self.back.append(frame)

    def give_back(self, frame: Frame) -> None:
        self.back.append(frame)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def open_source() -> Iterator[Open]:
    opened: list[WebSource] = []

    def make(media_type: Callable[[str], str]) -> WebSource:
        source = WebSource(
            "http://u:p@cam/x",
            still=lambda: Still("still"),
            stream=lambda: Still("stream"),
            media_type=media_type,
        )
        opened.append(source)
        return source

    yield make
    for source in opened:
        source.close()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("image/jpeg", "still"),
        ("multipart/x-mixed-replace", "stream"),
        ("", "stream"),
        ("video/mp4", "stream"),
    ],
)
def test_what_the_address_says_decides_how_it_is_read(open_source: Open, kind: str, name: str) -> None:
    source = open_source(lambda _address: kind)
    assert (source.supply, str(source)) == (Supply.UNDER_WAY, "http://cam/x")
    wait_until(lambda: bool(source.poll(1)))
    [frame] = source.poll(1)
    assert (frame.name, source.pause, source.supply) == (name, 7.0, Supply.IDLE)


def test_an_address_without_pictures_or_answer_is_told(open_source: Open) -> None:
    def silent(_address: str) -> str:
        raise FetchError("status 503")

    for media_type, reason in (
        (silent, "status 503"),
        (lambda _address: "text/html", "it answers text/html"),
    ):
        source = open_source(media_type)

        def is_told(source: WebSource = source, reason: str = reason) -> bool:
            try:
                return bool(source.poll(1))
            except RetryableError as error:
                return f"http://cam/x has no picture: {reason}" in str(error)

        wait_until(is_told)
        assert source.supply is Supply.IDLE
