"""A stack that keeps running after the command that started it: up, and down again."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from edge_common.errors import EdgeError, FatalError, RejectedError, RetryableError

from edge_stack import machine
from edge_stack.background.record import StackRecord, end_recorded, only_one, read_record
from edge_stack.background.supervisor import NAME
from edge_stack.components import StackFolder
from edge_stack.processes.waiting import LOOK_EVERY_SECONDS, wait_until
from edge_stack.stack import StackOptions
from edge_stack.store.store import StoreKind

COMPONENTS = ("store", "sidecar", "server", "client")
NEEDED_BYTES = 256 * machine.MEBIBYTE
"""Free space without which nothing is started: room for the sample models, twice, and logs."""
_ANOTHER_STARTS_WITHIN_SECONDS = 300.0
_SUPERVISOR_ENDS_WITHIN_SECONDS = 20.0
_LOCK_WITHIN_SECONDS = 10.0
_UP_LOCK = "up.lock"
"""Held by an `up` for as long as it runs; the supervisor holds one of its own."""
_ERRORS = {error.exit_code: error for error in (FatalError, RejectedError, RetryableError)}


def bring_up(
    options: StackOptions, models: Path | None = None, pictures: Path | None = None
) -> tuple[StackRecord, bool]:
    """Have all components run in the background, supervised; returns the record and whether it was done now.

    A stack that runs is left as it is; FatalError when it has another store or page address than asked for.
    One that is started now gets the versions in `models` that its bucket lacks, and serves them when this
    returns; `pictures` are played as a camera would deliver them. When starting fails, or is interrupted,
    nothing is left running.
    """
    folder = StackFolder(options.root.absolute())
    folder.make()
    with only_one(folder, _UP_LOCK, within=_ANOTHER_STARTS_WITHIN_SECONDS):
        if (known := _wait_started(folder)) is not None:
            _check_is_as_asked(known, options)
            return known, False
        if (why := machine.fault(folder.root, NEEDED_BYTES)) is not None:
            raise FatalError(f"nothing was started: {why}")
        _start_supervisor(folder, options, models, pictures)
        record = read_record(folder.record)
    if record is None:
        raise RetryableError("the stack was ended as soon as it had started; run `edge-stack up` again")
    return record, True


def take_down(root: Path) -> Sequence[str]:
    """End the background stack of a state folder, also one that is being started. May be repeated.

    Returns the components that still ran. Raises RetryableError when another command does the same.
    """
    folder = StackFolder(root.absolute())
    if not folder.root.exists() or not _is_or_will_be_recorded(folder):
        return []
    record = read_record(folder.record)
    ended = []
    if record is not None and record.supervisor is not None and record.is_supervised():
        ended = [process.name for process in record.running()] or [NAME]
        _end_supervisor(record.supervisor.pid, record)
    with only_one(folder, within=_LOCK_WITHIN_SECONDS):
        left = read_record(folder.record)
        ended.extend(name for name in (end_recorded(left) if left else []) if name not in ended)
        folder.record.unlink(missing_ok=True)
    return ended


def _is_or_will_be_recorded(folder: StackFolder) -> bool:
    """Whether there is a record, now or as soon as the `up` that runs has begun."""
    deadline = time.monotonic() + _LOCK_WITHIN_SECONDS
    while not folder.record.exists():
        try:
            with only_one(folder, _UP_LOCK):
                return folder.record.exists()
        except RetryableError:
            if time.monotonic() > deadline:
                raise
        time.sleep(LOOK_EVERY_SECONDS)
    return True


def _wait_started(folder: StackFolder) -> StackRecord | None:
    """The record of a stack that runs, once it is ready when another command starts it now."""

    def look() -> str | None:
        record = read_record(folder.record)
        starting = record is not None and record.is_supervised() and not record.ready
        return "another command starts it" if starting else None

    wait_until(f"the stack in {folder.root}", look, within=_ANOTHER_STARTS_WITHIN_SECONDS)
    record = read_record(folder.record)
    return record if record is not None and record.is_supervised() else None


def _check_is_as_asked(record: StackRecord, options: StackOptions) -> None:
    again = "run `edge-stack down` first (nothing is lost), then `up` again"
    if options.store not in (StoreKind.AUTO, record.store_kind):
        raise FatalError(
            f"a stack with the store {record.store_kind} runs already; {again}. Each store keeps its own "
            "objects: give `--models` to have models in the other one, too"
        )
    if options.page_host != record.page_host:
        raise FatalError(f"a stack whose page listens on {record.page_host} runs already; {again}")


def _start_supervisor(
    folder: StackFolder, options: StackOptions, models: Path | None, pictures: Path | None
) -> None:
    """Start it and wait for its word; raises what it says, and ends it when this command is interrupted."""
    argv = [
        *(sys.executable, "-m", "edge_stack.background.supervisor", "--dir", folder.root),
        *("--store", options.store, "--host", options.page_host),
        *(("--models", models) if models else ()),
        *(("--pictures", pictures) if pictures else ()),
    ]
    with folder.log(NAME).open("ab") as errors:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    if child.stdout is None:
        raise FatalError("the supervisor has no output")  # never so: it was asked for
    try:
        with child.stdout as output:
            line = output.readline()
    except BaseException:
        child.terminate()
        _wait_end(child)
        raise
    if not line:
        raise RetryableError(f"the stack was ended while it started; the log is {folder.log(NAME)}")
    answer = json.loads(line)
    if "error" in answer:
        _wait_end(child)
        error: type[EdgeError] = _ERRORS.get(answer["exit_code"], FatalError)
        raise error(answer["error"])


def _wait_end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(_SUPERVISOR_ENDS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()  # its guard ends the components


def _end_supervisor(pid: int, record: StackRecord) -> None:
    """SIGTERM, after 20 s SIGKILL; its guard then ends the components."""
    try:
        process = psutil.Process(pid)
        if record.is_supervised():
            process.send_signal(signal.SIGTERM)
            process.wait(_SUPERVISOR_ENDS_WITHIN_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()
