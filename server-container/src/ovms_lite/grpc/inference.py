"""From a ModelInferRequest to arrays for the model, and from its outputs to a ModelInferResponse."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ovms_lite.errors import Fault, RequestError
from ovms_lite.grpc.messages import message_class
from ovms_lite.serving.infer import Call, Inference, Prepared
from ovms_lite.serving.servable import Servable
from ovms_lite.wire.byte_strings import join_elements
from ovms_lite.wire.kserve_request import InputTensor
from ovms_lite.wire.model_inputs import model_inputs
from ovms_lite.wire.tensors import BY_KSERVE_NAME, Array

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


async def infer(inference: Inference, version: int | None, request: Any) -> Any:
    """The ModelInferResponse to a ModelInferRequest; raises RequestError."""
    call = Call(request.model_name, version, "ModelInfer", "gRPC", Fault.SERVABLE_MISSING)
    return await inference.run(call, partial(_prepare, request))


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
