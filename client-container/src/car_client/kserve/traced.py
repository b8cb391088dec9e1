"""A span for each inference request, which the server can join by its `traceparent`."""

from typing import Any

from edge_common.traces import Traces

from car_client.kserve.inference import InferenceAnswer, InferenceServer, RequestTensor


class TracedInference:
    """An InferenceServer that asks `server`, and tells how long that took and what came of it."""

    def __init__(self, server: InferenceServer, traces: Traces) -> None:
        self._server = server
        self._traces = traces
        self.protocol = server.protocol

    def infer(self, model: str, tensor: RequestTensor, output: str) -> InferenceAnswer:
        """As `InferenceServer` says; an error is told with the span, too."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - it is on, else nobody makes one of these

        facts: dict[str, Any] = {"model": model, "protocol": self.protocol, "shape": list(tensor.shape)}
        with self._traces.tracer.start_as_current_span(
            "inference", kind=SpanKind.CLIENT, attributes=facts
        ) as span:
            answer = self._server.infer(model, tensor, output)
            span.set_attribute("version", answer.model_version)
            return answer
