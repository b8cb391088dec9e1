"""Running a request through a version: find it, parse, infer, answer, count."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from ovms_lite.catalogue import Catalogue, ModelRecord, is_loading, servable_now
from ovms_lite.errors import Fault
from ovms_lite.http_message import Request, Response
from ovms_lite.kserve_request import parse_infer_request
from ovms_lite.kserve_response import infer_response
from ovms_lite.metrics import Metrics
from ovms_lite.model_inputs import EncodedImages, model_inputs
from ovms_lite.servable import InferTimes, Servable
from ovms_lite.tensors import Array
from ovms_lite.tfs_request import parse_predict_request
from ovms_lite.tfs_response import predict_response

JSON_LENGTH_HEADER = b"inference-header-content-length"

_Prepared = tuple[Sequence[Array | EncodedImages], Callable[[Sequence[Array]], Response]]
"""Inputs in the model's order, and what makes the answer of its outputs."""


class Inference:
    """Answers inference requests. `metrics` None: nothing is counted; pictures are decoded in `decoders`."""

    def __init__(self, catalogue: Catalogue, metrics: Metrics | None, decoders: Executor) -> None:
        self._catalogue = catalogue
        self._metrics = metrics
        self._decoders = decoders

    async def infer(self, name: str, version: int | None, request: Request) -> Response:
        """`POST /v2/models/<m>[/versions/<v>]/infer`; raises RequestError."""
        servable = await self._servable(self._catalogue.model(name, Fault.SERVABLE_MISSING), version)
        return await self._run(servable, request, "ModelInfer", _prepare_infer)

    async def predict(self, name: str, version: int | None, request: Request) -> Response:
        """`POST /v1/models/<m>[/versions/<v>]:predict`; raises RequestError."""
        servable = await self._servable(self._catalogue.model(name), version)
        return await self._run(servable, request, "Predict", _prepare_predict)

    async def _servable(self, model: ModelRecord, version: int | None) -> Servable:
        """Who answers; a version that is being loaded for the first time is waited for.

        OVMS waits 10 s for a version that failed, too, and blocks a thread meanwhile.
        """
        version = version or None  # 0 means the default here, as on OVMS
        record = is_loading(model, version)
        if record is not None:
            await record.wait_until_settled()
        return servable_now(model, version)

    async def _run(
        self,
        servable: Servable,
        request: Request,
        method: str,
        prepare: Callable[[Servable, Request], _Prepared],
    ) -> Response:
        if self._metrics is None:
            with servable.in_use():
                return await self._answer(servable, request, prepare, InferTimes())
        counts = self._metrics.of(servable.name, servable.version_text)
        began = time.perf_counter()
        times = InferTimes()
        counts.current += 1
        success = False
        try:
            with servable.in_use():
                response = await self._answer(servable, request, prepare, times)
            success = True
            return response
        finally:
            counts.current -= 1
            self._metrics.count(servable.name, servable.version_text, method, success=success)
            if success:
                counts.request_time.observe((time.perf_counter() - began) * 1e6)
                counts.wait_time.observe((times.started - times.queued) * 1e6)
                counts.inference_time.observe((times.finished - times.started) * 1e6)

    async def _answer(
        self,
        servable: Servable,
        request: Request,
        prepare: Callable[[Servable, Request], _Prepared],
        times: InferTimes,
    ) -> Response:
        inputs, answer = prepare(servable, request)
        arrays = [
            await self._decode(value) if isinstance(value, EncodedImages) else value for value in inputs
        ]
        return await servable.infer(arrays, answer, times)

    async def _decode(self, images: EncodedImages) -> Array:
        return await asyncio.get_running_loop().run_in_executor(self._decoders, images.decode)


def _prepare_infer(servable: Servable, request: Request) -> _Prepared:
    length = request.headers.get(JSON_LENGTH_HEADER)
    parsed = parse_infer_request(request.body, None if length is None else length.decode("latin-1"))

    def answer(outputs: Sequence[Array]) -> Response:
        return infer_response(servable.name, servable.version_text, parsed, servable.outputs, outputs)

    return model_inputs(servable.inputs, parsed.inputs), answer


def _prepare_predict(servable: Servable, request: Request) -> _Prepared:
    parsed = parse_predict_request(request.body, servable.inputs)

    def answer(outputs: Sequence[Array]) -> Response:
        return predict_response(servable.outputs, outputs, row_form=parsed.row_form)

    return parsed.inputs, answer
