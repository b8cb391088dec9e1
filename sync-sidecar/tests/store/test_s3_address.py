import pytest
from edge_common.errors import FatalError
from model_sync.settings import Addressing, Settings
from model_sync.store.s3_address import bucket_address, proxy_for


def _address(endpoint: str, **others: object) -> tuple[str, str, str]:
    address = bucket_address(Settings(s3_endpoint=endpoint).model_copy(update=others))
    return address.base, address.path("m/1/a"), address.region


@pytest.mark.parametrize(
    ("endpoint", "others", "expected"),
    [
        ("http://localhost:9000", {}, ("http://localhost:9000", "/ml-models/m/1/a", "us-east-1")),
        ("http://localhost:9000/", {}, ("http://localhost:9000", "/ml-models/m/1/a", "us-east-1")),
        ("http://[::1]:9000", {}, ("http://[::1]:9000", "/ml-models/m/1/a", "us-east-1")),
        # the Host header has no usual port, and the signature covers it
        ("https://store.example:443", {}, ("https://store.example", "/ml-models/m/1/a", "us-east-1")),
        ("http://store", {"s3_region": "x"}, ("http://store", "/ml-models/m/1/a", "x")),
        (
            "https://s3.eu-central-1.amazonaws.com",
            {},
            ("https://ml-models.s3.eu-central-1.amazonaws.com", "/m/1/a", "eu-central-1"),
        ),
        (
            "https://s3.amazonaws.com",
            {"s3_region": "eu-central-1"},
            ("https://ml-models.s3.eu-central-1.amazonaws.com", "/m/1/a", "eu-central-1"),
        ),
        (
            "https://s3.amazonaws.com",
            {"bucket": "ml.models"},
            ("https://s3.amazonaws.com", "/ml.models/m/1/a", "us-east-1"),
        ),
        (
            "https://s3.eu-central-1.amazonaws.com",
            {"s3_addressing": Addressing.PATH},
            ("https://s3.eu-central-1.amazonaws.com", "/ml-models/m/1/a", "eu-central-1"),
        ),
        (
            "http://localhost:9000",
            {"s3_addressing": Addressing.VIRTUAL},
            ("http://ml-models.localhost:9000", "/m/1/a", "us-east-1"),
        ),
        (
            "https://oss-cn-hangzhou.aliyuncs.com",
            {},
            ("https://ml-models.oss-cn-hangzhou.aliyuncs.com", "/m/1/a", "us-east-1"),
        ),
    ],
)
def test_a_bucket_is_where_the_settings_say(
    endpoint: str, others: dict[str, object], expected: tuple[str, str, str]
) -> None:
    assert _address(endpoint, **others) == expected


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://host:9000/path",
        "http://",
        "http://host:port",
        "http://user@host",
        "http://host?x",
        "http://[::1",
    ],
)
def test_an_endpoint_that_is_no_address_is_refused_by_name(endpoint: str) -> None:
    with pytest.raises(FatalError, match=r"MODEL_SYNC_S3_ENDPOINT .* cannot be used") as refused:
        bucket_address(Settings(s3_endpoint=endpoint))
    _, advises, meant = str(refused.value).partition("; write ")
    if advises:
        assert bucket_address(Settings(s3_endpoint=meant))


@pytest.mark.parametrize(
    ("endpoint", "environ", "proxy"),
    [
        ("http://store:9000", {}, None),
        ("http://store:9000", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("http://store:9000", {"http_proxy": "http://p:1", "HTTP_PROXY": "http://q:1"}, "http://p:1"),
        ("http://store:9000", {"HTTP_PROXY": "p:1"}, "http://p:1"),
        ("http://store:9000", {"HTTP_PROXY": ""}, None),
        ("http://store:9000", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://store", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("http://store:9000", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "other, store"}, None),
        ("http://store:9000", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "store:9000"}, None),
        ("http://store:9000", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "store:80"}, "http://p:1"),
        ("http://minio.ml.svc:9000", {"HTTP_PROXY": "http://p:1", "no_proxy": ".svc"}, None),
        ("http://minio.ml.svc:9000", {"HTTP_PROXY": "http://p:1", "no_proxy": "*.ml.svc"}, None),
        ("http://minio.ml.svc:9000", {"HTTP_PROXY": "http://p:1", "no_proxy": "vc"}, "http://p:1"),
        ("http://10.1.2.3:9000", {"HTTP_PROXY": "http://p:1", "no_proxy": "10.0.0.0/8"}, None),
        ("http://11.1.2.3:9000", {"HTTP_PROXY": "http://p:1", "no_proxy": "10.0.0.0/8"}, "http://p:1"),
        ("http://store:9000", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
    ],
)
def test_a_proxy_is_used_where_the_environment_names_one(
    endpoint: str, environ: dict[str, str], proxy: str | None
) -> None:
    assert proxy_for(endpoint, environ) == proxy
