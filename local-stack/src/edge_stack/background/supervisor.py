"""The process behind `edge-stack up`: starts the components and starts again what ends, until SIGTERM.

    python -m edge_stack.background.supervisor --dir .local/stack --store auto --host 127.0.0.1

It writes one JSON line to standard output, `{}` once all are ready or `{"error": …, "exit_code": …}`, and its
log to standard error. When it dies, the guard ends the components.
"""

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edge_common.atomic_files import replace_file
from edge_common.errors import EdgeError, FatalError
from edge_common.logs import configure_logging, get_logger
from edge_common.stopping import Interrupted, raise_on_signals

from edge_stack.background.given import SampleCamera, upload_models
from edge_stack.background.record import ProcessRecord, StackRecord, end_recorded, only_one, read_record
from edge_stack.components import StackFolder, client_environment
from edge_stack.processes.command import log_tail
from edge_stack.processes.running import RunningProcess
from edge_stack.stack import Stack, StackOptions
from edge_stack.store.store import StoreKind

NAME = "supervisor"
_LOOK_EVERY_SECONDS = 0.5
_END_WITHIN_SECONDS = 4.0
"""For all components together, so that the whole is gone within five seconds."""
_LONGEST_LAST_LINE = 300
_STEADY_SECONDS = 60.0
"""Who ran that long has recovered: the next pause is the shortest again."""
_LONGEST_PAUSE = 60.0
_TOKEN_BYTES = 16
_LEAST_CHARACTERS = 16
"""What the sidecar takes for a secret."""

log = get_logger()


@dataclass(frozen=True)
class Restarts:
    """What is remembered of one component; times are seconds of one monotonic clock."""

    started_at: float
    count: int = 0
    """How often it was started again."""
    early_ends: int = 0
    """How often in a row it ended before it had run for a minute."""
    due_at: float | None = None
    """When to start it again; None while it runs."""
    pause: float = 0.0
    """Seconds of the last pause before it was or is started again."""
    last_end: str = ""

    def ended(self, now: float, words: str) -> "Restarts":
        """It has ended: to be started again after 1, 2, 4, … 60 s, the longer the more often it just did."""
        early = 1 if now - self.started_at >= _STEADY_SECONDS else self.early_ends + 1
        pause = min(_LONGEST_PAUSE, 2.0 ** min(early - 1, 6))
        return replace(self, early_ends=early, due_at=now + pause, pause=pause, last_end=words)

    def is_due(self, now: float) -> bool:
        """Whether to start it now."""
        return self.due_at is not None and now >= self.due_at

    def started(self, now: float) -> "Restarts":
        """It was started again."""
        return replace(self, started_at=now, count=self.count + 1, due_at=None)


