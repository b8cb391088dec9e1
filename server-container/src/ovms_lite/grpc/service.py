"""What each method of the gRPC service answers, from the catalogue. Runs on the event loop of the models."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from ovms_lite.errors import Fault, RequestError
from ovms_lite.grpc import inference as grpc_inference
from ovms_lite.grpc.messages import message_class
from ovms_lite.repository.find import MAX_VERSION
from ovms_lite.serving.catalogue import Catalogue, servable_now
from ovms_lite.serving.infer import Inference
from ovms_lite.serving.metrics import Metrics
from ovms_lite.serving.servable import Servable
from ovms_lite.wire.kserve_response import SERVER_NAME, model_metadata

_VERSION = re.compile(r"0|[1-9][0-9]{0,18}")


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
        self._methods: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ServerMetadata": self._server_metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._model_infer,
        }

    async def answer(self, method: str, request: Any) -> Any:
        """The response of `method` to the request message; raises RequestError."""
        return await self._methods[method](request)

    async def _server_live(self, _request: Any) -> Any:
        return message_class("ServerLiveResponse")(live=True)

    async def _server_ready(self, _request: Any) -> Any:
        return message_class("ServerReadyResponse")(ready=self._is_ready())

    async def _server_metadata(self, _request: Any) -> Any:
        return message_class("ServerMetadataResponse")(name=SERVER_NAME, version=self._version)

    async def _model_ready(self, request: Any) -> Any:
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

    async def _model_metadata(self, request: Any) -> Any:
        """As by REST, without rt_info: the protocol has no field for it."""
        model = self._catalogue.model(request.name)
        servable = servable_now(model, _version_of(request.version))
        self._count(servable, "ModelMetadata")
        versions = [other.version_text for other in model.available()]
        return message_class("ModelMetadataResponse")(
            **model_metadata(model.name, versions, servable.shown_inputs, servable.shown_outputs, {})
        )

    async def _model_infer(self, request: Any) -> Any:
        return await grpc_inference.infer(self._inference, _version_of(request.model_version), request)

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
