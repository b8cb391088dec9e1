"""Slow clients on real sockets; the limits are made short so that nobody has to wait."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Self

import pytest
from ovms_lite.http.limits import TimeLimits
from ovms_lite.http.server import RestServer
from ovms_lite.wire.http_message import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    Run = Callable[[Coroutine[Any, Any, Any]], Any]

LONG = 60.0
SHORT = 0.05


def _limits(**short: float) -> TimeLimits:
    relaxed = {
        "silent": LONG,
        "request": LONG,
        "body_rate": 1e9,
        "answer": LONG,
        "idle": LONG,
        "look": 0.02,
        "farewell": SHORT,
    }
    return TimeLimits(**(relaxed | short))


class Client:
    """One connection to a server with an application that echoes bodies."""

    def __init__(self, limits: TimeLimits) -> None:
        self.server = RestServer(_echo, limits=limits)

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0))
        await self.server.start([listener])
        self.reader, self.writer = await asyncio.open_connection(*listener.getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.server.stop(1)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def write_on(self) -> None:
        """Wait until everything is sent, and go on until the connection breaks."""
        while True:
            await self.writer.drain()
            await asyncio.sleep(0.01)

    async def everything(self) -> bytes:
        """What the server sends until it ends the connection."""
        return await asyncio.wait_for(self.reader.read(), LONG)


def _echo(request: Request) -> Response:
    return Response(200, (bytes(request.body),))


POST = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize(
    "begin",
    [
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nX-A: b\r\n",
        POST % 10 + b"123",
        POST % 10**6 + b"1" * 70_000,
    ],
)
def test_a_request_that_does_not_arrive_in_time_is_408_and_the_end(run: Run, begin: bytes) -> None:
    async def scenario() -> bytes:
        async with Client(_limits(request=SHORT)) as client:
            client.send(begin)
            return await client.everything()

    answer = run(scenario())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.endswith(b"connection: close\r\n\r\n")


@pytest.mark.parametrize("begin", [b"", POST % 10 + b"123"])
def test_a_connection_on_which_nothing_comes_is_closed(run: Run, begin: bytes) -> None:
    async def scenario() -> bytes:
        # a busy machine may take a while to read what was begun
        async with Client(_limits(silent=10 * SHORT if begin else SHORT)) as client:
            client.send(begin)
            return await client.everything()

    assert run(scenario()).startswith(b"HTTP/1.1 408 " if begin else b"")


def test_with_all_connections_taken_the_one_that_was_idle_for_longest_gives_way(run: Run) -> None:
    async def scenario() -> list[bytes]:
        server = RestServer(_echo, limits=_limits(), max_connections=2)
        listener = socket.create_server(("127.0.0.1", 0))
        await server.start([listener])
        clients = []
        for _ in range(3):
            clients.append(await asyncio.open_connection(*listener.getsockname()))
            clients[-1][1].write(POST % 1 + b"1")
            await clients[-1][0].readuntil(b"\r\n\r\n1")
        assert await clients[0][0].read() == b""
        answers = []
        for reader, writer in clients[1:]:
            writer.write(POST % 1 + b"2")
            answers.append(await reader.readuntil(b"\r\n\r\n2"))
        for _, writer in clients:
            writer.close()
        await server.stop(1)
        return answers

    assert [answer[:15] for answer in run(scenario())] == [b"HTTP/1.1 200 OK"] * 2


def test_a_client_that_sends_a_byte_now_and_then_gains_no_time(run: Run) -> None:
    async def scenario() -> bytes:
        async with Client(_limits(request=0.2)) as client:

            async def drip() -> None:
                client.send(b"GET / HTTP/1.1\r\n")
                while True:
                    client.send(b"x")
                    await asyncio.sleep(0.01)

            dripping = asyncio.ensure_future(drip())
            answer = await client.reader.readuntil(b"\r\n\r\n")
            dripping.cancel()
            return answer

    assert run(scenario()).startswith(b"HTTP/1.1 408 ")


def test_a_large_body_that_arrives_at_the_lowest_rate_is_taken(run: Run) -> None:
    async def scenario() -> bytes:
        async with Client(_limits(request=0.2, body_rate=20_000.0)) as client:
            client.send(POST % 40_000)
            for _ in range(10):
                client.send(b"1" * 4_000)
                await asyncio.sleep(0.05)
            return await asyncio.wait_for(client.reader.readuntil(b"1" * 40_000), LONG)

    assert run(scenario()).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_does_not_read_its_answer_is_let_go(run: Run) -> None:
    async def scenario() -> None:
        async with Client(_limits(answer=SHORT)) as client:
            body = b"1" * 10**6
            for _ in range(64):  # far more than the sockets' buffers
                client.send(POST % len(body) + body)
            with pytest.raises(ConnectionError):
                await client.write_on()

    run(scenario())


def test_a_client_that_reads_its_answer_slowly_gets_all_of_it(run: Run) -> None:
    size = 40 * 10**6  # more than the sockets' buffers, so that the server waits for the client all the while

    async def scenario() -> int:
        async with Client(_limits(answer=2.0)) as client:
            client.send(POST % size + b"1" * size)
            await client.reader.readuntil(b"\r\n\r\n")
            received = 0
            for _ in range(20):
                received += len(await client.reader.readexactly(size // 20))
                await asyncio.sleep(0.15)
            return received

    assert run(scenario()) == size


def test_a_connection_between_requests_is_closed_when_it_is_idle_for_long(run: Run) -> None:
    async def scenario() -> bytes:
        async with Client(_limits(idle=SHORT)) as client:
            client.send(POST % 1 + b"1")
            return await client.everything()

    assert run(scenario()).endswith(b"\r\n\r\n1")


def test_a_pause_between_requests_is_no_slow_request(run: Run) -> None:
    async def scenario() -> list[bytes]:
        async with Client(_limits(request=SHORT)) as client:
            answers = []
            for _ in range(3):
                client.send(POST % 1 + b"1")
                answers.append(await client.reader.readuntil(b"\r\n\r\n1"))
                await asyncio.sleep(4 * SHORT)
            return answers

    assert [answer[:15] for answer in run(scenario())] == [b"HTTP/1.1 200 OK"] * 3


def test_a_kept_connection_may_ask_once_more_while_the_server_ends(run: Run) -> None:
    async def scenario() -> bytes:
        async with Client(_limits(farewell=LONG)) as client:
            client.send(POST % 3 + b"one")
            await client.reader.readuntil(b"one")
            ending = asyncio.create_task(client.server.stop(LONG))
            await asyncio.sleep(0)
            client.send(POST % 3 + b"two")
            answer = await client.everything()
            assert await ending
            return answer

    answer = run(scenario())
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer
    assert answer.endswith(b"two")


def test_a_kept_connection_that_asks_nothing_does_not_hold_up_the_end(run: Run) -> None:
    async def scenario() -> bytes:
        async with Client(_limits(farewell=SHORT)) as client:
            client.send(POST % 3 + b"one")
            await client.reader.readuntil(b"one")
            assert await client.server.stop(LONG)
            return await client.everything()

    assert run(scenario()) == b""


def test_when_a_client_goes_nothing_waits_for_it_any_more(run: Run) -> None:
    async def scenario() -> None:
        asked, gone = asyncio.Event(), asyncio.Event()

        async def wait_for_ever() -> Response:
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                gone.set()
            raise AssertionError

        server = RestServer(lambda _: wait_for_ever(), limits=_limits())
        listener = socket.create_server(("127.0.0.1", 0))
        await server.start([listener])
        _, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(POST % 0)
        await asked.wait()
        writer.transport.abort()
        await asyncio.wait_for(gone.wait(), LONG)
        await writer.wait_closed()
        await server.stop(1)

    run(scenario())
