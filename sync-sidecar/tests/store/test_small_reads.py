import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import certifi
import pytest
from edge_common.errors import FatalError, RetryableError
from model_sync.settings import Settings
from model_sync.store.curl_handle import Signer, TimeLimits, new_handle
from model_sync.store.object_store import ObjectChangedError
from model_sync.store.s3_store import S3Bucket
from model_sync.store.small_reads import MOST_BYTES, SmallAnswer, SmallReads, SmallRequest

_LIMITS = TimeLimits(connect=5, silence=1)
Answer = Callable[[socket.socket, int], None]


@contextmanager
def _store_that(answer: Answer) -> Iterator[str]:
    """A server that lets `answer` reply to each request, told which connection it came over."""

    def talk(connection: socket.socket, number: int) -> None:
        with connection:
            try:
                while connection.recv(65536):
                    answer(connection, number)
            except OSError:
                return  # the reader gave up, or the test has ended

    def serve(listener: socket.socket) -> None:
        for number in range(1000):
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection, number), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _reads(connections: int = 4) -> SmallReads:
    return SmallReads(lambda: new_handle(certifi.where(), _LIMITS), _LIMITS, connections)


def _requests(endpoint: str, count: int) -> list[SmallRequest]:
    signer = Signer("eu-x", "key", "secret")
    return [SmallRequest(f"k{n}", f"{endpoint}/bucket/k{n}", ["If-Match: e"], signer) for n in range(count)]


def _read(reads: SmallReads, requests: list[SmallRequest]) -> list[SmallAnswer]:
    return list(reads.read(requests, lambda: False))


def test_many_objects_come_over_few_kept_connections() -> None:
    used: list[int] = []

    def answer(connection: socket.socket, number: int) -> None:
        used.append(number)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")

    with _store_that(answer) as endpoint:
        reads = _reads(connections=3)
        first, second = (_read(reads, _requests(endpoint, 30)) for _ in range(2))
    assert sorted(one.key for one in first) == sorted(f"k{n}" for n in range(30))
    assert {(one.status, one.content, one.failure) for one in [*first, *second]} == {(200, b"abc", None)}
    assert len(used) == 60
    assert len(set(used)) <= 3


def test_an_answer_that_breaks_off_keeps_what_arrived_and_harms_no_other() -> None:
    def answer(connection: socket.socket, number: int) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + (b"abc" if number else b"a"))
        if not number:
            connection.shutdown(socket.SHUT_RDWR)

    with _store_that(answer) as endpoint:
        answers = _read(_reads(connections=2), _requests(endpoint, 4))
    (broken,) = [one for one in answers if one.failure is not None]
    assert isinstance(broken.failure, ConnectionError)
    assert broken.content == b"a"
    assert [one.content for one in answers if one.failure is None] == [b"abc"] * 3


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 99999999\r\n\r\n", b"Connection: close\r\n\r\n"],
    ids=["announced", "without end"],
)
def test_an_answer_that_is_far_too_long_is_not_received(head: bytes) -> None:
    sent: list[int] = []

    def answer(connection: socket.socket, _: int) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head)
        for _chunk in range(1600):
            connection.sendall(bytes(65536))
            sent.append(65536)

    with _store_that(answer) as endpoint:
        (one,) = _read(_reads(), _requests(endpoint, 1))
    assert isinstance(one.failure, ConnectionError)
    assert len(one.content) <= MOST_BYTES
    assert sum(sent) < 99_999_999


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na"])
def test_a_store_that_falls_silent_is_given_up(said: bytes) -> None:
    with _store_that(lambda connection, _: connection.sendall(said)) as endpoint:
        (answer,) = _read(_reads(), _requests(endpoint, 1))
    assert isinstance(answer.failure, TimeoutError)
    assert answer.content == said[-1:]


def test_nobody_listening_is_told_for_each_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    answers = _read(_reads(), _requests(endpoint, 3))
    assert [(one.status, type(one.failure)) for one in answers] == [(0, ConnectionError)] * 3


def test_who_stops_waits_no_longer_and_the_reader_goes_on_for_others() -> None:
    stopped, silent = threading.Event(), threading.Event()

    def answer(connection: socket.socket, _: int) -> None:
        if silent.is_set():
            stopped.set()
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")

    with _store_that(answer) as endpoint:
        reads = _reads(connections=1)
        silent.set()
        assert list(reads.read(_requests(endpoint, 5), stopped.is_set)) == []
        silent.clear()
        assert [one.content for one in _read(reads, _requests(endpoint, 2))] == [b"abc"] * 2


def test_a_bucket_tells_for_each_object_what_came_of_it(s3_settings: Settings) -> None:
    bucket = S3Bucket(s3_settings)
    contents = {f"m/1/{n} \u00fc+%.bin": bytes([n]) * n for n in range(20)}
    for key, content in contents.items():
        bucket.put_small(key, content, "application/octet-stream")
    wanted = {listed.key: listed.etag for listed in bucket.list_objects()}
    read = {one.key: one for one in bucket.read_small_ones({**wanted, "m/1/gone": "e"}, lambda: False)}
    gone = read.pop("m/1/gone")
    assert {key: one.content for key, one in read.items()} == contents
    assert all(one.failure is None for one in read.values())
    assert isinstance(gone.failure, ObjectChangedError)
    assert gone.content == b""


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (412, "PreconditionFailed", ObjectChangedError),
        (403, "AccessDenied", FatalError),
        (500, "", RetryableError),
    ],
)
def test_a_refusal_is_an_error_of_ours_and_no_content(status: int, code: str, kind: type[Exception]) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()

    def answer(connection: socket.socket, _: int) -> None:
        connection.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    with _store_that(answer) as endpoint:
        bucket = S3Bucket(Settings(s3_endpoint=endpoint, s3_region="x", s3_access_key="k", s3_secret_key="s"))
        (one,) = bucket.read_small_ones({"m/1/a": "e"}, lambda: False)
    assert isinstance(one.failure, kind)
    assert one.content == b""


def test_with_a_limit_on_the_bandwidth_no_object_is_read_at_once(s3_settings: Settings) -> None:
    assert S3Bucket(s3_settings).small > 0
    assert S3Bucket(s3_settings.model_copy(update={"bandwidth": 1000})).small == 0
