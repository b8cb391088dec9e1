import pytest
from edge_common.errors import FatalError
from model_sync.upload.same_store import StoreAddress, check_same_store

OURS = StoreAddress("http://127.0.0.1:9000", "ml-models")


def _status(endpoint: str, bucket: str = "ml-models") -> dict[str, object]:
    return {"instance": "model-sync", "store": {"endpoint": endpoint, "bucket": bucket}}


@pytest.mark.parametrize(
    ("endpoint", "bucket"),
    [
        ("http://127.0.0.1:9000", "others"),
        ("http://localhost:9002", "ml-models"),
        ("http://minio:9000", "others"),
    ],
    ids=["bucket", "port of this machine", "bucket elsewhere"],
)
def test_a_sidecar_of_another_platform_is_named_with_what_it_reads(endpoint: str, bucket: str) -> None:
    with pytest.raises(
        FatalError, match=rf"model-sync at http://edge:8081 reads {endpoint}/{bucket}, not .*--status-url"
    ):
        check_same_store(_status(endpoint, bucket), "http://edge:8081", OURS)


@pytest.mark.parametrize("endpoint", ["http://localhost:9000/", "http://[::1]:9000", "http://minio:9000"])
def test_the_same_store_may_have_another_name(endpoint: str) -> None:
    check_same_store(_status(endpoint), "http://edge:8081", OURS)
    check_same_store({}, "http://edge:8081", OURS)


def test_only_the_same_address_is_surely_the_same_store() -> None:
    assert OURS.is_surely(StoreAddress("http://localhost:9000", "ml-models"))
    assert not OURS.is_surely(StoreAddress("http://minio:9000", "ml-models"))
    assert not OURS.is_surely(StoreAddress("http://127.0.0.1:9000", "others"))
    assert StoreAddress("https://s3.example", "b").is_surely(StoreAddress("https://s3.example:443/", "b"))
