"""What is kept of a stack in the background: its lock, and the proof by which its processes are ended."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

import psutil
from edge_common.atomic_files import replace_file
from edge_common.errors import FatalError, RetryableError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_stack.components import StackFolder
from edge_stack.processes.guard import GRACE_SECONDS, signal_group
from edge_stack.processes.ports import HOST
from edge_stack.processes.running import RunningProcess
from edge_stack.processes.waiting import LOOK_EVERY_SECONDS
from edge_stack.store.store import StoreKind

_SAME_START_SECONDS = 1.0
"""Start times are compared with this tolerance: the system derives them from a clock that may be adjusted."""


class ProcessRecord(BaseModel):
    """A process and the proof that a pid still is that process."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    started: float
    """Unix seconds of its start."""
    log: Path
    restarts: int = 0
    """How often it was started again after it had ended by itself."""
    last_end: str = ""
    """How it ended the last time, with the last line of its log; empty: it never did."""

    @classmethod
    def of(cls, process: RunningProcess, *, restarts: int = 0, last_end: str = "") -> Self:
        """The record of a process; `started` is 0 when it has ended already."""
        started, log = _start_of(process.pid), process.command.log
        return cls(
            name=process.name, pid=process.pid, started=started, log=log, restarts=restarts, last_end=last_end
        )

    @classmethod
    def of_this_one(cls, name: str, log: Path) -> Self:
        """The record of the process that calls."""
        return cls(name=name, pid=os.getpid(), started=_start_of(os.getpid()), log=log)

    def runs(self) -> bool:
        """Whether that very process still runs; False when it ended or its pid now is another's."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


class StackRecord(BaseModel):
    """The content of `stack.json`."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    started: datetime = Field(default_factory=lambda: datetime.now(UTC))
    supervisor: ProcessRecord | None = None
    """What started the others, and starts them again; None: written by a release that had none."""
    ready: bool = True
    """False while it is being started."""
    store: str
    """Which store it is, for people."""
    store_kind: StoreKind = StoreKind.AUTO
    page_host: str = HOST
    """Address that the page listens on."""
    addresses: dict[str, str]
    """Name of an address (`server`, `sidecar`, `page`, `store`, `console`) -> URL."""
    environment: dict[str, str]
    """What `model-sync` and `car-client` commands for this stack need in their environment."""
    processes: tuple[ProcessRecord, ...]

    def write(self, path: Path) -> None:
        """Replace the record, readable by its owner alone: it holds the store's keys."""
        replace_file(path, self.model_dump_json(indent=2).encode(), mode=0o600)

    def running(self) -> list[ProcessRecord]:
        """The components that still run."""
        return [process for process in self.processes if process.runs()]

    def is_supervised(self) -> bool:
        """Whether somebody starts again what ends."""
        return self.supervisor is not None and self.supervisor.runs()


def _start_of(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def read_record(path: Path) -> StackRecord | None:
    """The record at `path`; None without one. Raises FatalError when it is damaged."""
    try:
        return StackRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise FatalError(
            f"{path} is not a record of a stack: end what still runs by hand (`ps`), then remove the file"
        ) from error


def end_recorded(record: StackRecord, *, grace: float = GRACE_SECONDS) -> Sequence[str]:
    """End exactly the recorded processes and what they started; returns the names of those that still ran.

    All get SIGTERM at once and SIGKILL after `grace` seconds. A pid that is another's now is left alone.
    """
    running = record.running()
    for process in running:
        signal_group(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(process.runs() for process in running) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_SECONDS)
    for process in running:
        signal_group(process.pid, signal.SIGKILL)
    return [process.name for process in running]


@contextmanager
def only_one(folder: StackFolder, lock_name: str = "lock", *, within: float = 0.0) -> Iterator[None]:
    """Hold a lock of a state folder; raises RetryableError when another has it for `within` seconds more."""
    folder.root.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + within
    with (folder.root / lock_name).open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise RetryableError(f"another edge-stack works in {folder.root}; try again") from error
            time.sleep(LOOK_EVERY_SECONDS)
        yield
