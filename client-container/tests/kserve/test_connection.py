import socket
import threading
from collections.abc import Iterator

import pytest
from car_client.errors import (
    ConnectionLostError,
    RequestRefusedError,
    ServerFailedError,
    ServerUnreachableError,
)
from car_client.kserve.connection import Answer, Connection
from eventually import wait_until
from fake_kserve import FakeKServe, FakeModel

INFER = "/v2/models/m/infer"


@pytest.fixture
def model(server: FakeKServe) -> FakeModel:
    server.models["m"] = FakeModel()
    return server.models["m"]


def infer(connection: Connection) -> Answer:
    return connection.request(
        "POST", INFER, body=(b"{}",), again_if=lambda a: a.status == 404 and "retired" in a.error_text
    )


@pytest.mark.parametrize("fault", ["cut", "retired"])
def test_a_lost_connection_and_a_retired_version_are_tried_once_more(
    server: FakeKServe, connection: Connection, fault: str
) -> None:
    server.faults.extend([fault, (418, "second")])
    assert infer(connection).status == 418
    assert len(server.sent("/infer")) == 2


def test_two_lost_connections_are_an_error(server: FakeKServe, connection: Connection) -> None:
    server.faults.extend(["cut", "cut"])
    with pytest.raises(ConnectionLostError, match="was lost before the answer to POST"):
        infer(connection)
    assert len(server.sent("/infer")) == 2


def test_two_retired_answers_are_handed_back(server: FakeKServe, connection: Connection) -> None:
    server.faults.extend(["retired", "retired"])
    assert infer(connection).status == 404
    assert len(server.sent("/infer")) == 2


@pytest.mark.parametrize("first", ["cut", "retired"])
def test_there_is_one_retry_in_all_not_one_of_each_kind(
    server: FakeKServe, connection: Connection, first: str
) -> None:
    server.faults.extend([first, "retired", "retired"])
    assert infer(connection).status == 404
    assert len(server.sent("/infer")) == 2


@pytest.mark.parametrize("status", [400, 404, 412, 413, 500, 503])
def test_other_failures_are_never_sent_again(server: FakeKServe, connection: Connection, status: int) -> None:
    server.faults.append((status, "Invalid input shape"))
    answer = infer(connection)
    assert (answer.status, answer.error_text) == (status, "Invalid input shape")
    assert len(server.sent("/infer")) == 1


def test_a_slow_answer_ends_at_the_time_limit_and_is_not_asked_again(
    server: FakeKServe, model: FakeModel
) -> None:
    assert model.versions == [1]
    server.faults.append("slow")
    impatient = Connection(server.url, timeout=0.2)
    with pytest.raises(ServerUnreachableError, match=r"did not answer within 0\.2 s"):
        infer(impatient)
    wait_until(lambda: server.sent("/infer"))
    assert len(server.sent("/infer")) == 1
    impatient.close()


def test_nobody_listening_says_where_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ServerUnreachableError, match=f"nothing answers at {url}"):
            Connection(url, timeout=5).get("/v1/config")


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    with pytest.raises(ServerUnreachableError):
        Connection("http://no-such-host.invalid:1", timeout=5).get("/v1/config")


def test_connections_are_kept_and_used_again(server: FakeKServe, connection: Connection) -> None:
    server.models["m"] = FakeModel()
    for _ in range(5):
        connection.get("/v1/config")
    assert connection._pool.connection_from_url(server.url).num_connections == 1


def test_a_too_large_answer_is_refused(server: FakeKServe) -> None:
    connection = Connection(server.url, timeout=5, max_answer_bytes=1000)
    server.fixed_answers["/v1/config"] = (200, b" " * 1001)
    with pytest.raises(ServerFailedError, match="more than 1000 bytes"):
        connection.get("/v1/config")


@pytest.fixture
def dripping_server() -> Iterator[str]:
    """Sends one byte of an endless answer after another, each well within any timeout on reading."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.recv(65536)
            accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not stop.wait(0.02):
                try:
                    accepted.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    stop.set()
    thread.join(timeout=5)
    listener.close()


def test_an_answer_that_drips_ends_at_the_time_limit(dripping_server: str) -> None:
    with pytest.raises(ServerUnreachableError, match="did not answer within"):
        Connection(dripping_server, timeout=0.3).get("/v1/config")


def test_4xx_is_the_requests_fault_and_5xx_the_servers() -> None:
    with pytest.raises(
        RequestRefusedError, match="refused the inference with status 400: bad shape"
    ) as refused:
        Answer(400, {}, b'{"error": "bad shape"}').checked("the inference")
    assert (refused.value.status, refused.value.server_message) == (400, "bad shape")
    assert refused.value.exit_code == 65
    with pytest.raises(ServerFailedError, match="status 500: Internal inference error") as failed:
        Answer(500, {}, b'{"error": "Internal inference error"}').checked("the inference")
    assert failed.value.exit_code == 75


@pytest.mark.parametrize(
    ("body", "text"),
    [
        *((b"", ""), (b"<html>", "<html>"), (b"[1]", "[1]"), (b"\xff", "\ufffd"), (b"x" * 999, "x" * 300)),
        (b"[" * 100_000, "[" * 300),
    ],
    ids=lambda text: text[:6],
)
def test_error_text_is_found_in_any_body_and_bounded(body: bytes, text: str) -> None:
    assert Answer(400, {}, body).error_text == text
