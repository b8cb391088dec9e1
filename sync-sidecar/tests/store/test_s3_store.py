import http.server
import io
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from edge_common.errors import FatalError, RejectedError, RetryableError
from minio.datatypes import Part
from model_sync.settings import Addressing, Settings
from model_sync.store.errors import ObjectChangedError, S3RefusalError
from model_sync.store.object_store import read_small
from model_sync.store.s3_store import S3Bucket
from pydantic import SecretStr
from s3_server import S3Server


def _put(s3: S3Server, bucket: str, key: str, content: bytes = b"x") -> None:
    s3.client().put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(content), length=len(content))


def test_all_pages_of_a_listing_are_read(s3: S3Server, s3_settings: Settings) -> None:
    bucket = S3Bucket(s3_settings)
    for number in range(1003):
        bucket.put_small(f"m/1/{number}", b"x", "text/plain")
    listed = list(bucket.list_objects())
    assert len(listed) == 1003
    assert {(entry.size, len(entry.etag)) for entry in listed} == {(1, 32)}
    assert s3.endpoint == bucket.endpoint


def test_only_keys_under_the_prefix_are_listed(s3: S3Server) -> None:
    name = s3.new_bucket()
    for key in ("team/m/1/a", "other/m/1/a"):
        _put(s3, name, key)
    assert [entry.key for entry in S3Bucket(s3.settings(name)).list_objects("team/")] == ["team/m/1/a"]


def test_a_bucket_that_is_part_of_the_host_name_is_listed_read_and_written(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = s3.new_bucket()
    looked_up: list[str] = []
    really = socket.getaddrinfo

    def loopback(host: str, *others: Any, **more: Any) -> Any:
        looked_up.append(host)
        return really("127.0.0.1" if host.endswith("localhost") else host, *others, **more)

    monkeypatch.setattr(socket, "getaddrinfo", loopback)
    settings = s3.settings(name, s3_addressing=Addressing.VIRTUAL)
    port = s3.endpoint.rsplit(":", 1)[1]
    bucket = S3Bucket(settings.model_copy(update={"s3_endpoint": f"http://localhost:{port}"}))
    bucket.put_small("m/1/a", b"0123456789", "text/plain")
    (listed,) = bucket.list_objects()
    with bucket.open_object(listed) as stream:
        assert stream.read() == b"0123456789"
    bucket.put_file("m/1/b", __file__)
    bucket.remove("m/1/b")
    bucket.remove("m/1/a")
    assert list(S3Bucket(s3.settings(name)).list_objects()) == []
    assert set(looked_up) == {f"{name}.localhost", "127.0.0.1"}


def test_objects_are_read_from_an_offset_and_only_as_they_were_listed(
    s3: S3Server, s3_settings: Settings
) -> None:
    _put(s3, s3_settings.bucket, "m/1/a", b"0123456789")
    bucket = S3Bucket(s3_settings)
    (listed,) = bucket.list_objects()
    with bucket.open_object(listed, offset=4) as stream:
        assert stream.read() == b"456789"
    _put(s3, s3_settings.bucket, "m/1/a", b"new")
    with (
        pytest.raises(ObjectChangedError, match="replaced or removed"),
        bucket.open_object(listed),
    ):
        pass
    with (
        pytest.raises(ObjectChangedError, match="replaced or removed"),
        bucket.open_object(listed, offset=1, length=2),
    ):
        pass
    bucket.remove("m/1/a")
    with pytest.raises(ObjectChangedError), bucket.open_object(listed):
        pass


def test_small_objects_have_a_limit(s3: S3Server, s3_settings: Settings) -> None:
    _put(s3, s3_settings.bucket, "m/model.yaml", b"0123456789")
    bucket = S3Bucket(s3_settings)
    (listed,) = bucket.list_objects()
    assert read_small(bucket, listed, limit=10) == b"0123456789"
    with pytest.raises(RejectedError, match="has 10 bytes; make it smaller than 9"):
        read_small(bucket, listed, limit=9)


def test_a_missing_bucket_is_told_and_created_only_when_asked(s3: S3Server) -> None:
    bucket = S3Bucket(s3.settings("not-there-yet"))
    with pytest.raises(FatalError, match=r"'not-there-yet' does not exist .* MODEL_SYNC_CREATE_BUCKET=true"):
        list(bucket.list_objects())
    with pytest.raises(FatalError, match="does not exist"):
        bucket.ensure_exists(create=False)
    bucket.ensure_exists(create=True)
    assert list(bucket.list_objects()) == []


def _with_keys(endpoint: str) -> Settings:
    keys = SecretStr("test-key")
    return Settings(s3_endpoint=endpoint, s3_region="us-east-1", s3_access_key=keys, s3_secret_key=keys)


def test_a_refused_connection_is_worth_another_try() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        bucket = S3Bucket(_with_keys(f"http://127.0.0.1:{port}"))
        with pytest.raises(RetryableError, match=r"cannot list the bucket .* check that the store runs"):
            list(bucket.list_objects())


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        ("InvalidAccessKeyId", FatalError, "does not accept the credentials"),
        ("SignatureDoesNotMatch", FatalError, "MODEL_SYNC_S3_SECRET_KEY"),
        ("AccessDenied", FatalError, "s3:ListBucket"),
        ("RequestTimeTooSkewed", FatalError, "clocks"),
        ("NoSuchBucket", FatalError, "does not exist"),
        ("PreconditionFailed", ObjectChangedError, "replaced"),
        ("SlowDown", RetryableError, "SlowDown"),
    ],
)
def test_what_the_store_says_becomes_the_right_kind(code: str, kind: type[Exception], sentence: str) -> None:
    bucket = S3Bucket(Settings())
    error = S3RefusalError(400, f"<Error><Code>{code}</Code></Error>".encode(), {})
    with pytest.raises(kind, match=sentence), bucket._translated("list the bucket"):
        raise error


class _WebPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<html><p>MinIO Console</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def web_page() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _WebPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_web_page_instead_of_a_store_is_told_with_its_address(web_page: str) -> None:
    bucket = S3Bucket(_with_keys(web_page))
    with pytest.raises(RetryableError, match=r"cannot list .*(the address is right|whoever runs the store)"):
        list(bucket.list_objects())


def test_an_endpoint_with_a_path_is_refused() -> None:
    with pytest.raises(FatalError, match=r"MODEL_SYNC_S3_ENDPOINT .* cannot be used"):
        S3Bucket(Settings(s3_endpoint="http://host:9000/path"))


def test_a_multipart_upload_in_progress_is_no_object_yet(s3: S3Server, s3_settings: Settings) -> None:
    bucket, client = S3Bucket(s3_settings), s3.client()
    name, key = s3_settings.bucket, "m/1/model.onnx"
    # the SDK has no public call that leaves an upload unfinished
    upload = client._create_multipart_upload(name, key, {})
    content = bytes(5 * 1024 * 1024)
    parts = [Part(1, client._upload_part(name, key, content, None, upload, 1))]
    assert list(bucket.list_objects()) == []
    parts.append(Part(2, client._upload_part(name, key, b"end", None, upload, 2)))
    assert list(bucket.list_objects()) == []
    client._complete_multipart_upload(name, key, upload, parts)
    (listed,) = bucket.list_objects()
    assert (listed.key, listed.size) == (key, len(content) + 3)
