"""The model code that MLServer and KServe run here: a pool of infer requests, as ovms-lite has one.

Runs in the environments of the peers: it may import nothing of this project.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov  # noqa: TID251 - this runs where edge_common is not installed

_BRIEF_SECONDS = 150e-6
"""Below it a run on the event loop costs less than handing it over, as ovms-lite does all the same: the peers
get the fastest form there is."""
_TRIALS = 20

Array = np.ndarray[Any, np.dtype[Any]]


class _Slot:
    """One infer request and the future of whoever uses it."""

    def __init__(self, request: ov.InferRequest) -> None:
        self.request = request
        self.done: asyncio.Future[None] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        request.set_callback(self._ended, None)

    def _ended(self, _userdata: object) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_result(None)


class OpenVinoPool:
    """A compiled model with one input and one output, compiled as ovms-lite compiles it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is a version folder with one .xml or .onnx file."""
        file = next(iter([*folder.glob("*.xml"), *folder.glob("*.onnx")]))
        compiled = ov.Core().compile_model(str(file), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
        port = compiled.inputs[0]
        self.input_name = port.any_name
        self.output_name = compiled.outputs[0].any_name
        self._shape = tuple(d.get_length() if d.is_static else 1 for d in port.partial_shape)
        self._dtype = np.dtype(port.element_type.to_dtype())
        self._inline = compiled.create_infer_request()
        self._is_brief = self._shortest_run() < _BRIEF_SECONDS
        self._slots: asyncio.Queue[_Slot] = asyncio.Queue()
        for _ in range(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")):
            self._slots.put_nowait(_Slot(compiled.create_infer_request()))

    async def infer(self, tensor: Array) -> Array:
        """The output for `tensor`, which has the input's shape and type."""
        if self._is_brief:
            output: Array = self._inline.infer([tensor], share_inputs=True)[0]
            return output
        slot = await self._slots.get()
        try:
            slot.loop = asyncio.get_running_loop()
            slot.done = slot.loop.create_future()
            slot.request.set_input_tensor(0, ov.Tensor(tensor, shared_memory=True))
            slot.request.start_async({}, None)
            await slot.done
            copied: Array = slot.request.get_output_tensor(0).data.copy()
            return copied
        finally:
            self._slots.put_nowait(slot)

    async def infer_picture(self, picture: bytes) -> Array:
        """The output for an encoded picture of the input's size, decoded beside the event loop."""
        return await self.infer(await asyncio.to_thread(self._decode, picture))

    def _decode(self, picture: bytes) -> Array:
        pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError("the picture cannot be decoded")
        ordered = pixels.transpose(2, 0, 1) if self._shape[1] == pixels.shape[2] else pixels
        return np.ascontiguousarray(ordered[np.newaxis], self._dtype)

    def _shortest_run(self) -> float:
        zeros = np.zeros(self._shape, self._dtype)
        times = []
        for _ in range(_TRIALS):
            began = time.perf_counter()
            self._inline.infer([zeros], share_inputs=True)
            times.append(time.perf_counter() - began)
        return min(times)
