"""Bodies share the memory; what nobody reads is not kept."""

import pytest
from ovms_lite.errors import Fault, RequestError
from ovms_lite.http.limits import Bodies
from ovms_lite.http.request_reader import ReceivedRequest, RequestReader, UnreadableRequestError


def _reader_of(method: str, path: str) -> str | None:
    """`/none` reads no bodies, `/unknown` is refused, others are models."""
    if path == "/unknown":
        raise RequestError(Fault.SERVABLE_MISSING)
    assert method == "POST"
    return None if path == "/none" else path


def _received(bodies: Bodies, path: str, body: bytes, declared: int | None = None) -> list[ReceivedRequest]:
    head = f"POST {path} HTTP/1.1\r\nContent-Length: {declared or len(body)}\r\n\r\n"
    reader = RequestReader(bodies)
    return reader.received(head.encode() + body)


def test_a_body_is_held_until_it_is_answered() -> None:
    bodies = Bodies(_reader_of, 1000)
    [received] = _received(bodies, "/m", b"1" * 300)
    assert bytes(received.request.body) == b"1" * 300
    assert bodies.held_bytes == 300
    received.release()
    assert bodies.held_bytes == 0


@pytest.mark.parametrize(("path", "refusal"), [("/none", None), ("/unknown", Fault.SERVABLE_MISSING)])
def test_what_nobody_reads_is_dropped_and_the_next_request_is_understood(
    path: str, refusal: Fault | None
) -> None:
    bodies = Bodies(_reader_of, 1000)
    request = f"POST {path} HTTP/1.1\r\nContent-Length: 400\r\n\r\n".encode() + b"x" * 400
    first, second = RequestReader(bodies).received(request + request)
    assert bodies.held_bytes == 0
    for received in (first, second):
        assert bytes(received.request.body) == b""
        assert (received.request.refusal and received.request.refusal.fault) == refusal


def test_the_callers_of_one_model_leave_half_of_the_memory_to_others() -> None:
    bodies = Bodies(_reader_of, 1000)
    kept = _received(bodies, "/m", b"1" * 400)
    [refused] = _received(bodies, "/m", b"2" * 200)
    assert refused.request.refusal is not None
    assert refused.request.refusal.status == 503
    assert bodies.held_bytes == 400
    [other] = _received(bodies, "/n", b"3" * 500)
    assert other.request.refusal is None
    [beyond] = _received(bodies, "/o", b"4" * 200)
    assert beyond.request.refusal is not None
    for received in (*kept, other):
        received.release()
    [again] = _received(bodies, "/m", b"5" * 500)
    assert again.request.refusal is None


def test_a_refused_body_gives_back_what_was_there_of_it() -> None:
    bodies = Bodies(_reader_of, 1000)
    reader = RequestReader(bodies)
    reader.received(b"POST /m HTTP/1.1\r\nContent-Length: 500\r\n\r\n" + b"1" * 300)
    _received(bodies, "/n", b"2" * 500)
    _received(bodies, "/o", b"3" * 200)
    [received] = reader.received(b"1" * 200)
    assert received.request.refusal is not None
    assert bytes(received.request.body) == b""
    assert bodies.held_bytes == 700


def test_a_body_that_never_comes_whole_is_given_back() -> None:
    bodies = Bodies(_reader_of, 1000)
    reader = RequestReader(bodies)
    reader.received(b"POST /m HTTP/1.1\r\nContent-Length: 500\r\n\r\n" + b"1" * 300)
    assert bodies.held_bytes == 300
    reader.abandon()
    assert bodies.held_bytes == 0


def test_a_body_larger_than_any_model_may_hold_is_413() -> None:
    with pytest.raises(UnreadableRequestError) as raised:
        _received(Bodies(_reader_of, 1000), "/m", b"", declared=501)
    assert raised.value.status == 413
