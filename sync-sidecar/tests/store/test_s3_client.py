"""What is asked of a store, word for word, and what becomes of its answers."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from edge_common.errors import FatalError, RetryableError
from model_sync.bucket.catalog import ListedObject
from model_sync.settings import Addressing, Settings
from model_sync.store.errors import ObjectChangedError, S3RefusalError
from model_sync.store.object_store import read_small
from model_sync.store.s3_client import Request, S3Client
from model_sync.store.s3_store import S3Bucket
from pydantic import SecretStr
from s3_server import S3Server
from urllib3.exceptions import NewConnectionError, ProtocolError, ReadTimeoutError

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
Talk = Callable[[socket.socket, bytes], None]

_LISTED = ListedObject("m/1/a", 10, "e", 0.0)


@contextmanager
def _store_that(talk: Talk) -> Iterator[str]:
    """A server that gives every request to `talk`; yields its endpoint."""

    def converse(connection: socket.socket) -> None:
        with connection:
            try:
                while request := connection.recv(65536):
                    talk(connection, request)
            except OSError:
                return  # the reader gave up, or the test has ended

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=converse, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(status: str, body: bytes = b"", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def _settings(endpoint: str, **changed: object) -> Settings:
    keys = SecretStr("test-key")
    settings = Settings(s3_endpoint=endpoint, s3_region="eu-x", s3_access_key=keys, s3_secret_key=keys)
    return settings.model_copy(update=changed)


def _request_for(request: Request, **changed: object) -> list[str]:
    """The lines that are sent."""
    seen: list[bytes] = []

    def talk(connection: socket.socket, received: bytes) -> None:
        seen.append(received)
        connection.sendall(_HEAD + b"0123456789")

    with _store_that(talk) as endpoint:
        client = S3Client(_settings(endpoint.replace("127.0.0.1", "localhost"), **changed))
        with client.open(request) as answer:
            assert answer.read() == b"0123456789"
    return seen[0].decode().split("\r\n")


def test_a_request_is_signed_with_all_its_headers_and_names_the_session() -> None:
    request = Request("GET", "m/1/\u00fc a+b%.bin", headers={"if-match": '"etag"'})
    lines = _request_for(request, s3_session_token=SecretStr("token"))
    assert lines[0] == "GET /ml-models/m/1/%C3%BC%20a%2Bb%25.bin HTTP/1.1"
    assert 'if-match: "etag"' in lines
    assert "x-amz-security-token: token" in lines
    (signature,) = [line for line in lines if line.startswith("authorization:")]
    assert "/eu-x/s3/aws4_request" in signature
    assert "if-match" in signature
    assert "x-amz-security-token" in signature


def test_a_query_is_sent_in_order_and_encoded() -> None:
    lines = _request_for(Request("GET", query={"prefix": "\u00e9/a b&", "events": ("b:*", "a:*"), "x": ""}))
    assert lines[0] == "GET /ml-models?events=a%3A%2A&events=b%3A%2A&prefix=%C3%A9%2Fa%20b%26&x= HTTP/1.1"


def test_many_requests_go_over_one_kept_connection() -> None:
    ports: list[int] = []

    def talk(connection: socket.socket, _: bytes) -> None:
        ports.append(connection.getpeername()[1])
        connection.sendall(_HEAD + b"0123456789")

    with _store_that(talk) as endpoint:
        client = S3Client(_settings(endpoint))
        for _ in range(5):
            assert client.ask(Request("GET", "a")) == b"0123456789"
    assert len(ports) == 5
    assert len(set(ports)) == 1


def test_what_arrived_before_a_connection_broke_is_handed_out_first() -> None:
    def talk(connection: socket.socket, _: bytes) -> None:
        connection.sendall(_HEAD + b"0123")
        connection.shutdown(socket.SHUT_RDWR)

    with _store_that(talk) as endpoint, ExitStack() as reading:
        answer = reading.enter_context(S3Client(_settings(endpoint)).open(Request("GET", "m/1/a")))
        assert answer.read1(100) == b"0123"
        with pytest.raises(ProtocolError):
            answer.read1(100)


def test_a_store_that_falls_silent_is_given_up_after_what_it_sent_is_used() -> None:
    with (
        _store_that(lambda connection, _: connection.sendall(_HEAD + b"0123")) as endpoint,
        ExitStack() as reading,
    ):
        client = S3Client(_settings(endpoint))
        answer = reading.enter_context(client.open(Request("GET", "m/1/a"), read_timeout=0.3))
        assert answer.read1(100) == b"0123"
        with pytest.raises(ReadTimeoutError):
            answer.read1(100)


def test_a_store_that_never_answers_is_given_up() -> None:
    with (
        _store_that(lambda _connection, _request: None) as endpoint,
        pytest.raises(ReadTimeoutError),
        S3Client(_settings(endpoint)).open(Request("GET", "m/1/a"), read_timeout=0.2),
    ):
        pass


def test_nobody_listening_is_an_error_of_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(NewConnectionError):
        S3Client(_settings(endpoint)).ask(Request("GET", "a"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<Error><Code>SlowDown</Code><Message>later</Message></Error>", "status 503: SlowDown, later"),
        (b"<html>gateway", "status 503: no code, gateway"),
        (b"", "status 503: no code"),
        (b"x" * 1_000_000, "status 503: no code"),
    ],
)
def test_a_refusal_is_told_with_what_the_store_says(body: bytes, told: str) -> None:
    with _store_that(lambda connection, _: connection.sendall(_answer("503 Slow", body))) as endpoint:
        with pytest.raises(S3RefusalError, match=told):
            S3Client(_settings(endpoint)).ask(Request("GET", "m/1/a"))
        bucket = S3Bucket(_settings(endpoint))
        with pytest.raises(RetryableError, match="cannot read"), bucket.open_object(_LISTED):
            pass


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("412 No", "PreconditionFailed", ObjectChangedError),
        ("412 No", "", ObjectChangedError),
        ("416 No", "", ObjectChangedError),
        ("403 No", "AccessDenied", FatalError),
        ("403 No", "", FatalError),
        ("500 No", "", RetryableError),
        ("403 No", "InvalidObjectState", RetryableError),
    ],
)
def test_a_refused_object_is_an_error_of_the_right_kind(
    status: str, code: str, kind: type[Exception]
) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    with _store_that(lambda connection, _: connection.sendall(_answer(status, body))) as endpoint:
        bucket = S3Bucket(_settings(endpoint))
        with pytest.raises(kind), bucket.open_object(_LISTED):
            pass


def test_a_redirect_is_not_followed_and_the_place_it_leads_to_is_told() -> None:
    answer = _answer("308 Moved", headers="Location: https://store.example/ml-models/\r\n")
    asked: list[bytes] = []

    def talk(connection: socket.socket, request: bytes) -> None:
        asked.append(request)
        connection.sendall(answer)

    with _store_that(talk) as endpoint:
        bucket = S3Bucket(_settings(endpoint))
        with pytest.raises(FatalError, match=r"on to https://store\.example/.*set MODEL_SYNC_S3_ENDPOINT"):
            list(bucket.list_objects())
    assert len(asked) == 1


def _wants_region(region: str, told: str) -> Talk:
    def talk(connection: socket.socket, request: bytes) -> None:
        if f"/{region}/s3/".encode() in request:
            connection.sendall(_HEAD + b"0123456789")
        else:
            body = f"<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message>{told}</Error>"
            connection.sendall(_answer("400 Bad", body.encode()))

    return talk


def test_the_region_that_a_store_names_is_used_from_then_on() -> None:
    with _store_that(_wants_region("garage", "<Region>garage</Region>")) as endpoint:
        client = S3Client(_settings(endpoint, s3_region=""))
        assert client.ask(Request("GET", "a")) == b"0123456789"
        assert client.address.region == "garage"


@pytest.mark.parametrize(
    ("set_region", "told", "sentence"),
    [
        ("eu-x", "<Region>garage</Region>", "set MODEL_SYNC_S3_REGION to garage"),
        ("", "", "set MODEL_SYNC_S3_REGION to the region that it names"),
    ],
)
def test_a_region_that_cannot_be_corrected_is_told(set_region: str, told: str, sentence: str) -> None:
    with _store_that(_wants_region("garage", told)) as endpoint:
        bucket = S3Bucket(_settings(endpoint, s3_region=set_region))
        with pytest.raises(FatalError, match=sentence):
            list(bucket.list_objects())


@pytest.mark.parametrize(
    "head", ["Content-Length: 99999999", "Connection: close"], ids=["announced", "endless"]
)
def test_an_answer_that_is_far_too_long_is_not_received(head: str) -> None:
    sent: list[int] = []

    def talk(connection: socket.socket, _: bytes) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        for _chunk in range(1600):
            connection.sendall(bytes(65536))
            sent.append(65536)

    with _store_that(talk) as endpoint, pytest.raises(ValueError, match="more than 65536 bytes"):
        S3Client(_settings(endpoint)).ask(Request("GET", "a"))
    assert sum(sent) < 99_999_999


@pytest.mark.parametrize(
    ("addressing", "target", "host"),
    [
        (Addressing.PATH, "/ml-models/m/1/a", "localhost"),
        (Addressing.VIRTUAL, "/m/1/a", "ml-models.localhost"),
    ],
)
def test_the_bucket_is_in_the_host_name_where_the_settings_ask_for_that(
    addressing: Addressing, target: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest: really("127.0.0.1", *rest))
    lines = _request_for(Request("GET", "m/1/a"), s3_addressing=addressing)
    assert lines[0] == f"GET {target} HTTP/1.1"
    assert any(line.startswith(f"Host: {host}:") for line in lines)


def test_an_abandoned_download_leaves_a_bucket_that_works(s3: S3Server, s3_settings: Settings) -> None:
    bucket = S3Bucket(s3_settings)
    content = bytes(range(256)) * 16384
    bucket.put_small("m/1/large", content, "application/octet-stream")
    (listed,) = bucket.list_objects()
    for _ in range(3):
        with bucket.open_object(listed) as stream:
            assert stream.read(10) == content[:10]
    with bucket.open_object(listed, offset=256) as stream:
        read = b"".join(iter(lambda: stream.read(1000), b""))
    assert read == content[256:]
    assert s3.endpoint == bucket.endpoint


def test_keys_with_characters_of_any_kind_are_written_and_read(s3_settings: Settings) -> None:
    bucket = S3Bucket(s3_settings)
    contents = {f"m/1/{n} \u00fc+%&=.bin": bytes([n]) * n for n in range(5)}
    for key, content in contents.items():
        bucket.put_small(key, content, "application/octet-stream")
    listed = list(bucket.list_objects())
    assert {one.key: read_small(bucket, one, limit=100) for one in listed} == contents
