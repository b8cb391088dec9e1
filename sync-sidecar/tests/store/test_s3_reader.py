import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import certifi
import pytest
from edge_common.errors import RetryableError
from minio.credentials.providers import StaticProvider
from model_sync.settings import Addressing, Settings
from model_sync.store.curl_handle import TimeLimits
from model_sync.store.s3_client import make_client, make_pool
from model_sync.store.s3_reader import S3Reader
from model_sync.store.s3_refusal import S3RefusalError
from model_sync.store.s3_store import S3Bucket
from pydantic import SecretStr
from s3_server import S3Server

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
Talk = Callable[[socket.socket, bytes], None]


@contextmanager
def _store_that(talk: Talk) -> Iterator[str]:
    """A server that gives every connection's first request to `talk`; yields its endpoint."""
    stopped = threading.Event()

    def serve(listener: socket.socket) -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                talk(connection, connection.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopped.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _settings(endpoint: str, **changed: object) -> Settings:
    keys = SecretStr("test-key")
    settings = Settings(s3_endpoint=endpoint, s3_region="eu-x", s3_access_key=keys, s3_secret_key=keys)
    return settings.model_copy(update=changed)


def _reader(settings: Settings, *, silence: float = 30, session_token: str | None = None) -> S3Reader:
    provider = StaticProvider("test-key", "test-secret", session_token)
    client = make_client(settings, make_pool(settings), provider)
    limits = TimeLimits(connect=5, silence=silence)
    return S3Reader(client, settings.bucket, provider, certifi.where(), limits)


def _request_for(key: str, **changed: object) -> list[str]:
    """The lines of the request with which `key` is read."""
    seen: list[bytes] = []

    def talk(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(_HEAD + b"0123456789")

    with _store_that(talk) as endpoint:
        reader = _reader(_settings(endpoint, **changed), session_token="token")
        with reader.open(key, {"If-Match": '"etag"'}) as stream:
            assert stream.read() == b"0123456789"
    return seen[0].decode().split("\r\n")


def test_a_request_is_signed_with_all_its_headers_and_names_the_session() -> None:
    lines = _request_for("m/1/\u00fc a+b%.bin")
    assert lines[0] == "GET /ml-models/m/1/%C3%BC%20a%2Bb%25.bin HTTP/1.1"
    assert 'If-Match: "etag"' in lines
    assert "x-amz-security-token: token" in lines
    (signature,) = [line for line in lines if line.startswith("Authorization:")]
    assert "/eu-x/s3/aws4_request" in signature
    assert "if-match" in signature
    assert "x-amz-security-token" in signature


@pytest.mark.parametrize(
    ("addressing", "target", "host"),
    [
        (Addressing.PATH, "/ml-models/m/1/a", "localhost"),
        (Addressing.VIRTUAL, "/m/1/a", "ml-models.localhost"),
    ],
)
def test_the_bucket_is_in_the_host_name_where_the_settings_ask_for_that(
    addressing: Addressing, target: str, host: str
) -> None:
    seen: list[bytes] = []

    def talk(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(_HEAD + b"0123456789")

    with _store_that(talk) as endpoint:
        # libcurl resolves every name below localhost to this host
        named = endpoint.replace("127.0.0.1", "localhost")
        with _reader(_settings(named, s3_addressing=addressing)).open("m/1/a", {}) as stream:
            assert stream.read() == b"0123456789"
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == f"GET {target} HTTP/1.1"
    assert f"Host: {named.replace('http://localhost', host)}" in lines


def test_what_arrived_before_a_connection_broke_is_handed_out_first() -> None:
    def talk(connection: socket.socket, _: bytes) -> None:
        connection.sendall(_HEAD + b"0123")

    with _store_that(talk) as endpoint, ExitStack() as reading:
        stream = reading.enter_context(_reader(_settings(endpoint)).open("m/1/a", {}))
        assert stream.read(100) == b"0123"
        with pytest.raises(ConnectionError):
            stream.read(100)


def test_a_store_that_falls_silent_is_given_up_after_what_it_sent_is_used() -> None:
    released = threading.Event()

    def talk(connection: socket.socket, _: bytes) -> None:
        connection.sendall(_HEAD + b"0123")
        released.wait(20)

    with _store_that(talk) as endpoint, ExitStack() as reading:
        stream = reading.enter_context(_reader(_settings(endpoint), silence=0.5).open("m/1/a", {}))
        assert stream.read(100) == b"0123"
        with pytest.raises(TimeoutError, match=r"nothing arrived for 0\.5 s"):
            stream.read(100)
        released.set()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<Error><Code>SlowDown</Code><Message>later</Message></Error>", "status 503: SlowDown, later"),
        (b"<html>gateway", "status 503: no code, no message"),
        (b"", "status 503: no code"),
    ],
)
def test_a_refusal_is_told_with_what_the_store_says(body: bytes, told: str) -> None:
    def talk(connection: socket.socket, _: bytes) -> None:
        head = f"HTTP/1.1 503 Slow\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body)

    with _store_that(talk) as endpoint:
        with pytest.raises(S3RefusalError, match=told), _reader(_settings(endpoint)).open("m/1/a", {}):
            pass
        bucket = S3Bucket(_settings(endpoint))
        with pytest.raises(RetryableError, match="cannot read"), bucket.open_object("m/1/a", etag="e"):
            pass


def test_an_abandoned_download_leaves_a_reader_that_works(s3: S3Server, s3_settings: Settings) -> None:
    bucket = S3Bucket(s3_settings)
    content = bytes(range(256)) * 16384
    bucket.put_small("m/1/large", content, "application/octet-stream")
    (listed,) = bucket.list_objects()
    for _ in range(3):
        with bucket.open_object("m/1/large", etag=listed.etag) as stream:
            assert stream.read(10) == content[:10]
    with bucket.open_object("m/1/large", etag=listed.etag, offset=256) as stream:
        read = b"".join(iter(lambda: stream.read(1000), b""))
    assert read == content[256:]
    assert s3.endpoint == bucket.endpoint
