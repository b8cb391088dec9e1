"""One loaded version that answers: what runs it, whether it still does, and who still needs it.

Measured on OpenVINO 2026.3: a run that fails in a model with free dimensions, by a shape that the network
cannot take, can leave the compiled model unable to run shapes that it ran before, in every infer request.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import numpy as np
from edge_common.logs import get_logger
from edge_common.openvino_runtime import ov

from ovms_lite.config.entries import ModelConfig
from ovms_lite.errors import Fault, LoadError, RequestError
from ovms_lite.repository.load import LoadedModel, reason_of
from ovms_lite.serving.pool import InferPool, InferTimes, as_tensor
from ovms_lite.wire.tensors import Array, TensorInfo

Shapes = tuple[tuple[int, ...], ...]
_Answer = TypeVar("_Answer")
_LOG_SECONDS = 1.0
"""Of the failures of one version at most one in this time is logged; `count` tells of all."""
_log = get_logger()


def still_answers(loaded: LoadedModel, shapes: Shapes) -> bool:
    """Whether every stream of the model runs inputs of these shapes. Blocking; run it in a thread.

    A stream has a graph of its own, and one damaged among several is found only when all run at a time.
    """
    try:
        requests = [loaded.compiled.create_infer_request() for _ in range(stream_count(loaded.compiled))]
    except RuntimeError:
        return False
    started = [_starts(request, loaded.inputs, shapes) for request in requests]
    ended = [_ends(request) for request in requests]  # all of them, so that none is dropped while it runs
    return all(started) and all(ended)


def _starts(request: ov.InferRequest, infos: Sequence[TensorInfo], shapes: Shapes) -> bool:
    try:
        for index, (info, shape) in enumerate(zip(infos, shapes, strict=True)):
            empty = b"" if info.element.is_string else 0
            request.set_input_tensor(index, as_tensor(np.full(shape, empty, info.element.numpy), info))
        request.start_async()
    except RuntimeError:
        return False
    return True


def _ends(request: ov.InferRequest) -> bool:
    try:
        request.wait()
    except RuntimeError:
        return False
    return True


def stream_count(compiled: ov.CompiledModel) -> int:
    """How many inferences the device runs side by side; `ovms_streams` of the metrics."""
    try:
        return int(compiled.get_property("NUM_STREAMS"))
    except RuntimeError:  # a device without streams
        return 1


class Servable:
    """A version that can answer. All methods belong to the event loop's thread."""

    def __init__(self, config: ModelConfig, version: int, loaded: LoadedModel) -> None:
        self.config = config
        self.version = version
        self.version_text = str(version)
        self.loaded_at = int(time.time())
        self.inputs = loaded.inputs
        self.outputs = loaded.outputs
        self.shown_inputs, self.shown_outputs = loaded.shown or (loaded.inputs, loaded.outputs)
        """As metadata tells them; under `auto` with the shapes of the last request that needed others."""
        self.model_info = loaded.model_info
        self.request_count = loaded.request_count
        self.stream_count = stream_count(loaded.compiled)
        self.is_ready = True
        self.replaced_count = 0
        self.refused_count = 0
        self._loaded = loaded
        self._pool: InferPool | None = InferPool(loaded)
        self._good_shapes = loaded.likely_shapes
        self._checking: asyncio.Task[None] | None = None
        self._failed_count = 0
        self._logged_at = -_LOG_SECONDS
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @property
    def name(self) -> str:
        """The model's name."""
        return self.config.name

    @property
    def busy_count(self) -> int:
        """Infer requests that are running."""
        return 0 if self._pool is None else self._pool.busy_count

    @property
    def is_checking(self) -> bool:
        """Whether the compiled model is being checked or replaced, in a thread that cannot be stopped."""
        return self._checking is not None

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
        """Return once no request uses this version, and let the model go; new ones must not be led here."""
        await self._unused.wait()
        if self._pool is not None:
            await self._pool.wait_until_idle()
        self._pool = None

    async def infer(
        self, arrays: Sequence[Array], answer: Callable[[Sequence[Array]], _Answer], times: InferTimes
    ) -> _Answer:
        """Run once: `arrays` in the order of `inputs`; `answer` gets the outputs in the order of `outputs`.

        `answer` must not keep the arrays: they are the infer request's own memory, and the next run
        overwrites them. Raises RequestError when OpenVINO fails. The compiled model is checked after that,
        and replaced when it no longer answers; inferences wait meanwhile, and those that failed although
        their shapes are known to work run once more.
        """
        shapes = tuple(array.shape for array in arrays)
        if self._loaded.shown is not None:
            answer = partial(self._answer_and_show, answer, shapes)
        may_run_again = shapes == self._good_shapes
        while True:
            if self._checking is not None:
                await asyncio.wait([self._checking])
            pool = self._pool
            if pool is None:
                raise RuntimeError(f"{self.name} version {self.version} was used after it was let go")
            try:
                result = await pool.infer(arrays, answer, times)
            except RequestError as error:
                if error.fault is not Fault.INFERENCE_FAILED:
                    raise
                self._report(error, shapes)
                if pool is self._pool and self._checking is None:
                    self._checking = asyncio.create_task(self._check(pool))
                if not may_run_again:
                    raise
                may_run_again = False
            else:
                self._good_shapes = shapes
                return result

    def _answer_and_show(
        self, answer: Callable[[Sequence[Array]], _Answer], shapes: Shapes, outputs: Sequence[Array]
    ) -> _Answer:
        fits = (
            dimension.admits(size)
            for info, shape in zip(self.shown_inputs, shapes, strict=True)
            for dimension, size in zip(info.shape, shape, strict=True)
        )
        if not all(fits):
            self.shown_inputs = _with_sizes(self.shown_inputs, shapes)
            self.shown_outputs = _with_sizes(self.shown_outputs, [output.shape for output in outputs])
        return answer(outputs)

    def _report(self, error: RequestError, shapes: Sequence[Sequence[int]]) -> None:
        self._failed_count += 1
        now = time.monotonic()
        if now - self._logged_at >= _LOG_SECONDS:
            self._logged_at = now
            _log.warning(
                "inference_failed",
                model=self.name,
                version=self.version,
                reason=reason_of(error.__cause__ or error),
                shapes=[list(shape) for shape in shapes],
                count=self._failed_count,
            )

    async def _check(self, damaged: InferPool) -> None:
        """Run shapes that worked; when they do not, compile anew beside `damaged` and take its place."""
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix="check")
        try:
            if await loop.run_in_executor(thread, still_answers, self._loaded, self._good_shapes):
                self.is_ready = True
                return
            self.is_ready = False
            loaded = await loop.run_in_executor(thread, self._loaded.load_again)
        except LoadError as error:
            _log.error("model_not_replaced", model=self.name, version=self.version, reason=str(error))
        else:
            if self._pool is damaged:  # else the version was let go meanwhile
                self._loaded, self._pool = loaded, InferPool(loaded)
                self.replaced_count += 1
                self.is_ready = True
                _log.warning("model_replaced", model=self.name, version=self.version)
        finally:
            thread.shutdown(wait=False)
            self._checking = None


def _with_sizes(infos: Sequence[TensorInfo], shapes: Sequence[Sequence[int]]) -> tuple[TensorInfo, ...]:
    return tuple(info.with_sizes(shape) for info, shape in zip(infos, shapes, strict=True))
