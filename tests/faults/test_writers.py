"""Several writers on one volume.

Three sidecars share one volume and one bucket. Only one may write; the others wait, and one of them takes
over.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from answers import put_version, wait_answer
from edge_stack.components import sidecar_command
from edge_stack.measuring.load import Load, summarize
from edge_stack.processes.ports import ReservedPort
from edge_stack.processes.running import RunningProcess
from edge_stack.processes.waiting import http_answers, wait_until
from edge_stack.stack import Stack
from tiny_models import write_model

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(120)]

WITHIN = 30.0


@dataclass
class Writers:
    """Sidecars on one volume, in the order of their start."""

    stack: Stack
    processes: list[RunningProcess]

    def holder(self) -> int | None:
        """Process id of whoever holds the volume's lock, as the kernel says; None: nobody."""
        lock = (self.stack.folder.volume / ".model-sync" / "lock").stat()
        device = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if "->" not in words and words[5] == device:
                return int(words[4])
        return None

    def wait_holder(self, pids: set[int]) -> int:
        def look() -> str | None:
            holder = self.holder()
            return None if holder in pids else f"{holder} holds it"

        wait_until("another sidecar holding the volume", look, within=WITHIN)
        holder = self.holder()
        assert holder is not None
        return holder


@pytest.fixture
def writers(idle_stack: Stack, tmp_path: Path) -> Iterator[Writers]:
    """Three, and version 1 of car served."""
    with ExitStack() as ports:
        processes = []
        for number in range(3):
            port = idle_stack.ports.sidecar if number == 0 else ports.enter_context(ReservedPort(0))
            settings = {"HTTP_PORT": str(port.number), "INSTANCE": f"writer-{number}"}
            plain = sidecar_command(
                idle_stack.folder, idle_stack.ports, idle_stack.sidecar_environment(**settings)
            )
            log = idle_stack.folder.log(f"writer-{number}")
            process = idle_stack.processes.start(
                replace(plain, name=f"writer-{number}", ports=(port,), log=log)
            )
            path = "startupz" if number == 0 else "healthz"
            process.wait_ready(http_answers(f"http://127.0.0.1:{port.number}/{path}"), within=WITHIN)
            processes.append(process)
        idle_stack.start_server()
        put_version(idle_stack.store.client(), write_model(tmp_path / "1", 1.0), "car/1")
        wait_answer(idle_stack, "car", 1.0, within=WITHIN)
        yield Writers(idle_stack, processes)


@pytest.mark.fault(
    "three writers; the active one is killed (-9), then its successor, each while a version arrives",
    "one writer at any time, the next takes over and finishes, no request fails",
)
def test_a_killed_writer_is_succeeded_by_exactly_one_other(
    writers: Writers, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    stack, client = writers.stack, writers.stack.store.client()
    living = {process.pid: process for process in writers.processes}
    takeovers = []
    with Load(stack.ports.server_url, "car", threads=1) as load:
        for version in (2, 3):
            holder = writers.wait_holder(set(living))
            put_version(client, write_model(tmp_path / str(version), float(version)), f"car/{version}")
            living.pop(holder).kill()
            begun = time.monotonic()
            writers.wait_holder(set(living))
            takeovers.append(time.monotonic() - begun)
            wait_answer(stack, "car", float(version), within=WITHIN)
    assert all(process.exit_code is None for process in living.values())
    summary = summarize(load.answers())
    assert summary.failures == 0, summary.first_error
    seen(f"taken over after {max(takeovers):.1f} s at most, 0 of {summary.requests} requests failed")


@pytest.mark.fault(
    "three writers; the active one is frozen (SIGSTOP) and goes on later",
    "nobody writes beside it meanwhile, what serves stays, it finishes after it goes on",
)
def test_a_frozen_writer_keeps_the_volume_to_itself(
    writers: Writers, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    stack, client = writers.stack, writers.stack.store.client()
    holder = writers.holder()
    frozen = next(process for process in writers.processes if process.pid == holder)
    with Load(stack.ports.server_url, "car", threads=1) as load:
        frozen.send_signal(signal.SIGSTOP)
        before = _fingerprint(stack.folder.volume)
        put_version(client, write_model(tmp_path / "2", 2.0), "car/2")
        time.sleep(4.0)
        assert _fingerprint(stack.folder.volume) == before, "another sidecar wrote beside the frozen one"
        assert writers.holder() == holder
        frozen.send_signal(signal.SIGCONT)
        wait_answer(stack, "car", 2.0, within=WITHIN)
    assert summarize(load.answers()).failures == 0
    seen("4 s frozen, no change on the volume, then served")


def _fingerprint(volume: Path) -> set[tuple[str, int, int]]:
    """Everything that sidecars share on the volume; replicas/ holds what each says of itself."""
    return {
        (str(path), path.stat().st_ino, path.stat().st_mtime_ns)
        for path in volume.rglob("*")
        if "replicas" not in path.parts and path.name != "replicas" and path.is_file()
    }
