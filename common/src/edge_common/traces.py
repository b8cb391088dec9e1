"""Traces by OpenTelemetry, for a site that names a collector of its own and has installed the extra `otel`.

Without OTEL_EXPORTER_OTLP_ENDPOINT nothing is imported, and nothing is sent anywhere.
"""

import logging
import os
from typing import TYPE_CHECKING

from edge_common.logs import get_logger

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_log = get_logger()
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SECONDS = 3.0
"""How long sending one batch may take, and so the end of the program."""


class Traces:
    """Spans of one program, sent in batches by a thread; what does not fit into its queue is dropped."""

    def __init__(self, provider: "TracerProvider") -> None:
        self._provider = provider
        self.tracer: Tracer = provider.get_tracer("edgeai-cars")

    def headers(self) -> dict[str, str]:
        """`traceparent`, by which others join the span that this thread is in; nothing outside of one."""
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - see `start_traces`
            TraceContextTextMapPropagator,
        )

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        return carrier

    def close(self) -> None:
        """Send what waits, and end the thread; done at exit, too."""
        self._provider.shutdown()


def start_traces(service: str) -> Traces | None:
    """Traces of the program `service`; None where no collector is named, or the extra is not installed."""
    named = next((name for name in _ENDPOINTS if os.environ.get(name)), None)
    if named is None:
        return None
    try:
        # imported here because hardly anybody has them, and they take 0.3 s
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        reason = (
            f"{named} is set, and {error.name} is not installed; install this program with its extra otel"
        )
        _log.warning("traces_off", reason=reason)
        return None
    provider = TracerProvider(
        resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", service)})
    )
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)  # a line for each batch is enough
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_SECONDS)))
    return Traces(provider)
