"""ovms-lite against the recorded answers of a real OpenVINO Model Server 2026.2.1.

Every case has to pass, except the quirks in DIFFERENT_ON_PURPOSE, which server-container/README.md explains;
one of these that passes is an error as well, so that the list stays true.
"""

from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from .conftest import Recording
from .replay.comparison import Found
from .replay.recorded_models import RecordedModels
from .replay.single_requests import ask_single_requests
from .replay.timelines import play_timelines

AT_ONCE = 8  # most of a timeline is waiting for polls

DIFFERENT_ON_PURPOSE = {
    "wire": {
        # 400 or 404 instead of 500 for mistakes of the client
        "error-dtype-bytes", "json-deep-200", "json-deep-100000", "binary-header-too-big",
        "binary-header-garbage", "binary-header-negative", "binary-header-empty", "binary-header-hex",
        "binary-header-huge",
        "binary-size-and-data", "image-garbage", "image-empty", "image-truncated-jpeg", "image-to-vector",
        "image-base64-in-json", "v3-model-missing", "method-made-up", "error-unknown-model-empty-object",
        # valid and strict JSON
        "infer-inf-nan-answer", "json-big-float-for-fp32", "json-invalid-utf8", "json-nul-byte",
        "json-duplicate-inputs-key", "json-duplicate-data-key", "binary-header-missing",
        # white space, digits and headers that no parser sees
        "content-type-exact", "config-text-layout", "infer-text-layout", "http-pipelined",
        "gzip-accepted-large",
        # types and values that arrive as they were sent
        "model-metadata-bf16", "type-json-fp16", "type-binary-fp16", "type-json-int64-beyond-int32",
        "type-json-int8-overflow", "type-json-fp64-precision", "tfs-uint8",
        # binary outputs as the protocol says
        "binary-data-output-without-list", "binary-out-one-of-two-first", "binary-out-both",
        "image-dynamic-batch-resize",
        # no 10 s wait for a version that failed
        "infer-failed-version-waits-10-s", "tfs-failed-version-waits-10-s",
    },
    "scenarios": {
        "start-base-path-dotdot", "name-leading-zero", "name-with-suffix", "broken-known-then-lower-good",
        "broken-known-then-middle-good", "broken-known-then-serving-removed", "base-path-change-same-number",
        "base-path-change-to-broken", "config-monitoring-at-run-time", "config-unknown-plugin-key",
    },
}  # fmt: skip


def _hold(recording: Recording, ask: Callable[[Collection[str]], Found]) -> None:
    """Ask everything; what differs unexpectedly is asked once more by itself, with the machine less busy."""
    on_purpose = DIFFERENT_ON_PURPOSE[recording.name]
    found = ask(())
    assert found.keys() == recording.kinds.keys()
    if unexpected := {
        case for case, differences in found.items() if bool(differences) != (case in on_purpose)
    }:
        print(f"asked twice: {', '.join(sorted(unexpected))}")  # noqa: T201 - shown when the test fails all the same
        found |= ask(unexpected)
    different = {case: differences for case, differences in found.items() if differences}
    assert {case: different[case] for case in different if recording.kinds[case] == "must"} == {}
    assert {case: different[case] for case in different.keys() - on_purpose} == {}
    assert on_purpose - different.keys() == set(), "these answer as OVMS does; take them from the list"


@pytest.fixture
def models(tmp_path: Path) -> RecordedModels:
    return RecordedModels(tmp_path)


@pytest.mark.timeout(600)
def test_single_requests_are_answered_as_by_ovms_or_differ_on_purpose(
    wire: Recording, models: RecordedModels
) -> None:
    _hold(wire, lambda cases: ask_single_requests(wire.document, models, cases))


@pytest.mark.timeout(600)
def test_timelines_go_as_with_ovms_or_differ_on_purpose(scenarios: Recording, models: RecordedModels) -> None:
    def play(cases: Collection[str]) -> Found:
        return play_timelines(scenarios.document, models, cases, at_once=1 if cases else AT_ONCE)

    _hold(scenarios, play)
