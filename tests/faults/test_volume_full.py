"""The volume is full.

The sidecar runs on while from its k-th change on everything that needs room is refused (ENOSPC), for k = 1,
2, 3 ... until a publication no longer reaches the k-th. Then a real file system of 12 MiB is filled to the
brim.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from answers import answer_of, config_faults, digest_of, entry_of, put_version, wait_answer
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.waiting import wait_until
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind
from quick_settings import QUICK
from tiny_models import write_model
from volume_watch import VolumeWatch
from warm_stack import warm_stack
from wrapped_sidecar import FatefulSidecar

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

WITHIN = 30.0
MOST_STEPS, FEWEST_STEPS = 150, 8
SETTINGS = {"PREFLIGHT": "off", "CONCURRENCY": "1", "EVENTS": "off", "STATUS_TO_BUCKET": "off"}
FULL = "No space left on device"
MEBIBYTE = 1024 * 1024


def sentences(stack: Stack) -> str:
    """All that the status says about what is wrong."""
    status = stack.status()
    reasons = [v["reason"] for model in status["models"].values() for v in model["versions"]]
    return " | ".join(filter(None, [status["cycle"]["error"], *reasons, *status["notices"]]))


@pytest.mark.fault(
    "no room (ENOSPC) from every single change of a publication on",
    "the old version answers, nothing half-written, status or log say it, room ends it without a restart",
)
def test_a_volume_that_fills_up_at_any_step_is_told_and_survived(
    idle_stack: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    sidecar = FatefulSidecar(idle_stack)
    process = sidecar.start(**SETTINGS)
    idle_stack.start_server()
    digests: set[str] = set()

    def upload(version: int) -> None:
        folder = write_model(tmp_path / str(version), float(version))
        digests.add(digest_of(folder / "model.onnx"))
        put_version(idle_stack.store.client(), folder, f"car/{version}")

    upload(1)
    wait_answer(idle_stack, "car", 1.0, within=WITHIN)
    watch = VolumeWatch(idle_stack.folder.volume, {"car": digests})
    untold: list[str] = []
    steps = 0
    with watch, Load(idle_stack.ports.server_url, "car", threads=1) as load:
        for step in range(1, MOST_STEPS):
            version = step + 1
            sidecar.obey(f"refuse {step}")
            upload(version)
            if not _is_refused(idle_stack, sidecar, version):
                break
            steps = step
            hit = sidecar.hits[0]
            if not _is_told(idle_stack, and_log=True):
                untold.append(hit)
            assert config_faults(idle_stack.folder.volume) == [], hit
            assert answer_of(idle_stack, "car") in {float(version - 1), float(version)}
            sidecar.obey(None)
            wait_answer(idle_stack, "car", float(version), within=WITHIN)
    assert process.exit_code is None
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    assert watch.faults == []
    assert untold == [], "nobody is told that the volume is full"
    assert steps >= FEWEST_STEPS
    seen(f"{steps} steps refused, 0 of {summary.requests} requests failed")


@pytest.mark.fault(
    "no room (ENOSPC) for config.json alone",
    "the old version answers and the status says why the new one does not",
)
def test_a_config_file_that_cannot_be_written_is_told_in_the_status(
    idle_stack: Stack, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    sidecar = FatefulSidecar(idle_stack)
    sidecar.start(**SETTINGS)
    idle_stack.start_server()
    client = idle_stack.store.client()
    put_version(client, write_model(tmp_path / "1", 1.0), "car/1")
    wait_answer(idle_stack, "car", 1.0, within=WITHIN)
    sidecar.obey("refuse 1 config.json")
    put_version(client, write_model(tmp_path / "2", 2.0), "car/2")
    wait_until("the refusal", lambda: None if sidecar.hits else "none yet", within=WITHIN)
    assert answer_of(idle_stack, "car") == 1.0
    told = _is_told(idle_stack)
    seen("told in the status" if told else "told in the log only")
    assert told


def _is_refused(stack: Stack, sidecar: FatefulSidecar, version: int) -> bool:
    """Whether the order strikes before the version is served and everything after it is done."""
    quiet_since: float | None = None
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if sidecar.hits:
            return True
        if entry_of(stack, "car", version).get("state") != "serving":
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > 1.0:
            return False
        time.sleep(0.05)
    pytest.fail(f"version {version} is neither refused nor served")


def _is_told(stack: Stack, *, and_log: bool = False) -> bool:
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        log = stack.folder.log("sidecar").read_text() if and_log else ""
        if FULL in sentences(stack) or FULL in log:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB of its own; needs the right to mount, as root has it."""
    volume = tmp_path / "stack" / "volume"
    volume.mkdir(parents=True)
    options = f"size={12 * MEBIBYTE},mode=0755,uid={os.getuid()}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(volume)]
    if os.geteuid() != 0:
        # in a user namespace of its own a mount would not be seen by the other processes
        pytest.fail("this test mounts a small file system: run it as root")
    subprocess.run(mount, check=True, capture_output=True, text=True)
    try:
        yield volume
    finally:
        subprocess.run(["umount", "--lazy", str(volume)], check=True)


@pytest.mark.fault(
    "a real file system of 12 MiB without a free byte",
    "the old version answers, the status says what is missing, room ends it without a restart",
)
def test_a_really_full_file_system_is_told_and_survived(
    small_volume: Path, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    settings = {**QUICK, "MIN_FREE_BYTES": "0"}
    options = StackOptions(root=tmp_path / "stack", store=StoreKind.AUTO, sidecar_settings=settings)
    with warm_stack(options) as stack:
        stack.start_store()
        stack.start_sidecar()
        stack.start_server()
        client = stack.store.client()
        put_version(client, write_model(tmp_path / "1", 1.0), "car/1")
        wait_answer(stack, "car", 1.0, within=WITHIN)
        filler = small_volume / "filler"
        with Load(stack.ports.server_url, "car", threads=1) as load:
            _fill(filler)
            put_version(client, write_model(tmp_path / "2", 2.0, padding=4 * MEBIBYTE), "car/2")
            wait_until("the status says why", lambda: _names_space(stack), within=WITHIN)
            assert answer_of(stack, "car") == 1.0
            filler.unlink()
            waited = wait_answer(stack, "car", 2.0, within=WITHIN)
        assert summarize(load.answers()).failures == 0
        requests = summarize(load.answers()).requests
        seen(f"0 of {requests} requests failed, served {waited:.0f} s after room was made")


def _names_space(stack: Stack) -> str | None:
    told = sentences(stack)
    return None if "space" in told or "room" in told else f"it says {told!r}"


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler:
        block = bytes(64 * 1024)
        while block:
            try:
                filler.write(block)
            except OSError:
                block = block[: len(block) // 2]