class Supervisor:
    """Keeps the components of one stack running, and its record true."""

    def __init__(self, stack: Stack, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stack = stack
        self._clock = clock
        self._processes: dict[str, RunningProcess] = {}
        self._memory: dict[str, Restarts] = {}
        self._me = ProcessRecord.of_this_one(NAME, stack.folder.log(NAME))

    def look(self) -> None:
        """Notice who has ended, and start again who is due; a change is a line in the log."""
        before = dict(self._memory)
        self._processes.update({process.name: process for process in self._stack.processes.running})
        for name, process in self._processes.items():
            now = self._clock()
            memory = self._memory.setdefault(name, Restarts(started_at=now))
            if process.exit_code is not None and memory.due_at is None:
                memory = memory.ended(now, _how_it_ended(process))
                log.warning("component_ended", component=name, how=memory.last_end, again_in_s=memory.pause)
            if memory.is_due(now):
                memory = self._start_again(process, memory)
            self._memory[name] = memory
        if self._memory != before and before:
            try:
                self.write_record(ready=True)
            except OSError as error:
                log.warning("record_not_written", error=str(error))

    def _start_again(self, process: RunningProcess, memory: Restarts) -> Restarts:
        now, name = self._clock(), process.name
        try:
            self._processes[name] = self._stack.processes.start(process.command)
        except (FatalError, OSError) as error:
            memory = memory.ended(now, str(error))
            log.warning("component_not_started", component=name, why=str(error), again_in_s=memory.pause)
            return memory
        memory = memory.started(now)
        log.info("component_started_again", component=name, restarts=memory.count)
        return memory

    def write_record(self, *, ready: bool) -> None:
        """Replace `stack.json` by what is so now."""
        stack, ports = self._stack, self._stack.ports
        store = stack.store if stack.has_store else None
        endpoint, console = (store.endpoint, store.console) if store is not None else ("", None)
        further = {"grpc": ports.grpc_address, "store": endpoint, "console": console}
        StackRecord(
            supervisor=self._me,
            ready=ready,
            store=store.description if store is not None else "",
            store_kind=store.kind if store is not None else stack.options.store,
            page_host=stack.options.page_host,
            addresses={"server": ports.server_url, "sidecar": ports.sidecar_url, "page": ports.page_url}
            | {name: address for name, address in further.items() if address},
            environment=(stack.sidecar_environment() if store is not None else {})
            | client_environment(ports, endpoint),
            processes=tuple(map(self._record_of, self._processes.values() or stack.processes.running)),
        ).write(stack.folder.record)

    def _record_of(self, process: RunningProcess) -> ProcessRecord:
        memory = self._memory.get(process.name, Restarts(started_at=0))
        return ProcessRecord.of(process, restarts=memory.count, last_end=memory.last_end)


def supervise(
    options: StackOptions, models: Path | None, pictures: Path | None, tell_ready: Callable[[], None]
) -> None:
    """Start everything, upload `models`, play `pictures`, and keep it running until a signal.

    Nothing is left then.

    Raises RetryableError when another supervisor has the state folder, and what starting raises.
    """
    folder = StackFolder(options.root.absolute())
    with only_one(folder):
        known = read_record(folder.record)
        if known is not None:
            end_recorded(known)
        try:
            with Stack(_as_kept(options, folder)) as stack:
                delivered = stack.folder.pictures
                camera = SampleCamera(pictures, delivered, clock=time.monotonic) if pictures else None
                supervisor = Supervisor(stack)
                supervisor.write_record(ready=False)
                for step in stack.steps:
                    step()
                    supervisor.write_record(ready=False)
                if models is not None:
                    upload_models(stack, models)
                stack.processes.raise_if_ended()
                supervisor.write_record(ready=True)
                log.info("stack_ready", store=stack.store.description, page=stack.ports.page_url)
                tell_ready()
                try:
                    while True:
                        supervisor.look()
                        if camera is not None:
                            camera.look()
                        time.sleep(_LOOK_EVERY_SECONDS)
                finally:
                    stack.processes.stop_all(within=_END_WITHIN_SECONDS)
        finally:
            folder.record.unlink(missing_ok=True)


def keep_token(path: Path) -> Path:
    """Have a random token at `path`, readable by its owner alone; one that is there stays. Raises OSError."""
    there = path.read_bytes().strip() if path.exists() else b""
    if len(there) < _LEAST_CHARACTERS:
        replace_file(path, f"{secrets.token_hex(_TOKEN_BYTES)}\n".encode(), mode=0o600)
    return path


def _as_kept(options: StackOptions, folder: StackFolder) -> StackOptions:
    """What a stack has that keeps running: gRPC, metrics, and a token for what changes something."""
    token = str(keep_token(folder.operator_token))
    return replace(
        options,
        grpc=True,
        server_flags=(*options.server_flags, "--metrics_enable"),
        sidecar_settings={"API_TOKEN_FILE": token, **options.sidecar_settings},
    )


def _how_it_ended(process: RunningProcess) -> str:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    lines = log_tail(process.command.log, 1)[-_LONGEST_LAST_LINE:]
    return f"{at} exit code {process.exit_code}" + (f"; {lines}" if lines else "")


def main() -> None:
    """Supervise until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="starts the components and starts again what ends")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--store", type=StoreKind, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--pictures", type=Path)
    asked = parser.parse_args()
    raise_on_signals()
    configure_logging()
    options = StackOptions(root=asked.dir, store=asked.store, page_host=asked.host, default_ports=True)
    try:
        supervise(options, asked.models, asked.pictures, lambda: _answer({}))
    except EdgeError as error:
        _answer({"error": str(error), "exit_code": error.exit_code})
        sys.exit(error.exit_code)
    except OSError as error:
        why = f"{error.filename or asked.dir}: {error.strerror}; mend that, then start again"
        _answer({"error": why, "exit_code": FatalError.exit_code})
        sys.exit(FatalError.exit_code)
    except Interrupted as interrupted:
        log.info("stack_ended", why=str(interrupted))
        sys.exit(interrupted.exit_code)


def _answer(document: dict[str, object]) -> None:
    """Tell `up`, which may be gone; nobody reads what is written later."""
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), json.dumps(document).encode() + b"\n")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


if __name__ == "__main__":
    main()
