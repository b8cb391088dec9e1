"""One loaded version that answers: what runs it, and the count of those who still need it."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from edge_common.openvino_runtime import ov

from ovms_lite.config.entries import ModelConfig
from ovms_lite.repository.load import LoadedModel
from ovms_lite.serving.pool import InferPool, InferTimes
from ovms_lite.wire.tensors import Array

_Answer = TypeVar("_Answer")


class Servable:
    """A version that can answer. All methods belong to the event loop's thread."""

    def __init__(self, config: ModelConfig, version: int, loaded: LoadedModel) -> None:
        self.config = config
        self.version = version
        self.version_text = str(version)
        self.loaded_at = int(time.time())
        self.inputs = loaded.inputs
        self.outputs = loaded.outputs
        self.model_info = loaded.model_info
        self.request_count = loaded.request_count
        self.stream_count = _stream_count(loaded.compiled)
        self._pool: InferPool | None = InferPool(loaded)
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
        overwrites them. Raises RequestError when OpenVINO fails.
        """
        if self._pool is None:
            raise RuntimeError(f"{self.name} version {self.version} was used after it was let go")
        return await self._pool.infer(arrays, answer, times)


def _stream_count(compiled: ov.CompiledModel) -> int:
    try:
        return int(compiled.get_property("NUM_STREAMS"))
    except RuntimeError:  # a device without streams
        return 1
