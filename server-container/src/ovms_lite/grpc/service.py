"""What each method of the gRPC service answers, from the catalogue. Runs on the event loop of the models."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ovms_lite.errors import Fault, RequestError
from ovms_lite.grpc.messages import message_class
from ovms_lite.repository.find import MAX_VERSION
from ovms_lite.serving.catalogue import Catalogue, servable_now
from ovms_lite.serving.infer import Call, Inference, Prepared
from ovms_lite.serving.metrics import Metrics
from ovms_lite.serving.servable import Servable
from ovms_lite.wire.kserve_request import InputTensor
from ovms_lite.wire.kserve_response import SERVER_NAME, model_metadata
from ovms_lite.wire.model_inputs import model_inputs
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Array, join_elements

_VERSION = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Which field of `contents` holds the values of a datatype; FP16 and BF16 have none and need raw contents."""


class GrpcService:
    """Answers messages with messages. `is_ready` tells whether the first look at the models is done."""

    def __init__(
        self,
        catalogue: Catalogue,
        inference: Inference,
        metrics: Metrics | None,
        *,
        version: str,
        is_ready: Callable[[], bool],
    ) -> None:
        self._catalogue = catalogue
        self._inference = inference
        self._metrics = metrics
        self._version = version
        self._is_ready = is_ready

    async def answer(self, method: str, request: Any) -> Any:
        """The response of `method` to the request message; raises RequestError."""
        match method:
            case "ModelInfer":
                version = _version_of(request.model_version)
                call = Call(request.model_name, version, "ModelInfer", "gRPC", Fault.SERVABLE_MISSING)
                return await self._inference.run(call, partial(_prepare, request))
            case "ModelReady":
                return self._model_ready(request)
            case "ModelMetadata":
                return self._model_metadata(request)
            case "ServerReady":
                return message_class("ServerReadyResponse")(ready=self._is_ready())
            case "ServerMetadata":
                return message_class("ServerMetadataResponse")(name=SERVER_NAME, version=self._version)
        return message_class("ServerLiveResponse")(live=True)

    def _model_ready(self, request: Any) -> Any:
        """Not ready is a success here, and 404 by REST: read in OVMS's source."""
        model = self._catalogue.model(request.name)
        try:
            servable = servable_now(model, _version_of(request.version), Fault.VERSION_NOT_LOADED)
        except RequestError as error:
            if error.fault is Fault.VERSION_NOT_LOADED:
                return message_class("ModelReadyResponse")(ready=False)
            raise
        self._count(servable, "ModelReady")
        return message_class("ModelReadyResponse")(ready=True)

    def _model_metadata(self, request: Any) -> Any:
        """As by REST, without rt_info: the protocol has no field for it."""
        model = self._catalogue.model(request.name)
        servable = servable_now(model, _version_of(request.version))
        self._count(servable, "ModelMetadata")
        versions = [other.version_text for other in model.available()]
        return message_class("ModelMetadataResponse")(
            **model_metadata(model.name, versions, servable.shown_inputs, servable.shown_outputs, {})
        )

    def _count(self, servable: Servable, method: str) -> None:
        if self._metrics is not None:
            self._metrics.count(servable.name, servable.version_text, method, "gRPC", success=True)


def _version_of(text: str) -> int | None:
    """A version number; None when none is named. Raises RequestError for what is no number."""
    if not text:
        return None
    if not _VERSION.fullmatch(text) or int(text) > MAX_VERSION:
        raise RequestError(Fault.VERSION_MALFORMED)
    return int(text)


def _prepare(request: Any, servable: Servable) -> Prepared[Any]:
    def answer(outputs: Sequence[Array]) -> Any:
        return _response(request, servable, outputs)

    return model_inputs(servable.inputs, input_tensors(request)), answer


def input_tensors(request: Any) -> list[InputTensor]:
    """The tensors of a ModelInferRequest; raises RequestError when both kinds of contents are used."""
    raws = request.raw_input_contents
    if not raws:
        return [_from_contents(tensor) for tensor in request.inputs]
    for tensor in request.inputs:
        if tensor.HasField("contents"):
            raise RequestError(
                Fault.BINARY_MIXED,
                "Passing buffers both in InferInputTensor contents and in raw_input_contents is not allowed. "
                f"Detected buffer in InferInputTensor contents for input: {tensor.name}",
            )
    if len(raws) != len(request.inputs):
        raise RequestError(Fault.RAW_CONTENTS_COUNT, f"Expected: {len(request.inputs)}; Actual: {len(raws)}")
    return [_from_raw(tensor, raw) for tensor, raw in zip(request.inputs, raws, strict=True)]


def _from_raw(tensor: Any, raw: bytes) -> InputTensor:
    content = memoryview(raw if tensor.datatype == "BYTES" else bytearray(raw))  # OpenVINO wants it writable
    return InputTensor(tensor.name, tuple(tensor.shape), tensor.datatype, None, content)


def _from_contents(tensor: Any) -> InputTensor:
    field = _CONTENTS.get(tensor.datatype)
    values = getattr(tensor.contents, field) if field is not None else ()
    element = BY_KSERVE_NAME.get(tensor.datatype, BY_KSERVE_NAME["FP32"])  # a wrong name is refused later
    try:
        array = np.array(list(values), dtype=element.numpy)  # as numbers: an array of them would wrap
    except OverflowError as error:  # 300 in an INT8 tensor; OVMS lets it become 44
        raise RequestError(Fault.INPUT_NOT_NDARRAY) from error
    return InputTensor(tensor.name, tuple(tensor.shape), tensor.datatype, array, None)


def _response(request: Any, servable: Servable, outputs: Sequence[Array]) -> Any:
    """All outputs by name as raw contents, as OVMS answers whatever the request's form."""
    response = message_class("ModelInferResponse")(
        model_name=servable.name, model_version=servable.version_text, id=request.id
    )
    pairs = zip(servable.outputs, outputs, strict=True)
    for info, array in sorted(pairs, key=lambda pair: pair[0].name):
        response.outputs.add(name=info.name, datatype=info.element.kserve, shape=array.shape)
        raw = join_elements(array.reshape(-1)) if info.element.is_string else array.tobytes()
        response.raw_output_contents.append(raw)
    return response
