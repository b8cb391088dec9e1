from collections.abc import Iterator
from pathlib import Path

import pytest
from car_client.sources.source import Sampling
from car_client.sources.urls import UrlSource, read_addresses
from edge_common.errors import FatalError, RetryableError
from made_pictures import jpeg
from picture_server import PictureServer


@pytest.fixture
def camera() -> Iterator[PictureServer]:
    with PictureServer(jpeg("red")) as running:
        yield running


def source_of(*addresses: str) -> UrlSource:
    return UrlSource(addresses, sampling=Sampling(0.0), max_bytes=100_000)


def test_every_address_is_fetched_and_offered_once_unless_it_is_given_back(camera: PictureServer) -> None:
    source = source_of(f"{camera.url}/still", f"{camera.url}/other")
    frames = source.poll(8)
    assert [frame.name for frame in frames] == [f"{camera.url}/still", f"{camera.url}/other"]
    assert source.poll(8) == []
    source.acknowledge(frames[0])
    source.give_back(frames[1])
    assert source.poll(8) == [frames[1]]


def test_a_picture_is_offered_again_only_when_it_changed(camera: PictureServer) -> None:
    source = source_of(f"{camera.url}/still")
    source.acknowledge(source.poll(1)[0])
    assert source.poll(1) == []
    camera.picture = jpeg("blue")
    assert source.poll(1)[0].content == camera.picture


def test_one_silent_address_harms_no_other_but_all_silent_is_an_outage(camera: PictureServer) -> None:
    source = source_of(f"{camera.url}/still", "http://127.0.0.1:9/x")
    assert len(source.poll(8)) == 1
    camera.away = True
    alone = source_of(f"{camera.url}/still")
    with pytest.raises(RetryableError, match="none of the 1 addresses answers"):
        alone.poll(8)
    camera.away = False
    assert len(alone.poll(8)) == 1


def test_credentials_of_an_address_are_not_told(camera: PictureServer) -> None:
    address = camera.url.replace("http://", "http://user:secret@") + "/still"
    assert source_of(address).poll(1)[0].name == f"{camera.url}/still"


def test_a_list_of_addresses_may_have_comments_and_nothing_else(tmp_path: Path) -> None:
    listed = tmp_path / "cameras.txt"
    listed.write_text("# gate\nhttp://a/1\n\nhttps://b/2\n")
    assert read_addresses(listed) == ("http://a/1", "https://b/2")
    listed.write_text("ftp://a")
    with pytest.raises(FatalError, match="'ftp://a' is no http address"):
        read_addresses(listed)
    with pytest.raises(FatalError, match="cannot be read"):
        read_addresses(tmp_path / "none")
