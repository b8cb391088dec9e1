from pathlib import Path

import pytest
from hand_sidecar import HandSidecar
from model_sync.status.swap_traces import start_swap_traces
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_collector import collecting


def _facts(span: Span) -> dict[str, str]:
    return {fact.key: fact.value.string_value for fact in span.attributes}


def test_each_swap_is_one_trace_from_the_upload_seen_to_the_version_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        sidecar = HandSidecar(tmp_path)
        swaps = sidecar.reporter.traces = start_swap_traces()
        assert swaps is not None
        sidecar.store.put("m/1/model.onnx", b"one")
        sidecar.store.put("bad/1/model.bin", b"no description")
        sidecar.store.put("bad/1/model.xml", b"")
        sidecar.pass_time(30)
        swaps.traces.close()
    assert {service for service, _ in collector.spans} == {"model-sync"}
    spans = [span for _, span in collector.spans]
    (swap,) = (span for span in spans if _facts(span).get("model") == "m")
    steps = [span for span in spans if span.parent_span_id == swap.span_id]
    assert _facts(swap)["version"] == "1"
    assert {step.trace_id for step in steps} == {swap.trace_id}
    assert {"waiting", "activating"} <= {step.name for step in steps}
    times = [(step.start_time_unix_nano, step.end_time_unix_nano) for step in steps]
    assert swap.start_time_unix_nano == min(start for start, _ in times)
    assert swap.end_time_unix_nano == max(end for _, end in times) > swap.start_time_unix_nano
    (rejected,) = (span for span in spans if _facts(span).get("model") == "bad")
    assert rejected.status.code == Status.STATUS_CODE_ERROR
    assert "model.xml" in rejected.status.message


def test_without_a_collector_there_are_no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert start_swap_traces() is None
