"""Threads that decode pictures: one for those that take long, so that the others never wait behind them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ovms_lite.errors import Fault, RequestError
from ovms_lite.wire.model_inputs import EncodedImages
from ovms_lite.wire.tensors import Array

_LONG_WORK = 2**25
"""Pixels drawn, about a third of a second: a photo of 30 megapixels, or one of 3 that is drawn ten times."""
_THREADS = 2
_MAX_WAITING, _MAX_LONG_WAITING = 256, 16


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
