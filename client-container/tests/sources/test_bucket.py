import io
from pathlib import Path

import pytest
from car_client.s3_address import S3Address, s3_client
from car_client.settings import Settings
from car_client.sources.bucket import BucketSource
from edge_common.errors import FatalError, RetryableError
from made_pictures import jpeg
from minio import Minio
from pydantic import SecretStr

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


def test_a_store_or_bucket_that_is_away_is_waited_for(store: Minio) -> None:
    with pytest.raises(RetryableError, match="s3://none/ cannot be read"):
        BucketSource(store, S3Address.parse("s3://none"), max_bytes=1, pause=0.1).poll(1)
    nobody = s3_client(Settings(s3_endpoint="http://127.0.0.1:9", s3_access_key=KEY, s3_secret_key=KEY))
    with pytest.raises(RetryableError):
        BucketSource(nobody, S3Address.parse("s3://pictures"), max_bytes=1, pause=0.1).poll(1)


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
