"""Running a request through a version: find it, prepare, decode, infer, answer, count. Knows no protocol."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from ovms_lite.errors import Fault, RequestError
from ovms_lite.serving.catalogue import Catalogue, ModelRecord, is_loading, servable_now
from ovms_lite.serving.metrics import Interface, Metrics
from ovms_lite.serving.pool import InferTimes
from ovms_lite.serving.servable import Servable
from ovms_lite.wire.model_inputs import EncodedImages
from ovms_lite.wire.tensors import Array

_LONG_WORK = 2**25
"""Pixels drawn, about a third of a second: a photo of 30 megapixels, or one of 3 that is drawn ten times."""
_THREADS = 2
_MAX_WAITING, _MAX_LONG_WAITING = 256, 16
_Answer = TypeVar("_Answer")
Prepared = tuple[Sequence[Array | EncodedImages], Callable[[Sequence[Array]], _Answer]]
"""Inputs in the model's order, and what makes the answer of its outputs."""


class Decoders:
    """Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._short = _Queue(_THREADS, _MAX_WAITING)
        self._long = _Queue(1, _MAX_LONG_WAITING)

    @property
    def is_busy(self) -> bool:
        """Whether pictures are being decoded, which cannot be stopped."""
        return self._short.is_busy or self._long.is_busy

    async def decode(self, images: EncodedImages) -> Array:
        """One tensor; raises RequestError for what cannot be decoded, and when too many wait."""
        queue = self._long if images.work() > _LONG_WORK else self._short
        return await queue.decode(images)


class _Queue:
    def __init__(self, threads: int, limit: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decoder")
        self._count = 0
        self._limit = threads + limit

    @property
    def is_busy(self) -> bool:
        return self._count > 0

    async def decode(self, images: EncodedImages) -> Array:
        if self._count >= self._limit:
            raise RequestError(Fault.OVERLOADED, f"{self._count} requests have pictures to decode")
        self._count += 1
        decoding = asyncio.get_running_loop().run_in_executor(self._threads, images.decode)
        decoding.add_done_callback(self._forget)
        return await decoding

    def _forget(self, decoding: "asyncio.Future[Array]") -> None:
        self._count -= 1
        if not decoding.cancelled():
            decoding.exception()  # seen, although a caller who has gone asks for it no more


class Call(NamedTuple):
    """What is asked of whom. `version` None or 0: the default one; `missing`: what an unknown model is."""

    model: str
    version: int | None
    method: str
    interface: Interface
    missing: Fault


class Inference:
    """Answers inference requests; `metrics` None: nothing is counted."""

    def __init__(self, catalogue: Catalogue, metrics: Metrics | None, decoders: Decoders) -> None:
        self._catalogue = catalogue
        self._metrics = metrics
        self._decoders = decoders

    async def run(self, call: Call, prepare: Callable[[Servable], Prepared[_Answer]]) -> _Answer:
        """Infer once; `prepare` understands the request for the version that answers. Raises RequestError."""
        servable = await self._servable(self._catalogue.model(call.model, call.missing), call.version)
        counts = None if self._metrics is None else self._metrics.of(servable.name, servable.version_text)
        began, times = time.perf_counter(), InferTimes()
        if counts is not None:
            counts.current += 1
        success = False
        try:
            with servable.in_use():
                response = await self._answer(servable, prepare, times)
        except RequestError as error:
            servable.refused_count += error.fault is Fault.OVERLOADED
            raise
        else:
            success = True
            return response
        finally:
            if counts is not None:
                counts.current -= 1
            self._count(call, servable, began, times if success else None)

    async def _servable(self, model: ModelRecord, version: int | None) -> Servable:
        """Who answers; a version that is being loaded for the first time is waited for.

        OVMS waits 10 s for a version that failed, too, and blocks a thread meanwhile.
        """
        version = version or None
        record = is_loading(model, version)
        if record is not None:
            await record.wait_until_settled()
        return servable_now(model, version)

    def _count(self, call: Call, servable: Servable, began: float, times: InferTimes | None) -> None:
        """Count one request; `times` None: it failed."""
        if self._metrics is None:
            return
        name, version, success = servable.name, servable.version_text, times is not None
        self._metrics.count(name, version, call.method, call.interface, success=success)
        if times is not None:
            counts = self._metrics.of(name, version)
            counts.request_time[call.interface].observe((time.perf_counter() - began) * 1e6)
            counts.wait_time.observe((times.started - times.queued) * 1e6)
            counts.inference_time.observe((times.finished - times.started) * 1e6)

    async def _answer(
        self, servable: Servable, prepare: Callable[[Servable], Prepared[_Answer]], times: InferTimes
    ) -> _Answer:
        inputs, answer = prepare(servable)
        arrays = [
            await self._decoders.decode(value) if isinstance(value, EncodedImages) else value
            for value in inputs
        ]
        return await servable.infer(arrays, answer, times)
