import sys

import pytest
from collected_logs import collected_logs
from edge_common.traces import start_traces


def test_without_the_extra_one_line_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with collected_logs() as logged:
        assert start_traces("car-client") is None
    (line,) = logged.of("traces_off")
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set" in line["reason"]
    assert line["reason"].endswith("install this program with its extra otel")
