from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from car_client.sources.source import Frame, Supply
from car_client.sources.urls import UrlSource, read_addresses
from collected_logs import LogLines
from edge_common.errors import FatalError, RetryableError
from eventually import wait_until
from made_pictures import jpeg
from picture_server import Answer, PictureServer, dripping, refused


@pytest.fixture
def camera() -> Iterator[PictureServer]:
    with PictureServer(jpeg("red")) as running:
        yield running


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def source_of(clock: list[float]) -> Iterator[Callable[..., UrlSource]]:
    opened: list[UrlSource] = []

    def make(*addresses: str) -> UrlSource:
        opened.append(UrlSource(addresses, every=1.0, max_bytes=100_000, monotonic=lambda: clock[0]))
        return opened[-1]

    yield make
    for source in opened:
        source.close()


def frames_of(source: UrlSource, count: int = 1) -> list[Frame]:
    """The next frames, sorted by name; a fetch takes its time."""
    frames: list[Frame] = []

    def all_there() -> bool:
        frames.extend(source.poll(8))
        return len(frames) >= count

    wait_until(all_there)
    return sorted(frames, key=lambda frame: frame.name)


def settled(source: UrlSource) -> None:
    """Until everything that is due was fetched."""
    source.poll(0)
    wait_until(lambda: source.poll(0) == [] and source.supply is not Supply.UNDER_WAY)


def test_every_address_is_fetched_and_offered_once_unless_it_is_given_back(
    camera: PictureServer, source_of: Callable[..., UrlSource], clock: list[float]
) -> None:
    source = source_of(f"{camera.url}/other", f"{camera.url}/still")
    frames = frames_of(source, 2)
    assert [frame.name for frame in frames] == [f"{camera.url}/other", f"{camera.url}/still"]
    source.acknowledge(frames[0])
    source.give_back(frames[1])
    settled(source)
    clock[0] += 1
    assert frames_of(source) == [frames[1]]


def test_a_picture_is_offered_again_only_when_it_changed(
    camera: PictureServer, source_of: Callable[..., UrlSource], clock: list[float]
) -> None:
    source = source_of(f"{camera.url}/still")
    source.acknowledge(frames_of(source)[0])
    clock[0] += 1
    settled(source)
    camera.picture = jpeg("blue")
    clock[0] += 1
    assert frames_of(source)[0].content == camera.picture


def test_a_slow_address_holds_no_other_up_and_is_told(
    camera: PictureServer, source_of: Callable[..., UrlSource], clock: list[float], logged: LogLines
) -> None:
    camera.answers["/drip"] = dripping
    source = source_of(f"{camera.url}/drip", f"{camera.url}/still")
    for colour in ("red", "blue"):
        camera.picture = jpeg(colour)
        [frame] = frames_of(source)
        assert frame.content == camera.picture
        source.acknowledge(frame)
        clock[0] += 1
    clock[0] += 20
    wait_until(lambda: bool(source.poll(0)) or bool(logged.of("address_lost")))
    [line] = logged.of("address_lost")
    assert (line["address"], line["error"]) == (f"{camera.url}/drip", "no whole answer within 10 s")


def test_a_failure_is_told_when_it_changes_and_asked_again_after_growing_pauses(
    camera: PictureServer, source_of: Callable[..., UrlSource], clock: list[float], logged: LogLines
) -> None:
    asked: list[int] = []

    def fail(status: int) -> Answer:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            asked.append(status)
            refused(status)(handler)

        return answer

    source = source_of(f"{camera.url}/still", f"{camera.url}/odd")
    camera.answers["/odd"] = fail(503)
    source.acknowledge(frames_of(source)[0])
    for _ in range(20):
        settled(source)
        clock[0] += 1
    assert len(asked) == 4, "after 0, 2, 6 and 14 seconds"
    camera.answers["/odd"] = fail(404)
    clock[0] += 60
    settled(source)
    assert [line["error"] for line in logged.of("address_lost")] == ["status 503", "status 404"]
    del camera.answers["/odd"]
    clock[0] += 120
    assert [frame.name for frame in frames_of(source)] == [f"{camera.url}/odd"]
    assert [line["address"] for line in logged.of("address_returned")] == [f"{camera.url}/odd"]


def test_when_no_address_answers_it_is_an_outage(
    camera: PictureServer, source_of: Callable[..., UrlSource], clock: list[float]
) -> None:
    camera.away = True
    source = source_of(f"{camera.url}/still")

    def is_told() -> bool:
        try:
            source.poll(8)
        except RetryableError as error:
            return f"nothing comes from {camera.url}/still (status 503)" in str(error)
        return False

    wait_until(is_told)
    camera.away = False
    clock[0] += 60
    wait_until(lambda: not is_told() and source.supply is not Supply.UNDER_WAY)


def test_credentials_of_an_address_are_not_told(
    camera: PictureServer, source_of: Callable[..., UrlSource]
) -> None:
    address = camera.url.replace("http://", "http://user:secret@") + "/still"
    assert frames_of(source_of(address))[0].name == f"{camera.url}/still"


def test_a_list_of_addresses_may_have_comments_and_nothing_else(tmp_path: Path) -> None:
    listed = tmp_path / "cameras.txt"
    listed.write_text("# gate\nhttp://a/1\n\nhttps://b/2\n")
    assert read_addresses(listed) == ("http://a/1", "https://b/2")
    listed.write_bytes(b"\xef\xbb\xbfhttp://a/1\r\n")
    assert read_addresses(listed) == ("http://a/1",)
    listed.write_text("ftp://user:secret@a")
    with pytest.raises(FatalError, match="'ftp://a' is no http address"):
        read_addresses(listed)
    with pytest.raises(FatalError, match="cannot be read"):
        read_addresses(tmp_path / "none")


def test_an_address_in_hand_is_not_forgotten_for_as_long_as_another_one_fails(
    camera: PictureServer, source_of: Callable[..., UrlSource], clock: list[float]
) -> None:
    source = source_of(f"{camera.url}/still", "http://127.0.0.1:9/away.jpg")
    [frame] = frames_of(source)
    wait_until(lambda: source.poll(0) == [] and source.supply is not Supply.UNDER_WAY)
    assert source.pause == 1.0, "the address away is asked after two seconds"
    source.acknowledge(frame)
    clock[0] += source.pause
    assert source.pause < 0.1
