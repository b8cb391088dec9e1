"""ovms-lite against the recorded answers of a real OpenVINO Model Server 2026.2.1.

The recordings and their runner lie outside this repository: in `../shared/reference/ovms-recorded` beside
it, or where the variable OVMS_RECORDED says. Every `must` case has to pass. Every `quirk` case has to pass
too, except those in DIFFERENT_ON_PURPOSE, which server-container/README.md explains; a case there that
passes is an error as well, so that the list stays true.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

JOBS = "4"  # the scenarios mostly wait for polls; those that need the machine run one at a time anyway

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


def _replay(
    recordings: Path, name: str, scratch: Path, *, jobs: str = JOBS, only: Sequence[str] = ()
) -> list[dict[str, Any]]:
    command = shlex.quote(str(Path(sys.executable).with_name("ovms-lite")))
    server = (
        f"{command} --config_path {{config}} --rest_port {{port}} --rest_bind_address 127.0.0.1 "
        "--file_system_poll_wait_seconds 1"
    )
    results = scratch / "results.json"
    flags = ["--server", server, "--set", name, "--jobs", jobs, "--store", str(scratch / "models")]
    flags += [word for case in only for word in ("--only", case)]
    # Bytecode is not written: the folder of the recordings may be read-only.
    done = subprocess.run(
        [sys.executable, "-B", str(recordings / "replay.py"), *flags, "--json", str(results)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert results.is_file(), done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(results.read_text())
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["wire", "scenarios"])
def test_every_recorded_case_is_answered_as_ovms_does_or_differs_on_purpose(
    recordings: Path, tmp_path: Path, name: str
) -> None:
    results = _replay(recordings, name, tmp_path)
    recorded = {
        case["id"]: case["kind"] for case in json.loads((recordings / f"{name}.json").read_text())["cases"]
    }
    assert {result["id"] for result in results} == set(recorded), "the runner left cases out"
    failed = {result["id"]: result["differences"] for result in results if not result["passed"]}
    # Some scenarios hold a request open or end the server within seconds; on two cores that other tests use,
    # they may run out of time. What differs unexpectedly is asked once more, one case at a time.
    unexpected = sorted(set(failed) ^ DIFFERENT_ON_PURPOSE[name])
    if unexpected:
        for result in _replay(recordings, name, tmp_path, jobs="1", only=unexpected):
            failed.pop(result["id"], None)
            if not result["passed"]:
                failed[result["id"]] = result["differences"]
        print(f"asked twice: {', '.join(unexpected)}")  # noqa: T201 - shown when the test fails all the same
    must_failed = {case: failed[case] for case in failed if recorded[case] == "must"}
    assert must_failed == {}
    assert set(failed) == DIFFERENT_ON_PURPOSE[name]
    print(f"{name}: {len(recorded) - len(failed)} as OVMS, {len(failed)} different on purpose")  # noqa: T201 - the count
