"""A span for each inference request, and the server told of it."""

import json

import numpy as np
import pytest
from car_client.errors import RequestRefusedError, ServerFailedError
from car_client.kserve.connection import Connection
from car_client.kserve.http_inference import HttpInference
from car_client.kserve.inference import RequestTensor, TracedInference, parse_metadata
from edge_common.classifiers import TensorSpec
from edge_common.traces import start_traces
from fake_kserve import FakeKServe, FakeModel
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_collector import collecting


def test_what_ovms_answers_is_read_completely() -> None:
    body = {
        "name": "resnet",
        "versions": ["2", "10"],
        "platform": "OpenVINO",
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 224, 224, 3]}],
        "outputs": [{"name": "prob", "datatype": "FP32", "shape": [-1, 1000]}],
        "rt_info": {"model_info": {"labels": "cat dog", "resolution": {"height": "200"}}},
    }
    metadata = parse_metadata(json.dumps(body).encode())
    assert metadata.inputs == (TensorSpec("image", "UINT8", (-1, 224, 224, 3)),)
    assert str(metadata.inputs[0]) == "image UINT8 [?,224,224,3]"
    assert metadata.newest_version == 10
    assert metadata.model_info["labels"] == "cat dog"


def test_versions_may_be_absent() -> None:
    metadata = parse_metadata(b'{"name": "m", "inputs": [], "outputs": []}')
    assert metadata.newest_version is None


def test_versions_that_no_server_counts_to_are_left_out() -> None:
    versions = json.dumps({"name": "m", "inputs": [], "outputs": [], "versions": ["2", "9" * 5000, "v3"]})
    assert parse_metadata(versions.encode()).newest_version == 2


def test_rt_info_may_be_absent() -> None:
    metadata = parse_metadata(b'{"name": "m", "inputs": [], "outputs": []}')
    assert metadata.model_info == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"name": "m"}', b'{"name": 1, "inputs": []}'])
def test_anything_else_is_the_servers_failure(body: bytes) -> None:
    with pytest.raises(ServerFailedError, match="not KServe v2 metadata"):
        parse_metadata(body)


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
