"""The infer requests of one loaded model: run in OpenVINO's own threads, awaited on the event loop.

What OpenVINO works with is kept until its run has ended, also when the caller has gone: the tensors lie on
the caller's memory, and to drop a request that runs would wait for a callback that cannot come.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from edge_common.openvino_runtime import ov

from ovms_lite.errors import Fault, RequestError
from ovms_lite.repository.load import LoadedModel
from ovms_lite.wire.tensors import Array, TensorInfo

_Answer = TypeVar("_Answer")
_End = asyncio.Future[None]
"""Resolved when a run has ended, on the event loop."""
MAX_WAITING = 1000
"""Requests that wait for one model; the next is refused."""
_CHECK_SECONDS = 0.05
"""How often runs are asked whether they have ended: OpenVINO calls no callback for one that failed. Asked
five times as often, a classifier took up to a tenth more of a busy processor."""


def as_tensor(array: Array, info: TensorInfo) -> ov.Tensor:
    """A tensor over the array's own memory; strings and what is not aligned are copied."""
    if info.element.is_string:
        tensor = ov.Tensor(ov.Type.string, ov.Shape(array.shape))
        tensor.bytes_data = array.tolist()  # the binding takes no object array
        return tensor
    aligned = array if array.flags.aligned else array.copy()
    if info.element.openvino == "bf16":
        return ov.Tensor(aligned, ov.Shape(array.shape), ov.Type.bf16)
    return ov.Tensor(aligned, shared_memory=True)


def array_of(tensor: ov.Tensor, info: TensorInfo) -> Array:
    """The tensor's memory as an array of the type it travels as; strings are copied."""
    if info.element.is_string:
        strings: Array = tensor.bytes_data
        return strings
    data: Array = tensor.data
    return data.view(info.element.numpy) if info.element.openvino == "bf16" else data


@dataclass(slots=True)
class InferTimes:
    """When one inference was queued, started and finished, in seconds of `time.perf_counter`."""

    queued: float = 0.0
    started: float = 0.0
    finished: float = 0.0


class _Run(NamedTuple):
    """What OpenVINO works with."""

    request: ov.InferRequest
    tensors: Sequence[ov.Tensor]
    """They hold the arrays whose memory they lie on; the infer request itself holds neither."""


class InferPool:
    """All methods belong to the thread of the event loop it was made on."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loop = asyncio.get_running_loop()
        self._inputs = loaded.inputs
        self._outputs = loaded.outputs
        self._free = deque(loaded.compiled.create_infer_request() for _ in range(loaded.request_count))
        for request in self._free:
            request.set_callback(partial(_tell, self._loop), None)
        self._waiting: deque[asyncio.Future[ov.InferRequest]] = deque()
        self._running: dict[_End, _Run] = {}
        self._check: asyncio.TimerHandle | None = None

    @property
    def busy_count(self) -> int:
        """Infer requests that are running."""
        return len(self._running)

    async def wait_until_idle(self) -> None:
        """Return once OpenVINO works with nothing of this pool any more."""
        while self._running:
            await asyncio.wait(self._running)

    async def infer(
        self, arrays: Sequence[Array], answer: Callable[[Sequence[Array]], _Answer], times: InferTimes
    ) -> _Answer:
        """As `Servable.infer`."""
        times.queued = time.perf_counter()
        request = self._free.popleft() if self._free else await self._next_free()
        times.started = time.perf_counter()
        end = self._loop.create_future()
        try:
            self._start(request, arrays, end)
            await asyncio.shield(end)  # a caller who goes does not end the run
            times.finished = time.perf_counter()
            outputs = [
                array_of(request.get_output_tensor(index), info) for index, info in enumerate(self._outputs)
            ]
            return answer(outputs)
        except RuntimeError as error:
            raise RequestError(Fault.INFERENCE_FAILED) from error
        finally:
            if end in self._running and not end.done():
                end.add_done_callback(lambda _: self._release(request))
            else:
                self._release(request)

    def _start(self, request: ov.InferRequest, arrays: Sequence[Array], end: _End) -> None:
        tensors = [as_tensor(array, info) for array, info in zip(arrays, self._inputs, strict=True)]
        for index, tensor in enumerate(tensors):
            request.set_input_tensor(index, tensor)
        request.start_async({}, end)
        self._running[end] = _Run(request, tensors)
        end.add_done_callback(self._forget)
        if self._check is None:
            self._check = self._loop.call_later(_CHECK_SECONDS, self._find_ended)

    def _forget(self, end: _End) -> None:
        del self._running[end]
        end.exception()  # seen, although a caller who has gone asks for it no more

    def _find_ended(self) -> None:
        """End the runs whose callback did not come.

        Those failed, or OpenVINO had not put the callback back in place after the request's run before.
        """
        self._check = None
        for end, run in self._running.items():
            try:
                if run.request.wait_for(0):
                    _resolve(end)
            except RuntimeError as error:
                if not end.done():
                    end.set_exception(error)
        if self._running:
            self._check = self._loop.call_later(_CHECK_SECONDS, self._find_ended)

    async def _next_free(self) -> ov.InferRequest:
        if len(self._waiting) >= MAX_WAITING:
            raise RequestError(Fault.OVERLOADED, f"{MAX_WAITING} requests are waiting for this model")
        waiter: asyncio.Future[ov.InferRequest] = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # given just before the caller went
                self._release(waiter.result())
            else:
                self._waiting.remove(waiter)
            raise

    def _release(self, request: ov.InferRequest) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(request)
                return
        self._free.append(request)


def _tell(loop: asyncio.AbstractEventLoop, end: _End) -> None:
    """Called by OpenVINO in a thread of its own when a run has ended; nothing may be raised here."""
    with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
        loop.call_soon_threadsafe(_resolve, end)


def _resolve(end: _End) -> None:
    if not end.done():
        end.set_result(None)
