"""What is told after each step of a loop that is real, over a bucket and a server moved by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from edge_common.errors import RetryableError
from hand_sidecar import HandSidecar
from model_sync.planning.uploads import Phase
from model_sync.status.report import Posted, changes, since_when, start_swap_traces
from model_sync.status.version_reports import VersionReport
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp_collector import collecting


class Logged(Protocol):
    """What the fixture `logged` offers."""

    lines: list[dict[str, Any]]

    def of(self, event: str) -> list[dict[str, Any]]: ...


@pytest.fixture
def sidecar(tmp_path: Path) -> HandSidecar:
    return HandSidecar(tmp_path)


def _version(posted: Posted, model: str, bucket_version: str) -> dict[str, Any]:
    versions: list[dict[str, Any]] = posted.document["models"][model]["versions"]
    return next(entry for entry in versions if entry["source"] == bucket_version)


def _loads(sidecar: HandSidecar, result: str) -> float | None:
    return sidecar.metrics.registry.get_sample_value("model_sync_ovms_reloads_total", {"result": result})


def test_nothing_is_told_before_the_first_step(sidecar: HandSidecar) -> None:
    assert sidecar.posted == Posted()


def test_it_has_started_once_the_bucket_was_asked_whatever_it_answered(sidecar: HandSidecar) -> None:
    sidecar.store.fail_with(RetryableError("the store is away; start it"))
    sidecar.step(look=True)
    assert sidecar.posted.readiness.started
    assert sidecar.posted.document["store"]["reachable"] is False
    assert sidecar.posted.document["cycle"]["result"] == "error"
    assert sidecar.posted.document["cycle"]["error"] == "the store is away; start it"


def test_a_follower_has_started_without_a_listing_of_its_own(sidecar: HandSidecar) -> None:
    sidecar.report(writes=False)
    assert sidecar.posted.readiness.started
    assert sidecar.posted.document["role"] == "follower"


def test_it_is_ready_while_its_own_server_has_what_was_confirmed(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/1/model.onnx", b"good 1")
    sidecar.pass_time(20)
    ready = [sidecar.posted.readiness.ready]
    for change in (sidecar.ovms.stop, sidecar.ovms.start, sidecar.ovms.poll, sidecar.ovms.poll):
        change()
        sidecar.step()
        ready.append(sidecar.posted.readiness.ready)
    assert ready == [True, False, False, False, True], "a server that is back has to load everything anew"


def test_with_an_empty_volume_it_is_ready_once_it_serves_what_the_bucket_has(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/1/model.onnx", b"good 1")
    sidecar.store.put("vans/1/model.onnx", b"good 2")
    sidecar.step(look=True)
    ready = [sidecar.posted.readiness.ready]
    sidecar.pass_time(20)
    ready.append(sidecar.posted.readiness.ready)
    sidecar.store.put("cars/2/model.onnx", b"good 3")
    sidecar.step(look=True)
    ready.append(sidecar.posted.readiness.ready)
    assert ready == [False, True, True], "before, requests are refused; later, the old version answers"


def test_with_an_empty_volume_and_an_empty_bucket_it_is_ready_at_once(sidecar: HandSidecar) -> None:
    sidecar.step(look=True)
    assert sidecar.posted.readiness.ready


def test_with_an_empty_volume_it_does_not_wait_forever_for_the_store(sidecar: HandSidecar) -> None:
    sidecar.store.fail_with(RetryableError("the store is away; start it"))
    sidecar.step(look=True)
    assert not sidecar.posted.readiness.ready
    sidecar.pass_time(602)
    assert sidecar.posted.readiness.ready


def test_each_change_is_one_line_and_no_change_is_none(sidecar: HandSidecar, logged: Logged) -> None:
    sidecar.store.put("cars/1/model.onnx", b"good 1")
    sidecar.pass_time(20)
    assert [line["bucket_version"] for line in logged.of("version_serving")] == ["1"]
    told = len(logged.lines)
    sidecar.pass_time(10)
    assert logged.lines[told:] == []
    sidecar.store.remove_folder("cars/")
    sidecar.pass_time(200)
    assert [(line["model"], line["bucket_version"]) for line in logged.of("version_gone")] == [("cars", "1")]


def test_a_state_keeps_the_time_of_its_beginning(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/1/model.onnx", b"good 1")
    sidecar.pass_time(20)
    since = _version(sidecar.posted, "cars", "1")["since"]
    sidecar.pass_time(10)
    assert _version(sidecar.posted, "cars", "1")["since"] == since


def test_a_volume_that_refuses_and_a_removal_hold_are_notices(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/1/model.onnx", b"good 1")
    sidecar.pass_time(20)
    sidecar.store.lists_nothing = True
    sidecar.reconciler.step(look=True)
    sidecar.reconciler.note_volume_error("cannot write to the volume: No space left on device")
    sidecar.report()
    lacking, error = sidecar.posted.document["notices"]
    assert "lacks 1 of 1 models" in lacking
    assert error == "cannot write to the volume: No space left on device"


def test_a_load_that_succeeds_is_counted_and_timed(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/1/model.onnx", b"good 1")
    sidecar.pass_time(20)
    assert (_loads(sidecar, "success"), _loads(sidecar, "error")) == (1, 0)
    count = "model_sync_activation_duration_seconds_count"
    assert sidecar.metrics.registry.get_sample_value(count) == 1


def test_a_load_that_fails_is_counted(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/1/model.onnx", b"good 1")
    sidecar.pass_time(20)
    sidecar.store.put("cars/2/model.onnx", b"broken 2")
    sidecar.pass_time(20)
    assert (_loads(sidecar, "success"), _loads(sidecar, "error")) == (1, 1)
    assert _version(sidecar.posted, "cars", "2")["state"] == "rejected"


def test_new_content_under_the_same_number_is_counted_for_each_number_it_loads_under(
    sidecar: HandSidecar,
) -> None:
    sidecar.store.put("cars/1/model.onnx", b"good 1")
    sidecar.pass_time(20)
    sidecar.store.put("cars/1/model.onnx", b"good, again")
    sidecar.pass_time(40)
    assert sidecar.answering("cars") == {b"good, again"}
    assert (_loads(sidecar, "success"), _loads(sidecar, "error")) == (3, 0), "first, bridge, own number"


def test_what_was_served_before_the_start_is_no_load(sidecar: HandSidecar) -> None:
    sidecar.store.put("cars/1/model.onnx", b"good 1")
    sidecar.pass_time(20)
    sidecar.start()
    sidecar.pass_time(20)
    assert _loads(sidecar, "success") == 1


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


_ROW = VersionReport("cars", "2", Phase.ACTIVATING, local_version=2)
_KEY = ("cars", "2")


def test_a_version_that_comes_changes_and_goes_is_a_change_each_time() -> None:
    (came,) = changes({}, {_KEY: _ROW})
    assert came.log_line == (
        "version_activating",
        {"model": "cars", "bucket_version": "2", "local_version": 2, "reason": ""},
    )
    (went,) = changes({_KEY: _ROW}, {})
    assert went.log_line == ("version_gone", {"model": "cars", "bucket_version": "2"})


def test_another_reason_is_told_and_progress_is_not() -> None:
    assert changes({_KEY: _ROW}, {_KEY: replace(_ROW, progress=0.5, digest="sha256:0")}) == []
    (change,) = changes({_KEY: _ROW}, {_KEY: replace(_ROW, reason="waiting for the model server to answer")})
    assert not change.is_of_phase


def test_what_is_only_passed_through_is_told_at_debug() -> None:
    told = {
        phase: changes({}, {_KEY: replace(_ROW, phase=phase)})[0].is_told_at_info
        for phase in (Phase.DOWNLOADING, Phase.ACTIVATING, Phase.SERVING, Phase.REJECTED)
    }
    assert list(told.values()) == [False, False, True, True]
    assert changes({_KEY: _ROW}, {})[0].is_told_at_info


def test_a_load_ends_when_what_was_activating_serves_or_is_rejected() -> None:
    def ended(before: Phase, after: Phase) -> Phase | None:
        rows = [{_KEY: replace(_ROW, phase=phase)} for phase in (before, after)]
        return changes(*rows)[0].ended_load

    assert ended(Phase.ACTIVATING, Phase.SERVING) is Phase.SERVING
    assert ended(Phase.ACTIVATING, Phase.REJECTED) is Phase.REJECTED
    assert ended(Phase.ACTIVATING, Phase.RETIRING) is None
    assert ended(Phase.WAITING, Phase.REJECTED) is None, "the server never saw it"


def test_a_phase_keeps_the_time_of_its_beginning_and_loses_it_with_the_version() -> None:
    since = since_when({}, changes({}, {_KEY: _ROW}), 10.0)
    other_reason = replace(_ROW, reason="the model server cannot load it at the moment and tries again")
    since = since_when(since, changes({_KEY: _ROW}, {_KEY: other_reason}), 20.0)
    assert since == {_KEY: 10.0}
    serving = replace(_ROW, phase=Phase.SERVING)
    since = since_when(since, changes({_KEY: other_reason}, {_KEY: serving}), 30.0)
    assert since == {_KEY: 30.0}
    assert since_when(since, changes({_KEY: serving}, {}), 40.0) == {}
