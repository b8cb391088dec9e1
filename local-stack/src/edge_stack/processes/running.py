"""Starting programs, waiting for their real readiness, keeping their logs, and leaving nothing behind.

    with Processes() as processes:
        server = processes.start(Command(name="server", argv=["ovms-lite", ...], log=folder / "server.log"))
        server.wait_ready(http_answers(f"{url}/v2/health/ready"), within=20)

Leaving the context ends what was started, last first. Every program is a process group of its own, and
its first act, before it becomes the program, is to enter itself into the guard's book: so there is no moment
at which the death of this process would leave it running.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Self

from edge_common.errors import FatalError, RejectedError, RetryableError

from edge_stack.processes.command import Child, Command, Spawn, log_tail, spawn
from edge_stack.processes.guard import GRACE_SECONDS, signal_group
from edge_stack.processes.waiting import Probe, wait_until

_A_MOMENT_SECONDS = 0.2


class RunningProcess:
    """A started program and everything it has started itself."""

    def __init__(self, command: Command, child: Child) -> None:
        self.command = command
        self._child = child

    @property
    def name(self) -> str:
        """The name in messages and tables."""
        return self.command.name

    @property
    def pid(self) -> int:
        """Process id, also the id of its process group."""
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._child.poll()

    def raise_if_ended(self) -> None:
        """Raise FatalError with the log's last lines when the program is not running any more."""
        if self.exit_code is not None:
            raise FatalError(f"{self.name} ended with exit code {self.exit_code}; {self._log_words()}")

    def wait_ready(self, probe: Probe, *, within: float) -> float:
        """Wait until `probe` is content; returns the seconds it took.

        Raises FatalError as soon as the program ends, and RetryableError after `within` seconds; both quote
        the last lines of its log.
        """

        def look() -> str | None:
            self.raise_if_ended()
            return probe()

        try:
            return wait_until(f"{self.name} ready", look, within=within)
        except RetryableError as error:
            raise RetryableError(f"{error}; {self._log_words()}") from error

    def wait_ended(self, *, within: float) -> int:
        """Wait for the program to end by itself; returns its exit code, or raises RetryableError."""
        try:
            return self._child.wait(within)
        except subprocess.TimeoutExpired as error:
            raise RetryableError(f"{self.name} still runs after {within:g} s; {self._log_words()}") from error

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and its children; nothing happens when it has ended."""
        if self.exit_code is None:
            signal_group(self.pid, number)

    def stop(self, *, grace: float = GRACE_SECONDS) -> int:
        """SIGTERM, after `grace` seconds SIGKILL, also for children left behind; returns the exit code."""
        if self.exit_code is None:
            signal_group(self.pid, signal.SIGTERM)
            signal_group(self.pid, signal.SIGCONT)  # a paused process could not act on the first signal
        try:
            code = self._child.wait(grace)
        except subprocess.TimeoutExpired:
            signal_group(self.pid, signal.SIGKILL)
            code = self._child.wait()
        signal_group(self.pid, signal.SIGKILL)
        return code

    def kill(self) -> int:
        """SIGKILL at once, as in a crash; returns the exit code."""
        self.send_signal(signal.SIGKILL)
        return self._child.wait()

    def _log_words(self) -> str:
        tail = log_tail(self.command.log)
        if not tail:
            return f"its log {self.command.log} is empty"
        return f"the end of its log {self.command.log}:\n{tail}"


class Processes:
    """Starts programs and ends them all when its context is left, or when this process dies."""

    def __init__(self, spawn: Spawn = spawn) -> None:
        self._spawn = spawn
        self._running: list[RunningProcess] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self._book = -1

    def __enter__(self) -> Self:
        guard_end, self._book = os.pipe()
        try:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "edge_stack.processes.guard"],
                stdin=guard_end,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(guard_end)
        return self

    def __exit__(self, *_error: object) -> None:
        """End what still runs, last started first, then let the guard go."""
        try:
            self.stop_all()
        finally:
            os.close(self._book)
            if self._guard is not None:
                self._guard.wait()

    @property
    def running(self) -> Sequence[RunningProcess]:
        """What was started and not yet stopped, in the order of starting."""
        return tuple(self._running)

    def raise_if_ended(self) -> None:
        """Raise FatalError when one has ended by itself, though something answers in its place."""
        for process in self._running:
            process.raise_if_ended()

    def start(self, command: Command) -> RunningProcess:
        """Start a program; returns at once. Raises FatalError when there is no such program.

        A program of the same name that has ended by itself, or was killed, is replaced by it in the books.
        """
        program = shutil.which(command.argv[0])
        if program is None:
            raise FatalError(
                f"{command.name}: there is no program {command.argv[0]}; install it (make setup)"
            )
        for killed in [
            one for one in self._running if one.name == command.name and one.exit_code is not None
        ]:
            self.stop(killed)
        for port in command.ports:
            port.let_program_listen()
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with (
            command.log.open("ab") as log,
            (command.output or command.log).open("wb" if command.output else "ab") as output,
        ):
            child = self._spawn(
                [program, *command.argv[1:]],
                book=self._book,
                stdout=output,
                stderr=log,
                env=command.environment(),
            )
        process = RunningProcess(command, child)
        self._running.append(process)
        return process

    def run(self, command: Command, *, within: float) -> bytes:
        """Run a program to its end; returns what it wrote to `output`.

        Raises RejectedError with the end of its log when it fails, RetryableError when it takes longer than
        `within` seconds; it is ended then.
        """
        process = self.start(command)
        try:
            code = process.wait_ended(within=within)
        finally:
            self.stop(process)
        if code != 0:
            raise RejectedError(f"{command.name} ended with exit code {code}:\n{log_tail(command.log)}")
        return command.output.read_bytes() if command.output else b""

    def stop(self, process: RunningProcess, *, grace: float = GRACE_SECONDS) -> int:
        """End one program and strike it from the books; returns its exit code."""
        code = process.stop(grace=grace)
        self._running.remove(process)
        os.write(self._book, f"-{process.pid}\n".encode())
        return code

    def stop_all(self, *, within: float | None = None) -> dict[str, int]:
        """End everything, last started first; returns exit codes by name.

        Each gets a grace time of its own, or all of them together `within` seconds and a moment more.
        """
        deadline = None if within is None else time.monotonic() + within
        codes = {}
        for process in reversed(self.running):
            left = GRACE_SECONDS if deadline is None else max(_A_MOMENT_SECONDS, deadline - time.monotonic())
            codes[process.name] = self.stop(process, grace=left)
        return codes
