import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovms_lite.http.limits import MAX_BODY_BYTES
from ovms_lite.http.request_reader import (
    MAX_HEAD_BYTES,
    ReceivedRequest,
    RequestReader,
    UnreadableRequestError,
)

CHUNK = 64 * 1024


def _read(data: bytes, cuts: list[int]) -> list[ReceivedRequest]:
    """Feed `data` in pieces of the given sizes, as a socket would, then the rest."""
    reader = RequestReader()
    requests = []
    for cut in cuts:
        requests += reader.received(data[:cut])
        data = data[cut:]
    for start in range(0, len(data), CHUNK):
        requests += reader.received(data[start : start + CHUNK])
    return requests


def _post(body: bytes, *headers: str) -> bytes:
    lines = ["POST /a?b=c HTTP/1.1", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@given(
    st.lists(st.binary(max_size=300) | st.integers(32_000, 90_000).map(lambda size: b"z" * size), max_size=3),
    st.lists(st.integers(1, 40_000), max_size=12),
)
def test_requests_are_the_same_however_the_bytes_arrive(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(_post(body, "Inference-Header-Content-Length: 7") for body in bodies)
    requests = _read(stream, cuts)
    assert [bytes(received.request.body) for received in requests] == bodies
    assert all(received.request.target == "/a" and received.keep_alive for received in requests)


def test_a_chunked_body_is_put_together() -> None:
    stream = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert [bytes(received.request.body) for received in _read(stream, [60, 1, 1])] == [b"abcde"]


def test_bytes_beyond_ascii_in_the_path_are_escaped() -> None:
    [received] = _read("GET /v2/models/ünï/ready HTTP/1.1\r\n\r\n".encode(), [])
    assert received.request.target == "/v2/models/%C3%BCn%C3%AF/ready"


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        ("GET / HTTP/1.1\r\n\r\n", True),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
        ("GET / HTTP/1.0\r\n\r\n", False),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_the_connection_is_kept_as_http_says(head: str, keep_alive: bool) -> None:
    assert _read(head.encode(), [])[0].keep_alive == keep_alive


def test_a_client_may_wait_to_be_told_to_send_its_body() -> None:
    reader = RequestReader()
    assert reader.received(b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n") == []
    assert reader.awaits_continue


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (b"\x16\x03\x01garbage\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: abc\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400),
        (f"POST / HTTP/1.1\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode(), 413),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, 431),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * MAX_HEAD_BYTES, 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 40_000 + b"\r\n", 431),
    ],
)
def test_what_is_no_request_ends_the_connection_with_a_status(stream: bytes, status: int) -> None:
    with pytest.raises(UnreadableRequestError) as caught:
        _read(stream, [])
    assert caught.value.status == status


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=5))
def test_any_bytes_are_read_or_refused(data: bytes, cuts: list[int]) -> None:
    try:
        _read(data, cuts)
    except UnreadableRequestError as error:
        assert error.status in (400, 413, 431)  # noqa: PT017 - nearly all bytes are refused
