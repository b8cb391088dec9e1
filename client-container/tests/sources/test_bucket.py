import io
from pathlib import Path

import pytest
from car_client.s3_address import S3Address, s3_client
from car_client.settings import Settings
from car_client.sources import bucket
from car_client.sources.bucket import BucketSource
from car_client.sources.source import Supply
from collected_logs import LogLines
from edge_common.errors import FatalError, RetryableError
from made_pictures import jpeg
from minio import Minio
from pydantic import SecretStr
from urllib3 import HTTPResponse, PoolManager

KEY = SecretStr("test")


def put(store: Minio, key: str, content: bytes) -> None:
    store.put_object("pictures", key, io.BytesIO(content), len(content))


@pytest.fixture
def source(store: Minio) -> BucketSource:
    return BucketSource(store, S3Address.parse("s3://pictures/gate"), max_bytes=100_000, pause=0.1)


def test_pictures_under_the_prefix_are_offered_once_unless_they_are_given_back(
    store: Minio, source: BucketSource
) -> None:
    put(store, "gate/a.jpg", jpeg("red"))
    put(store, "gate/notes.txt", b"x")
    put(store, "elsewhere/b.jpg", jpeg("red"))
    [frame] = source.poll(8)
    assert (frame.name, frame.content) == ("gate/a.jpg", jpeg("red"))
    assert source.poll(8) == []
    source.give_back(frame)
    assert source.poll(8) == [frame]
    source.acknowledge(frame)
    assert source.poll(8) == []
    put(store, "gate/a.jpg", jpeg("blue"))
    assert [found.content for found in source.poll(8)] == [jpeg("blue")]


def source_at(store: Minio, address: str) -> BucketSource:
    return BucketSource(store, S3Address.parse(address), max_bytes=100_000, pause=0.1)


def test_any_number_of_keys_is_read_part_by_part(
    store: Minio, monkeypatch: pytest.MonkeyPatch, logged: LogLines
) -> None:
    monkeypatch.setattr(bucket, "_LISTED_AT_ONCE", 2)
    for number in range(5):
        put(store, f"parts/{number}.jpg", jpeg("red"))
    put(store, "parts/notes.txt", b"x")
    source = source_at(store, "s3://pictures/parts")
    found: list[str] = []
    supplies: list[Supply] = []
    for _ in range(5):
        supplies.append(source.supply)
        for frame in source.poll(8):
            found.append(frame.name)
            source.acknowledge(frame)
    assert found == [f"parts/{number}.jpg" for number in range(5)]
    assert supplies == [Supply.UNDER_WAY] * 4 + [Supply.IDLE]
    assert [line["kinds"] for line in logged.of("files_left_aside")] == [{".txt": 1}]


def test_an_object_that_goes_between_listing_and_reading_stops_no_other(store: Minio) -> None:
    for name in ("a", "b", "c"):
        put(store, f"gone/{name}.jpg", jpeg("red"))
    source = source_at(store, "s3://pictures/gone")
    [first] = source.poll(1)
    store.remove_object("pictures", "gone/b.jpg")
    assert [first.name, *(frame.name for frame in source.poll(8))] == ["gone/a.jpg", "gone/c.jpg"]


@pytest.mark.parametrize("name", ["s3://No_Such", "s3://a", "s3://a..b/x"])
def test_a_mistyped_bucket_is_told(name: str) -> None:
    with pytest.raises(FatalError, match="correct the name of the bucket"):
        S3Address.parse(name)


def test_a_store_or_bucket_that_is_away_is_waited_for(store: Minio) -> None:
    with pytest.raises(RetryableError, match="s3://none/ cannot be read"):
        BucketSource(store, S3Address.parse("s3://none"), max_bytes=1, pause=0.1).poll(1)
    nobody = s3_client(Settings(s3_endpoint="http://127.0.0.1:9", s3_access_key=KEY, s3_secret_key=KEY))
    with pytest.raises(RetryableError):
        BucketSource(nobody, S3Address.parse("s3://pictures"), max_bytes=1, pause=0.1).poll(1)


def test_a_page_to_sign_in_in_place_of_the_store_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    page = HTTPResponse(b"<!doctype html><html><p>sign in<br></html>", status=200, preload_content=False)
    monkeypatch.setattr(PoolManager, "urlopen", lambda *_arguments, **_options: page)
    behind = s3_client(Settings(s3_endpoint="http://portal:9000", s3_access_key=KEY, s3_secret_key=KEY))
    with pytest.raises(RetryableError, match=r"s3://pictures/ cannot be read: .* check the store"):
        BucketSource(behind, S3Address.parse("s3://pictures"), max_bytes=1, pause=0.1).poll(1)


@pytest.mark.parametrize("keys", [1, 3, 1000])
def test_a_store_that_gives_its_first_page_again_and_again_is_told(
    keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = "".join(
        f"<Contents><Key>{number:04}.jpg</Key><LastModified>2026-11-30T00:00:00.000Z</LastModified>"
        f'<ETag>"{number}"</ETag><Size>9</Size></Contents>'
        for number in range(keys)
    )
    page = (
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>pictures</Name>'
        f"<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>{contents}"
        "</ListBucketResult>"
    )
    monkeypatch.setattr(
        PoolManager, "urlopen", lambda *_arguments, **_options: HTTPResponse(page.encode(), status=200)
    )
    circular = s3_client(
        Settings(s3_endpoint="http://store:9000", s3_access_key=KEY, s3_secret_key=KEY, s3_region="eu-1")
    )
    with pytest.raises(
        RetryableError, match=r"s3://pictures/ cannot be read: its listing .* check the store"
    ):
        source_at(circular, "s3://pictures").poll(8)


def test_an_address_without_a_bucket_is_refused() -> None:
    with pytest.raises(FatalError, match="names no bucket"):
        S3Address.parse("s3://")


def test_the_store_is_reached_by_the_settings_that_the_sidecar_has_too(tmp_path: Path) -> None:
    authority = tmp_path / "gr\u00fcn.pem"
    with pytest.raises(FatalError, match="CAR_CLIENT_S3_CA_FILE names"):
        s3_client(Settings(s3_endpoint="https://store.example", s3_ca_file=authority))
    signed = s3_client(
        Settings(s3_endpoint="http://store.example", s3_region="eu-1", s3_access_key=KEY, s3_secret_key=KEY)
    )
    address = signed.presigned_get_object(bucket_name="pictures", object_name="a.jpg")
    assert "eu-1" in address, "the region is part of what is signed"
