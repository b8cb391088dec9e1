"""The REST application: each operation of `routes` answered from the catalogue. Knows no sockets."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from ovms_lite.errors import Fault, RequestError
from ovms_lite.reload.cycle import Reloader
from ovms_lite.rest.routes import Operation, Route, find_route
from ovms_lite.serving.catalogue import Catalogue, VersionRecord, servable_now
from ovms_lite.serving.infer import Call, Inference, Prepared
from ovms_lite.serving.metrics import Metrics
from ovms_lite.serving.servable import Servable
from ovms_lite.wire.http_message import EMPTY, TEXT, Request, Response, error_response, json_response
from ovms_lite.wire.kserve_request import parse_infer_request
from ovms_lite.wire.kserve_response import SERVER_NAME, infer_response, model_metadata
from ovms_lite.wire.model_inputs import model_inputs
from ovms_lite.wire.tensors import Array
from ovms_lite.wire.tfs_request import parse_predict_request
from ovms_lite.wire.tfs_response import predict_response, signature_metadata, version_status

MISSING = {Operation.INFER: Fault.SERVABLE_MISSING, Operation.TFS_PREDICT: Fault.NAME_MISSING}
"""What reads a body, and what an unknown model is for it."""
JSON_LENGTH_HEADER = b"inference-header-content-length"


class Application:
    """Turns a request into an answer, at once or, for inference and reload, later."""

    def __init__(
        self,
        catalogue: Catalogue,
        inference: Inference,
        reloader: Reloader,
        metrics: Metrics | None,
        version: str,
    ) -> None:
        self._catalogue = catalogue
        self._inference = inference
        self._reloader = reloader
        self._metrics = metrics
        self._version = version
        self._immediate: dict[Operation, Callable[[Route], Response]] = {
            Operation.CONFIG_STATUS: self._config_status,
            Operation.SERVER_METADATA: self._server_metadata,
            Operation.LIVE: lambda _route: EMPTY,
            Operation.READY: self._ready,
            Operation.METRICS: self._render_metrics,
            Operation.MODEL_METADATA: self._model_metadata,
            Operation.MODEL_READY: self._model_ready,
            Operation.OPENAI_LIST: self._openai_list,
            Operation.OPENAI_MODEL: self._openai_model,
            Operation.TFS_STATUS: self._tfs_status,
            Operation.TFS_METADATA: self._tfs_metadata,
            Operation.TFS_OTHER: _not_a_resource,
            Operation.PREFLIGHT: lambda _route: EMPTY,
        }

    def __call__(self, request: Request) -> Response | Awaitable[Response]:
        """The answer, or what will become the answer; never raises RequestError."""
        try:
            route = find_route(request.method, request.target)
            match route.operation:
                case Operation.INFER | Operation.TFS_PREDICT:
                    return _answered(self._infer(route, request))
                case Operation.CONFIG_RELOAD:
                    return _answered(self._reload())
                case operation:
                    return self._immediate[operation](route)
        except RequestError as error:
            return error_response(error)

    def reader_of_body(self, method: str, target: str) -> str | None:
        """The model whose inference needs the body of such a request, None when nothing does.

        Raises RequestError for a model that does not exist: that is the answer, whatever the body.
        """
        route = find_route(method, target)
        missing = MISSING.get(route.operation)
        return None if missing is None else self._catalogue.model(route.model, missing).name

    async def _infer(self, route: Route, request: Request) -> Response:
        """`infer` of KServe and `:predict` of TensorFlow Serving."""
        if request.refusal is not None:
            raise request.refusal
        is_kserve = route.operation is Operation.INFER
        method, prepare = ("ModelInfer", _prepare_infer) if is_kserve else ("Predict", _prepare_predict)
        call = Call(route.model, route.version, method, "REST", MISSING[route.operation])
        return await self._inference.run(call, partial(prepare, request))

    async def _reload(self) -> Response:
        # Shielded: a client that gives up must not leave the models half-way between two configurations.
        failure = await asyncio.shield(self._reloader.run_cycle(forced=True))
        if failure is not None:
            raise failure
        return json_response(self._states())

    def _states(self) -> dict[str, Any]:
        """Every known model by name, in ascending order of names and versions."""
        models = self._catalogue.models
        return {name: _shown(models[name].ordered()) for name in sorted(models)}

    def _config_status(self, _route: Route) -> Response:
        return json_response(self._states())

    def _server_metadata(self, _route: Route) -> Response:
        return json_response({"name": SERVER_NAME, "version": self._version})

    def _ready(self, _route: Route) -> Response:
        if not self._reloader.first_cycle_done:
            raise RequestError(Fault.NOT_READY)
        return EMPTY

    def _render_metrics(self, _route: Route) -> Response:
        if self._metrics is None:
            raise RequestError(Fault.URL_INVALID)
        return Response(200, (self._metrics.render(self._catalogue.servables()),), content_type=TEXT)

    def _model_metadata(self, route: Route) -> Response:
        model = self._catalogue.model(route.model)
        servable = servable_now(model, route.version)
        self._count(servable, "ModelMetadata")
        versions = [other.version_text for other in model.available()]
        return json_response(
            model_metadata(
                model.name, versions, servable.shown_inputs, servable.shown_outputs, servable.model_info
            )
        )

    def _model_ready(self, route: Route) -> Response:
        model = self._catalogue.model(route.model)
        self._count(servable_now(model, route.version, Fault.VERSION_NOT_LOADED), "ModelReady")
        return EMPTY

    def _openai_list(self, _route: Route) -> Response:
        models = [_openai_entry(servable) for servable in self._catalogue.default_servables()]
        return json_response({"data": models, "object": "list"})

    def _openai_model(self, route: Route) -> Response:
        model = self._catalogue.model(route.model, Fault.OPENAI_MODEL_MISSING)
        servable = model.default()
        if servable is None:
            raise RequestError(Fault.OPENAI_MODEL_MISSING)
        return json_response(_openai_entry(servable))

    def _tfs_status(self, route: Route) -> Response:
        model = self._catalogue.model(route.model)
        records = model.ordered()
        if route.version is not None:
            records = [record for record in records if record.version == route.version]
            if not records:
                raise RequestError(Fault.VERSION_MISSING)
        servable = next(iter(model.available()), None)
        if servable is not None:
            self._count(servable, "GetModelStatus")
        return json_response(_shown(records))

    def _tfs_metadata(self, route: Route) -> Response:
        servable = servable_now(self._catalogue.model(route.model), route.version)
        self._count(servable, "GetModelMetadata")
        return json_response(
            signature_metadata(
                servable.name, servable.version_text, servable.shown_inputs, servable.shown_outputs
            )
        )

    def _count(self, servable: Servable, method: str) -> None:
        if self._metrics is not None:
            self._metrics.count(servable.name, servable.version_text, method, "REST", success=True)


async def _answered(answer: Awaitable[Response]) -> Response:
    try:
        return await answer
    except RequestError as error:
        return error_response(error)


def _shown(records: Iterable[VersionRecord]) -> dict[str, Any]:
    return version_status((record.version, record.state) for record in records)


def _not_a_resource(_route: Route) -> Response:
    raise RequestError(Fault.RESOURCE_MISSING)


def _openai_entry(servable: Servable) -> dict[str, object]:
    return {"id": servable.name, "object": "model", "created": servable.loaded_at, "owned_by": "OVMS"}


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
