"""The two ways to infer by REST: KServe's `infer` and TensorFlow Serving's `:predict`."""

from collections.abc import Sequence
from functools import partial

from ovms_lite.errors import Fault
from ovms_lite.rest.routes import Operation, Route
from ovms_lite.serving.infer import Call, Inference, Prepared
from ovms_lite.serving.servable import Servable
from ovms_lite.wire.http_message import Request, Response
from ovms_lite.wire.kserve_request import parse_infer_request
from ovms_lite.wire.kserve_response import infer_response
from ovms_lite.wire.model_inputs import model_inputs
from ovms_lite.wire.tensors import Array
from ovms_lite.wire.tfs_request import parse_predict_request
from ovms_lite.wire.tfs_response import predict_response

MISSING = {Operation.INFER: Fault.SERVABLE_MISSING, Operation.TFS_PREDICT: Fault.NAME_MISSING}
"""What reads a body, and what an unknown model is for it."""
JSON_LENGTH_HEADER = b"inference-header-content-length"


async def infer(inference: Inference, route: Route, request: Request) -> Response:
    """`POST /v2/models/<m>[/versions/<v>]/infer`; raises RequestError."""
    if request.refusal is not None:
        raise request.refusal
    call = Call(route.model, route.version, "ModelInfer", "REST", MISSING[route.operation])
    return await inference.run(call, partial(_prepare_infer, request))


async def predict(inference: Inference, route: Route, request: Request) -> Response:
    """`POST /v1/models/<m>[/versions/<v>]:predict`; raises RequestError."""
    if request.refusal is not None:
        raise request.refusal
    call = Call(route.model, route.version, "Predict", "REST", MISSING[route.operation])
    return await inference.run(call, partial(_prepare_predict, request))


def _prepare_infer(request: Request, servable: Servable) -> Prepared[Response]:
    length = request.headers.get(JSON_LENGTH_HEADER)
    parsed = parse_infer_request(request.body, None if length is None else length.decode("latin-1"))

    def answer(outputs: Sequence[Array]) -> Response:
        return infer_response(servable.name, servable.version_text, parsed, servable.outputs, outputs)

    return model_inputs(servable.inputs, parsed.inputs), answer


def _prepare_predict(request: Request, servable: Servable) -> Prepared[Response]:
    parsed = parse_predict_request(request.body, servable.inputs)

    def answer(outputs: Sequence[Array]) -> Response:
        return predict_response(servable.outputs, outputs, row_form=parsed.row_form)

    return parsed.inputs, answer
