"""The gRPC port as a whole: its limits, its end, and what may go on beside it."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import tritonclient.grpc as triton
from edge_common.served_state import VersionState
from grpc_calls import Raw, fp32_input, infer_request
from ovms_lite.grpc.messages import SERVICE, message_class
from ovms_lite.grpc.server import GrpcServer
from ovms_lite.grpc.service import GrpcService
from ovms_lite.memory import HeldBytes
from ovms_lite.options import GrpcOptions
from ovms_lite.serving.catalogue import Catalogue
from ovms_lite.serving.infer import Decoders, Inference

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Models, ServerProcess

    Start = Callable[..., ServerProcess]

CODE = grpc.StatusCode


def test_a_client_that_gives_up_does_not_disturb_the_next_one(start_server: Start, models: Models) -> None:
    models.slow("slow", 1)
    server = start_server([{"name": "slow", "nireq": 1}])
    with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
        for _ in range(5):
            with pytest.raises(triton.InferenceServerException, match="Deadline Exceeded"):
                client.infer("slow", fp32_input([[300, 0]]), client_timeout=0.02)
        assert client.infer("slow", fp32_input([[3, 4]])).as_numpy("y").tolist() == [[3.0, 4.0]]


def test_sigterm_lets_a_call_under_way_finish_and_exits_with_0(start_server: Start, models: Models) -> None:
    models.slow("slow", 1)
    server = start_server([{"name": "slow"}], "--metrics_enable")
    with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
        answered = threading.Event()

        def note(result: Any, error: object) -> None:
            assert not error
            assert result.as_numpy("y").tolist() == [[400.0, 0.0]]
            answered.set()

        client.async_infer("slow", fp32_input([[400, 0]]), note)
        _wait_until_running(server)
        assert server.stop() == 0
        assert answered.wait(10)


def test_sigterm_does_not_wait_for_a_call_without_end(start_server: Start, models: Models) -> None:
    models.slow("slow", 1)
    server = start_server([{"name": "slow"}], "--metrics_enable")
    with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
        ended = threading.Event()
        client.async_infer(
            "slow", fp32_input([[10**7, 0]]), lambda result, error: ended.set() if error else result
        )
        _wait_until_running(server)
        server.process.terminate()
        assert server.process.wait(timeout=15) == 0  # a call takes minutes
        assert ended.wait(10)


def _wait_until_running(server: ServerProcess) -> None:
    while b'ovms_current_requests{name="slow",version="1"} 1' not in server.ask("GET", "/metrics")[1]:
        assert server.process.poll() is None


def test_no_call_fails_while_versions_are_swapped(start_server: Start, models: Models) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}])
    seen: list[float] = []
    swapped = threading.Event()

    def ask() -> None:
        with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
            while not swapped.is_set():
                seen.append(float(client.infer("m", fp32_input([[0, 0]])).as_numpy("y")[0, 0]))

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        for version in range(2, 8):
            models.add("m", version, float(version))
            assert server.ask("POST", "/v1/config/reload")[0] == 200
        swapped.set()
        for call in asking:
            call.result()
    assert set(seen) <= {float(version) for version in range(1, 8)}
    assert len(set(seen)) > 1


def test_channel_arguments_reach_the_library(start_server: Start, models: Models) -> None:
    models.add("m", 1, 1.0)
    flags = ("--grpc_channel_arguments", "grpc.max_receive_message_length=100")
    raw = Raw(start_server([{"name": "m"}], *flags).grpc_port)
    code, _ = raw.send("ModelInfer", infer_request(raw_input_contents=[b"\0" * 200]).SerializeToString())
    raw.channel.close()
    assert code is CODE.RESOURCE_EXHAUSTED


def test_a_server_without_rest_serves_grpc(start_server: Start, models: Models) -> None:
    models.add("m", 1, 1.0)
    server = start_server([{"name": "m"}], "--rest_port", "0", ready=False)
    with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
        ready = client._client_stub.ServerReady  # the client's own call does not wait for the port
        ready(message_class("ServerReadyRequest")(), wait_for_ready=True, timeout=30)
        while not client.is_server_ready():
            assert server.process.poll() is None
        assert client.infer("m", fp32_input([[1, 2]])).as_numpy("y").tolist() == [[2.0, 3.0]]


def test_a_taken_port_ends_the_start(start_server: Start) -> None:
    first = start_server([])
    second = start_server([], "--port", str(first.grpc_port), ready=False)
    assert second.process.wait(timeout=30) == 1
    assert f"cannot listen on 127.0.0.1:{first.grpc_port} for gRPC" in second.log.read_text()


def test_grpc_needs_a_port_of_its_own(start_server: Start) -> None:
    server = start_server([], "--port", "9000", "--rest_port", "9000", ready=False)
    assert server.process.wait(timeout=30) == 64


REQUEST = infer_request(model_version="1").SerializeToString()


@pytest.mark.parametrize(
    ("bounds", "code", "text"),
    [
        ({"max_calls": 2}, CODE.RESOURCE_EXHAUSTED, "limit exceeded"),
        ({"held": HeldBytes(4 * len(REQUEST))}, CODE.UNAVAILABLE, "bytes of messages are in memory"),
    ],
    ids=["calls", "bytes of one model"],
)
def test_calls_beyond_the_limit_are_refused_while_others_wait_for_a_version_to_load(
    bounds: dict[str, Any], code: grpc.StatusCode, text: str
) -> None:
    async def scenario(port: int) -> tuple[grpc.StatusCode, str, list[str]]:
        catalogue = Catalogue()
        loading = catalogue.register("m").record(1)
        loading.move_to(VersionState.LOADING)
        inference = Inference(catalogue, None, Decoders())
        service = GrpcService(catalogue, inference, None, version="1", is_ready=lambda: True)
        server = GrpcServer(service, GrpcOptions(port, ("127.0.0.1",)), **bounds)
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            infer: Any = channel.unary_unary(f"/{SERVICE}/ModelInfer")
            calls = [infer(REQUEST) for _ in range(3)]
            first = await _first_ended(calls)
            loading.move_to(VersionState.FAILED)
            codes = sorted([(await call.code()).name for call in calls])
            told = await first.code(), await first.details()
        await server.stop(1)
        return *told, codes

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    first, details, codes = asyncio.run(scenario(port))
    assert first is code
    assert text in details.lower()
    assert codes == sorted([code.name, "UNAVAILABLE", "UNAVAILABLE"])


async def _first_ended(calls: list[Any]) -> Any:
    """Whichever call ends first."""
    ending = {asyncio.ensure_future(call.code()): call for call in calls}
    done, _ = await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
    return ending[done.pop()]
