"""The gRPC port: a grpcio server on an event loop and thread of its own, in front of the models' loop.

Why a thread of its own: docs/decisions/0005-grpc-of-ovms-lite.md.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
from edge_common.logs import get_logger
from google.protobuf.message import DecodeError

from ovms_lite.errors import Fault, RequestError, StartError
from ovms_lite.grpc.messages import METHODS, SERVICE, message_class
from ovms_lite.grpc.service import GrpcService
from ovms_lite.memory import HeldBytes
from ovms_lite.options import GrpcOptions

MAX_MESSAGE_BYTES = 1024**3
"""OVMS's limit, in both directions."""
MAX_CALLS = 1000
"""Calls under way; the next one is refused with RESOURCE_EXHAUSTED."""
_LIMITS: dict[str, int | str] = {
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_concurrent_streams": 100,
    "grpc.max_connection_idle_ms": 600_000,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.server_handshake_timeout_ms": 10_000,
    "grpc.so_reuseport": 0,  # otherwise two servers could share the port without noticing
}
"""Channel arguments; those of `--grpc_channel_arguments` take precedence."""
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}

_log = get_logger()


def status_code(error: RequestError) -> grpc.StatusCode:
    """The gRPC code of a fault; those of OVMS 2026.3's source, where it does not blame itself for clients."""
    if error.fault is Fault.VERSION_NOT_LOADED:
        return grpc.StatusCode.UNAVAILABLE
    return _CODES.get(error.status, grpc.StatusCode.INVALID_ARGUMENT)


class GrpcServer:
    """Listens from `start` to `stop`, both called on the models' event loop."""

    def __init__(
        self,
        service: GrpcService,
        options: GrpcOptions,
        max_calls: int = MAX_CALLS,
        held: HeldBytes | None = None,
    ) -> None:
        self._service = service
        self._held = held or HeldBytes(2 * MAX_MESSAGE_BYTES)
        self._options = options
        self._max_calls = max_calls
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="grpc")
        self._listening: Future[Callable[[float], object]] = Future()
        self._ended: asyncio.Future[bool] | None = None

    async def start(self) -> None:
        """Listen; raises StartError when an address is taken."""
        models_loop = asyncio.get_running_loop()
        self._ended = models_loop.run_in_executor(self._thread, asyncio.run, self._serve(models_loop))
        await asyncio.wrap_future(self._listening)

    async def stop(self, grace: float) -> bool:
        """Take no further calls, and give those under way `grace` seconds; whether all were answered."""
        if self._ended is None:
            return True
        self._listening.result()(grace)
        return await self._ended

    async def _serve(self, models_loop: asyncio.AbstractEventLoop) -> bool:
        largest = {"grpc.max_receive_message_length": min(MAX_MESSAGE_BYTES, self._held.total // 2)}
        options = _LIMITS | largest | dict(self._options.channel_arguments)
        server = grpc.aio.server(options=list(options.items()), maximum_concurrent_rpcs=self._max_calls)
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            method: grpc.unary_unary_rpc_method_handler(self._handler(method, models_loop))
            for method in METHODS
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        for address in self._options.bind_addresses:
            where = f"[{address}]" if ":" in address else address
            try:
                server.add_insecure_port(f"{where}:{self._options.port}")
            except RuntimeError:
                reason = f"cannot listen on {where}:{self._options.port} for gRPC"
                self._listening.set_exception(
                    StartError(f"{reason}; end what holds it or choose another port")
                )
                return False
        await server.start()
        loop = asyncio.get_running_loop()
        told_to_stop: asyncio.Future[float] = loop.create_future()
        self._listening.set_result(lambda grace: loop.call_soon_threadsafe(told_to_stop.set_result, grace))
        grace = await told_to_stop
        began = loop.time()
        await server.stop(grace)
        return loop.time() - began < grace

    def _handler(
        self, method: str, models_loop: asyncio.AbstractEventLoop
    ) -> Callable[[bytes, Any], Awaitable[bytes]]:
        """Parses and writes messages in the gRPC thread; what the models do happens on their loop."""
        request_class, held = message_class(f"{method}Request"), self._held

        async def handle(content: bytes, context: Any) -> bytes:
            try:
                request = request_class.FromString(content)
            except DecodeError:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"The message is no {method}Request")
            model, size = getattr(request, "model_name", ""), len(content)
            if not held.take(model, size):
                full = RequestError(Fault.OVERLOADED, f"{held.held_bytes} bytes of messages are in memory")
                await context.abort(status_code(full), str(full))
            try:
                answering = asyncio.run_coroutine_threadsafe(self._outcome(method, request), models_loop)
                outcome = await asyncio.wrap_future(answering)  # a client that gives up leaves the queue, too
            finally:
                held.give_back(model, size)
            if isinstance(outcome, RequestError):
                await context.abort(status_code(outcome), str(outcome))
            if outcome is None:
                await context.abort(grpc.StatusCode.INTERNAL, "Internal server error")
            written: bytes = outcome.SerializeToString()
            return written

        return handle

    async def _outcome(self, method: str, request: Any) -> Any:
        """A response message, the RequestError instead, or None after a defect of ours, which is logged."""
        try:
            return await self._service.answer(method, request)
        except RequestError as error:
            return error
        except Exception:  # noqa: BLE001 - a defect of ours: the caller is told, the log has it whole
            _log.exception("call_crashed", method=method)
            return None
