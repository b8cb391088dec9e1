"""One loaded version that answers: a pool of infer requests, and the count of those who still need it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from edge_common.openvino_runtime import ov

from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import Fault, RequestError
from ovms_lite.models.loading import LoadedModel
from ovms_lite.wire.images import takes_images
from ovms_lite.wire.tensors import Array, TensorInfo

_Answer = TypeVar("_Answer")
_ERROR_CHECK_SECONDS = 0.05
"""How often running requests are asked whether they failed: OpenVINO calls no callback then."""


class _Slot:
    """One infer request and the future of whoever is using it."""

    __slots__ = ("done", "request")

    def __init__(self, request: ov.InferRequest) -> None:
        self.request = request
        self.done: asyncio.Future[None] | None = None

    def tell(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let a run that ends in OpenVINO's threads resolve `done` on the loop."""
        self.request.set_callback(lambda _userdata: loop.call_soon_threadsafe(self._finish), None)

    def forget_loop(self) -> None:
        """Take the callback back: with it, request and slot would keep each other and the model for ever."""
        self.request.set_callback(_nothing, None)

    def _finish(self) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_result(None)


class Servable:
    """A version that can answer. All methods belong to the event loop's thread."""

    def __init__(self, config: ModelConfig, version: int, loaded: LoadedModel) -> None:
        loop = asyncio.get_running_loop()
        self.config = config
        self.version = version
        self.version_text = str(version)
        self.loaded_at = int(time.time())
        self.inputs = loaded.inputs
        self.outputs = loaded.outputs
        self.model_info = loaded.model_info
        self.request_count = loaded.request_count
        self.stream_count = _stream_count(loaded.compiled)
        self._runs_inline = loaded.is_brief
        self.answers_at_once = loaded.is_brief and not any(takes_images(info) for info in loaded.inputs)
        """Whether `infer_at_once` may be used: nothing has to be waited for, nor decoded."""
        self._free = deque(_Slot(loaded.compiled.create_infer_request()) for _ in range(loaded.request_count))
        self._input_views: list[Array] = []
        if self._runs_inline:
            tensors = self._free[0].request.input_tensors
            self._input_views = [_array_of(t, info) for t, info in zip(tensors, self.inputs, strict=True)]
        else:
            for slot in self._free:
                slot.tell(loop)
        self._waiting: deque[asyncio.Future[_Slot]] = deque()
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()
        self._busy: set[_Slot] = set()
        self._check: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.config.name

    @property
    def busy_count(self) -> int:
        """Infer requests that are running."""
        return len(self._busy)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the version loaded while a request is parsed, run and answered."""
        self._users += 1
        self._unused.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def wait_until_unused(self) -> None:
        """Return once no request uses this version; new ones must no longer be led here."""
        await self._unused.wait()
        if not self._runs_inline:
            for slot in self._free:
                slot.forget_loop()
        self._input_views.clear()
        self._free.clear()

    async def infer(
        self, arrays: Sequence[Array], answer: Callable[[Sequence[Array]], _Answer], times: "InferTimes"
    ) -> _Answer:
        """Run once: `arrays` in the order of `inputs`; `answer` gets the outputs in the order of `outputs`.

        `answer` must not keep the arrays: they are the infer request's own memory, and the next run
        overwrites them. Raises RequestError when OpenVINO fails.
        """
        if self._runs_inline:
            return self.infer_at_once(arrays, answer, times)
        times.queued = time.perf_counter()
        slot = self._free.popleft() if self._free else await self._wait_for_slot()
        times.started = time.perf_counter()
        try:
            self._set_inputs(slot, arrays)
            await self._run(slot)
            times.finished = time.perf_counter()
            return answer(self._outputs_of(slot))
        except RuntimeError as error:
            raise RequestError(Fault.INFERENCE_FAILED) from error
        finally:
            self._release(slot)

    def infer_at_once(
        self, arrays: Sequence[Array], answer: Callable[[Sequence[Array]], _Answer], times: "InferTimes"
    ) -> _Answer:
        """As `infer`, without giving up the thread: a run is over sooner than a task would have begun."""
        times.queued = times.started = time.perf_counter()
        slot = self._free[0]  # nobody else can hold it: the event loop's thread stays here until the end
        try:
            self._copy_inputs(arrays)
            slot.request.infer(share_outputs=True)
            times.finished = time.perf_counter()
            return answer(self._outputs_of(slot))
        except RuntimeError as error:
            raise RequestError(Fault.INFERENCE_FAILED) from error

    def _copy_inputs(self, arrays: Sequence[Array]) -> None:
        """Into the memory that the request has anyway: for so little, cheaper than lending it the arrays."""
        for view, array in zip(self._input_views, arrays, strict=True):
            np.copyto(view, array)

    def _set_inputs(self, slot: _Slot, arrays: Sequence[Array]) -> None:
        for index, array in enumerate(arrays):
            slot.request.set_input_tensor(index, _as_tensor(array, self.inputs[index]))

    def _outputs_of(self, slot: _Slot) -> list[Array]:
        return [
            _array_of(slot.request.get_output_tensor(index), info) for index, info in enumerate(self.outputs)
        ]

    async def _run(self, slot: _Slot) -> None:
        slot.done = asyncio.get_running_loop().create_future()
        self._busy.add(slot)
        if self._check is None:
            self._check = asyncio.get_running_loop().call_later(_ERROR_CHECK_SECONDS, self._find_failed)
        try:
            slot.request.start_async({}, None)
            await slot.done
        finally:
            self._busy.discard(slot)

    def _find_failed(self) -> None:
        self._check = None
        for slot in self._busy:
            if slot.done is None or slot.done.done():
                continue
            try:
                slot.request.wait_for(0)
            except RuntimeError as error:
                slot.done.set_exception(error)
        if self._busy:
            self._check = asyncio.get_running_loop().call_later(_ERROR_CHECK_SECONDS, self._find_failed)

    async def _wait_for_slot(self) -> _Slot:
        waiter: asyncio.Future[_Slot] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return await waiter

    def _release(self, slot: _Slot) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(slot)
                return
        self._free.append(slot)


class InferTimes:
    """When one inference was queued, started and finished, in seconds of `time.perf_counter`."""

    __slots__ = ("finished", "queued", "started")

    def __init__(self) -> None:
        self.queued = self.started = self.finished = 0.0


def _nothing(_userdata: object) -> None:
    """A callback that holds nothing."""


def _stream_count(compiled: ov.CompiledModel) -> int:
    try:
        return int(compiled.get_property("NUM_STREAMS"))
    except RuntimeError:  # a device without streams
        return 1


def _as_tensor(array: Array, info: TensorInfo) -> ov.Tensor:
    """A tensor over the array's own memory, without a copy; strings are copied, they have no flat memory."""
    if info.element.is_string:
        tensor = ov.Tensor(ov.Type.string, ov.Shape(array.shape))
        tensor.bytes_data = array.tolist()  # the binding takes no object array
        return tensor
    if info.element.openvino == "bf16":
        return ov.Tensor(array, ov.Shape(array.shape), ov.Type.bf16)
    return ov.Tensor(array, shared_memory=True)


def _array_of(tensor: ov.Tensor, info: TensorInfo) -> Array:
    if info.element.is_string:
        strings: Array = tensor.bytes_data
        return strings
    data: Array = tensor.data
    return data.view(info.element.numpy) if info.element.openvino == "bf16" else data
