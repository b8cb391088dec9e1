"""A span for each inference request, and the server told of it."""

import numpy as np
import pytest
from car_client.errors import RequestRefusedError
from car_client.kserve.connection import Connection
from car_client.kserve.http_inference import HttpInference
from car_client.kserve.inference import RequestTensor
from car_client.kserve.traced import TracedInference
from edge_common.traces import start_traces
from fake_kserve import FakeKServe, FakeModel
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_collector import collecting

PICTURE = RequestTensor.of_array("image", "UINT8", np.zeros((1, 8, 8, 3)))


def test_each_request_is_a_span_that_the_server_can_join(
    server: FakeKServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.models["cars"] = FakeModel(versions=[3])
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        traces = start_traces("car-client")
        assert traces is not None
        connection = Connection(server.url, timeout=5, joins=traces.headers)
        asking = TracedInference(HttpInference(connection), traces)
        asking.infer("cars", PICTURE, "probabilities")
        server.faults.append((400, "no such input"))
        with pytest.raises(RequestRefusedError):
            asking.infer("cars", PICTURE, "probabilities")
        connection.get("/v2")
        traces.close()
    assert [service for service, _ in collector.spans] == ["car-client"] * 2
    good, bad = (span for _, span in collector.spans)
    first = server.sent("/infer")[0].headers["traceparent"]
    assert first.startswith(f"00-{good.trace_id.hex()}-{good.span_id.hex()}-")
    assert (good.name, good.kind, bad.status.code) == (
        "inference",
        Span.SPAN_KIND_CLIENT,
        Status.STATUS_CODE_ERROR,
    )
    facts = {fact.key: fact.value.string_value for fact in good.attributes}
    assert (facts["model"], facts["version"], facts["protocol"]) == ("cars", "3", "http")
